"""Reads OpenUI Lang into statements: a name and an expression each.

A model writes it piece by piece, and not always well. So nothing is an error: what is missing at the end is
taken as closed, and what cannot be understood is nothing. As in the npm package, whose trees
`tests/local/terminal/test_openui.py` compares with these.

https://www.npmjs.com/package/@openuidev/lang-core
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from c1fn.local.terminal.openui.tokens import Token, tokens

DEPTH = 60
"""Expressions within expressions that are read: more than a person could make out."""

Node = Any
"""An expression: text, a number, true, false, nothing, a list or a dict of nodes, or one of these classes."""


class TooDeep(Exception):
    """Nobody wrote this to be read."""


@dataclass(frozen=True, slots=True)
class Ref:
    """The name of another statement; of a variable, with its `$`."""

    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """A component or a function with its arguments, which have no names yet."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Op:
    """An operator: `+`, `?`, `.`, `[` and so on."""

    sign: str
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """``whole``: a line's end follows it, so nothing can be added."""

    name: str
    value: Node
    whole: bool


FUNCTIONS = frozenset(
    (
        *("Count", "First", "Last", "Sum", "Avg", "Min", "Max", "Sort", "Filter", "Round", "Abs", "Floor"),
        *("Ceil", "Each", "Run", "ToAssistant", "OpenUrl", "Set", "Reset"),
    )
)
"""Names that are called with an @ before them. Without it they are names as others are."""


def statements(text: str) -> list[Statement]:
    """:raises TooDeep: it nests without end."""
    found = _split([*tokens(text)])
    return [_statement(name, words, whole=whole) for name, words, whole in found]


def _statement(name: str, words: list[Token], *, whole: bool) -> Statement:
    return Statement(name, _Parser(words).expression(0, 0), whole)


def _split(tokens: Sequence[Token]) -> Iterator[tuple[str, list[Token], bool]]:
    """Each statement's name, the tokens after the `=`, and whether its line has ended. A line's end within
    brackets, or within the two parts of a condition, ends nothing.
    """
    at = 0
    while at < len(tokens):
        named = tokens[at].kind in ("word", "type", "state")
        if not (named and at + 1 < len(tokens) and tokens[at + 1].kind == "="):
            at = _line_end(tokens, at) + 1
            continue
        name = str(tokens[at].value)
        words, at = _expression_at(tokens, at + 2)
        if words:
            yield name, words, at < len(tokens)
        at += 1


def _line_end(tokens: Sequence[Token], at: int) -> int:
    while at < len(tokens) and tokens[at].kind != "line":
        at += 1
    return at


def _expression_at(tokens: Sequence[Token], at: int) -> tuple[list[Token], int]:
    """The tokens of an expression, and where the line's end stands that ends it."""
    words: list[Token] = []
    depth = conditions = 0
    while at < len(tokens):
        kind = tokens[at].kind
        if kind == "line":
            following = next((token.kind for token in tokens[at:] if token.kind != "line"), "end")
            if depth == 0 and conditions == 0 and following != "?":
                break
        else:
            words.append(tokens[at])
        if kind in ("(", "[", "{"):
            depth += 1
        elif kind in (")", "]", "}"):
            depth = max(0, depth - 1)
        elif depth == 0 and kind in ("?", ":"):
            conditions = max(0, conditions + (1 if kind == "?" else -1))
        at += 1
    return words, at


_BINDS = {
    **dict.fromkeys(("?",), 1),
    **dict.fromkeys(("||",), 2),
    **dict.fromkeys(("&&",), 3),
    **dict.fromkeys(("==", "!="), 4),
    **dict.fromkeys((">", "<", ">=", "<="), 5),
    **dict.fromkeys(("+", "-"), 6),
    **dict.fromkeys(("*", "/", "%"), 7),
    **dict.fromkeys((".", "["), 9),
}
"""How strongly an operator binds what stands before it."""

_UNARY = 8
_NOTHING = Token("end")


class _Parser:
    """One expression."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def expression(self, binds: int, depth: int) -> Node:
        if depth > DEPTH:
            raise TooDeep
        left = self._first(depth + 1)
        while _BINDS.get(self._next.kind, 0) > binds:
            left = self._more(left, self._take().kind, depth + 1)
        return left

    @property
    def _next(self) -> Token:
        return self._tokens[self._at] if self._at < len(self._tokens) else _NOTHING

    def _take(self) -> Token:
        token = self._next
        self._at += 1
        return token

    def _skip(self, kind: str) -> None:
        if self._next.kind == kind:
            self._at += 1

    def _first(self, depth: int) -> Node:
        token = self._take()
        if token.kind in ("text", "number", "constant"):
            return token.value
        if token.kind in ("type", "function", "word", "state"):
            return self._name(token, depth)
        return self._bracketed(token.kind, depth)

    def _bracketed(self, sign: str, depth: int) -> Node:
        match sign:
            case "[":
                return self._items("]", depth)
            case "{":
                return self._entries(depth)
            case "(":
                inner = self.expression(0, depth)
                self._skip(")")
                return inner
            case "!" | "-":
                inner = self.expression(_UNARY, depth)
                return -inner if sign == "-" and _is_number(inner) else Op(f"{sign}1", (inner,))
        return None

    def _name(self, token: Token, depth: int) -> Node:
        if token.kind == "state" and self._next.kind == "=":
            self._take()
            return Op("=", (Ref(token.value), self.expression(0, depth)))
        if token.kind in ("type", "function") and self._next.kind == "(" and self._is_called(token):
            self._take()
            return Call(token.value, tuple(self._items(")", depth)))
        return Ref(token.value)

    def _is_called(self, token: Token) -> bool:
        return token.kind == "function" or token.value not in FUNCTIONS

    def _items(self, end: str, depth: int) -> list[Node]:
        found = []
        while self._next.kind not in (end, "end"):
            found.append(self.expression(0, depth))
            self._skip(",")
        self._skip(end)
        return found

    def _entries(self, depth: int) -> dict[str, Node]:
        found: dict[str, Node] = {}
        while self._next.kind not in ("}", "end"):
            key = self._key()
            self._skip(":")
            found[key] = self.expression(0, depth)
            self._skip(",")
        self._skip("}")
        return found

    def _key(self) -> str:
        token = self._take()
        return str(token.value).removeprefix("$") if token.kind in _KEYS else "?"

    def _more(self, left: Node, sign: str, depth: int) -> Node:
        match sign:
            case "?":
                then = self.expression(0, depth)
                self._skip(":")
                return Op("?", (left, then, self.expression(0, depth)))
            case ".":
                return Op(".", (left, self._key()))
            case "[":
                index = self.expression(0, depth)
                self._skip("]")
                return Op("[", (left, index))
        return Op(sign, (left, self.expression(_BINDS[sign], depth)))


_KEYS = ("word", "type", "text", "number", "state")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
