"""What one change of a module can be: its mutants, from the syntax tree.

A mutant has a name that outlives other edits of its file, the function and the change: ``Reply.over: without
self._wake()``. Where a function has two of one name, the second ends with `` (2)``.
"""

import ast
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

COMPARISONS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}
SUMS: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "//"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "+"),
}
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
TYPES = {"TypeVar", "ParamSpec", "cast"}
"""Calls that are mypy's business."""


@dataclass(frozen=True, slots=True)
class Mutant:
    module: str
    line: int
    name: str
    source: str

    def rank(self, seed: int) -> str:
        """Chance by a seed; an edit of one function leaves the ranks of all others."""
        return hashlib.sha256(f"{seed} {self.module} {self.name}".encode()).hexdigest()


@dataclass(slots=True)
class Change:
    """A part of the source and what stands there instead."""

    node: ast.AST
    new: str
    name: str


def mutants(module: str, text: str) -> list[Mutant]:
    """All that still compile, in the order of their lines."""
    source = _Source(text)
    made = []
    seen: Counter[str] = Counter()
    for scope, change in _found(source.tree, "", source):
        start, end = source.span(change.node)
        mutated = text[:start] + change.new + text[end:]
        try:
            compile(mutated, module, "exec")
        except SyntaxError:  # a name that takes no such value, as `assert_never`'s
            continue
        name = f"{scope or 'module'}: {change.name}"
        seen[name] += 1
        name += f" ({seen[name]})" if seen[name] > 1 else ""
        made.append(Mutant(module, change.node.lineno, name, mutated))  # type: ignore[attr-defined]  # expressions and statements have them
    return sorted(made, key=lambda mutant: mutant.line)


class _Source:
    """A module's text and its tree."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree = ast.parse(text)
        self._lines = text.splitlines(keepends=True)
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Where a node begins and ends, in characters."""
        return (
            self._offset(node.lineno, node.col_offset),  # type: ignore[attr-defined]  # as above
            self._offset(node.end_lineno, node.end_col_offset),  # type: ignore[attr-defined]  # as above
        )

    def _offset(self, line: int, column: int) -> int:
        return self._starts[line - 1] + len(self._lines[line - 1].encode()[:column].decode())

    def __getitem__(self, node: ast.AST) -> str:
        start, end = self.span(node)
        return self.text[start:end]


def _found(node: ast.AST, scope: str, source: _Source) -> Iterator[tuple[str, Change]]:
    if isinstance(node, SCOPES):
        scope = f"{scope}.{node.name}".removeprefix(".")
    for change in _changes(node, source):
        yield scope, change
    unchanged = {id(part) for part in _unchanged(node)}
    for child in ast.iter_child_nodes(node):
        if id(child) not in unchanged:
            yield from _found(child, scope, source)


def _unchanged(node: ast.AST) -> Iterator[ast.AST]:
    """Children that are not changed: types, which are mypy's business, and the figures of constants."""
    match node:
        case ast.FunctionDef(returns=ast.AST() as hint) | ast.AsyncFunctionDef(returns=ast.AST() as hint):
            yield hint
        case ast.arg(annotation=ast.AST() as hint) | ast.AnnAssign(annotation=hint):
            yield hint
        case ast.Assign(value=ast.Call(func=ast.Name(id=name)) as value) if name in TYPES:
            yield value
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if name.isupper() and _is_figure(value):
            yield value
        case ast.Call(func=ast.Name(id="cast"), args=[hint, *_]):
            yield hint
        case ast.ClassDef(decorator_list=decorators):
            yield from decorators
        case ast.Expr(value=ast.Constant() as value):  # a docstring, or an ellipsis
            yield value
        case ast.JoinedStr(values=values):  # its parts have no places of their own before Python 3.12
            yield from values
        case ast.Subscript(value=ast.Name(id="Literal"), slice=names):
            yield names


def _is_figure(value: ast.AST) -> bool:
    """A number that was chosen: tests read it where it stands, and its neighbour would do as well."""
    parts = (ast.Constant, ast.BinOp, ast.Mult, ast.Add, ast.Load)
    return all(isinstance(part, parts) for part in ast.walk(value))


def _changes(node: ast.AST, source: _Source) -> Iterator[Change]:
    yield from _of_statements(node, source)
    yield from _of_operators(node, source)
    match node:
        case ast.Constant(value=bool() as value):
            yield Change(node, str(not value), f"{value} is {not value}")
        case ast.Constant(value=int() | float() as value):
            yield Change(node, str(value + 1), f"{value} is {value + 1}")
        case ast.Constant(value=str() | bytes() as value) if _is_word(value):
            changed = repr(value[:1] + value)
            yield Change(node, changed, f"{_short(source[node])} is {_short(changed)}")
        case ast.keyword(arg=str() as name, value=value) if not _is_none(value):
            yield Change(value, "None", f"{name}=None, not {_short(source[value])}")


def _is_word(value: str | bytes) -> bool:
    """What a program compares or sends; a sentence is for people, and may be said otherwise."""
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    return _WORD.fullmatch(text) is not None


_WORD = re.compile(r"[/.:-]*[A-Za-z0-9]+[A-Za-z0-9_./:-]+")


def _of_statements(node: ast.AST, source: _Source) -> Iterator[Change]:
    match node:
        case ast.Expr(value=ast.Call(func=ast.Name(id="assert_never"))):
            pass  # mypy proves that nothing comes there
        case ast.Expr(value=ast.Call() | ast.Await()) | ast.Raise() | ast.AugAssign() | ast.Delete():
            yield Change(node, "pass", f"without {_short(source[node])}")
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield Change(node, "pass", f"without {_short(source[node])}")
        case ast.Return(value=ast.AST() as value) if not _is_none(value):
            yield Change(value, "None", f"returns None, not {_short(source[value])}")
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            if not (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"):
                yield Change(test, f"not ({source[test]})", f"not: {_short(source[test])}")
        case ast.comprehension(ifs=[test, *_]):
            yield Change(test, f"not ({source[test]})", f"not: {_short(source[test])}")
        case ast.Break():
            yield Change(node, "continue", "break is continue")
        case ast.Continue():
            yield Change(node, "break", "continue is break")


def _of_operators(node: ast.AST, source: _Source) -> Iterator[Change]:
    match node:
        case ast.BoolOp(op=op, values=[first, *rest]):
            old, new = ("and", "or") if isinstance(op, ast.And) else ("or", "and")
            both = f" {new} ".join(f"({source[value]})" for value in (first, *rest))
            yield Change(node, f"({both})", f"{_short(source[first])} {old} …: {new}")
        case ast.Compare(left=left, ops=signs, comparators=others):
            for at, sign in enumerate(signs):
                old, new = COMPARISONS[type(sign)]
                chain = [
                    new if at == place else COMPARISONS[type(each)][0] for place, each in enumerate(signs)
                ]
                tail = "".join(f" {each} {source[other]}" for each, other in zip(chain, others, strict=True))
                changed = f"({source[left]}{tail})"
                yield Change(node, changed, f"{_short(source[node])}: {old} is {new}")
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in SUMS:
            old, new = SUMS[type(sign)]
            changed = f"({source[left]} {new} {source[right]})"
            yield Change(node, changed, f"{_short(source[node])}: {old} is {new}")
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield Change(node, f"bool({source[operand]})", f"{_short(source[node])}: without not")


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _short(text: str) -> str:
    return " ".join(text.split())[:60]
