"""Puts the statements of a program together: names are replaced by what they stand for, arguments get names.

A name may be used before its statement has come. So a component at the top is settled when all that it
leads to is there, and everything before it is settled too.
"""

import operator
from collections.abc import Callable, Mapping, Sequence

from c1fn.local.terminal.openui.language import FUNCTIONS, Call, Node, Op, Ref, Statement

NODES = 100_000
"""Values of one program: a few lines can name each other so that they stand for billions."""

ROOTS = ("Card", "Stack")
"""The components that hold all others: of a chat, and of a page."""

QUERIES = ("Query", "Mutation")
"""Calls of tools from the page, which nothing here can run: their third argument stands in for the result."""

Library = Mapping[str, Sequence[str]]
"""The names of each component's arguments, in order."""


class Program:
    """:param ended: no more of it comes."""

    def __init__(self, statements: Sequence[Statement], library: Library, *, ended: bool) -> None:
        self._values = {statement.name: statement.value for statement in statements}
        last = statements[-1] if statements else None
        self._growing = last.name if last and not (ended or last.whole) else None
        self._library = library
        self._ended = ended
        self._left = NODES
        self._within: set[str] = set()
        self._open = False  # something that has not come, or not wholly, was met

    def root(self) -> Node:
        """The whole tree, as far as it has come."""
        return self.value(self._values.get(self._entry()))

    def shown(self) -> tuple[list[dict[str, object]], int]:
        """What stands in the root's card, until the first that has not come wholly; how many have."""
        entry = self._entry()
        root = self._values.get(entry)
        nodes = [root]
        if isinstance(root, Call) and root.name in ROOTS and root.arguments:
            nodes = root.arguments[0] if isinstance(root.arguments[0], list) else nodes
        shown: list[dict[str, object]] = []
        settled = 0
        for number, node in enumerate(nodes, 1):
            self._open = entry != "root" or (entry == self._growing and number == len(nodes))
            value = self.value(node)
            if isinstance(value, dict) and "component" in value:
                shown.append(value)
            if self._open and not self._ended:
                return shown, settled
            settled = len(shown)
        return shown, settled

    def _entry(self) -> str:
        """The statement with which it begins: `root`, or what a model that forgot it has meant."""
        calls = [name for name, value in self._values.items() if _is_component(value)]
        cards = [name for name in calls if self._values[name].name == ROOTS[0]]
        named = [name for name in ("root", ROOTS[0]) if name in self._values]
        return next(iter([*named, *cards, *calls, *self._values]), "")

    def value(self, node: Node) -> Node:
        """What an expression stands for; nothing where it cannot be known."""
        self._left -= 1
        if self._left < 0:
            return None
        if isinstance(node, Ref):
            return self._named(node.name)
        if isinstance(node, Call):
            return self._called(node)
        if isinstance(node, Op):
            return _computed(node.sign, [self.value(part) for part in node.parts])
        return self._several(node)

    def _several(self, node: Node) -> Node:
        if isinstance(node, list):
            values = [(item, self.value(item)) for item in node]
            return [one for item, one in values if one is not None or not isinstance(item, Ref | Call)]
        return {key: self.value(part) for key, part in node.items()} if isinstance(node, dict) else node

    def _named(self, name: str) -> Node:
        if name not in self._values or name in self._within:
            self._open = True
            return None
        self._open |= name == self._growing
        self._within.add(name)
        try:
            return self.value(self._values[name])
        finally:
            self._within.discard(name)

    def _called(self, call: Call) -> Node:
        arguments = [self.value(argument) for argument in call.arguments]
        if call.name in FUNCTIONS or call.name == "Action":
            return {"function": call.name, "arguments": arguments}
        if call.name in QUERIES:
            return next(iter(arguments[2:]), None)
        if call.name not in self._library:
            return None
        return {"component": call.name, "props": dict(zip(self._library[call.name], arguments, strict=False))}


def _is_component(value: Node) -> bool:
    return isinstance(value, Call) and value.name not in (*FUNCTIONS, *QUERIES, "Action")


def _computed(sign: str, values: list[Node]) -> Node:
    """What an operator makes of its parts; nothing where they are not what it takes."""
    try:
        return _SIGNS[sign](*values)
    except (TypeError, ArithmeticError):
        return None


def _add(left: Node, right: Node) -> Node:
    if isinstance(left, str) or isinstance(right, str):
        return f"{_text(left)}{_text(right)}"
    return _number(left) + _number(right)


def _text(value: Node) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _number(value: Node) -> float:
    """:raises TypeError: it is none. Python also multiplies texts, and a model could make a long one."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise TypeError


def _of_numbers(compute: Callable[[float, float], Node]) -> Callable[[Node, Node], Node]:
    return lambda left, right: compute(_number(left), _number(right))


def _member(whole: Node, key: str) -> Node:
    """A field; of a list, the field of each."""
    if isinstance(whole, list):
        return [_member(item, key) for item in whole]
    return whole.get(key) if isinstance(whole, dict) else None


def _item(whole: Node, key: Node) -> Node:
    if isinstance(whole, list) and isinstance(key, int):
        return whole[key] if 0 <= key < len(whole) else None
    return whole.get(key) if isinstance(whole, dict) else None


_SIGNS: Mapping[str, Callable[..., Node]] = {
    "+": _add,
    "-": _of_numbers(operator.sub),
    "*": _of_numbers(operator.mul),
    "/": _of_numbers(operator.truediv),
    "%": _of_numbers(operator.mod),
    ">": _of_numbers(operator.gt),
    "<": _of_numbers(operator.lt),
    ">=": _of_numbers(operator.ge),
    "<=": _of_numbers(operator.le),
    "==": operator.eq,
    "!=": operator.ne,
    "&&": lambda left, right: left and right,
    "||": lambda left, right: left or right,
    "?": lambda condition, then, other: then if condition else other,
    "!1": operator.not_,
    "-1": lambda value: -_number(value),
    "=": lambda _, value: value,
    ".": _member,
    "[": _item,
}
