"""Change one place of a module at a time, and see whether the module's own tests notice: ``make mutation``.

Strategy: the places are found in the syntax tree, and a seed chooses some. Each mutant is written into a copy
of the project, where the module's own test files run until the first failure. A mutant that passes all is
a survivor: a rule without a test, or a change that nobody can see. Survivors of the second kind stand in
``EQUIVALENT`` with the reason. Ends with 1 when a module is below the floor.

    python scripts/mutation.py --count 40 c1fn/chat/converse.py

cosmic-ray 8.7 and mutmut 3.8 have no operator that takes out a statement, and a missing call is what hurts.
"""

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from scripts.room_coverage import own_tests  # noqa: E402 - the path comes first

SEED = 1
COUNT = 4
"""Mutants of a module in CI, where each room is sampled; a whole run takes 40 and more."""

FLOOR = 95
"""Per cent of a module's mutants that must be caught, with those taken out that nobody can see."""

TIME = 120
"""Seconds for the tests of one mutant; the slowest file takes 40. One that hangs is caught."""

ALSO = {
    "c1fn/api/streaming.py": ["tests/api/test_app.py"],
    "c1fn/api/threads.py": ["tests/api/test_app.py"],
    "c1fn/chat/draft.py": ["tests/chat/test_converse.py"],
    "c1fn/chat/event_queue.py": ["tests/chat/test_converse.py"],
    "c1fn/identity/callers.py": ["tests/identity/test_oidc.py", "tests/api/test_isolation.py"],
    "c1fn/models/chunks.py": ["tests/models/test_c1.py"],
}
"""Test files that prove rules of a module beside its own."""

EQUIVALENT: dict[tuple[str, str], str] = {}
"""(module, mutant) → why nobody can see it."""

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


@dataclass(frozen=True, slots=True)
class Mutant:
    module: str
    line: int
    name: str
    source: str


@dataclass(slots=True)
class Place:
    """A part of the source and what stands there instead; offsets in characters."""

    start: int
    end: int
    new: str
    name: str
    line: int


class Source:
    """A module's text and its tree."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree = ast.parse(text)
        self._starts = [0]
        for line in text.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self._lines = text.splitlines()

    def span(self, node: ast.AST) -> tuple[int, int]:
        return self._offset(node.lineno, node.col_offset), self._offset(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]  # expressions and statements have them

    def _offset(self, line: int, column: int) -> int:
        text = self._lines[line - 1]
        return self._starts[line - 1] + len(text.encode()[:column].decode())

    def places(self) -> Iterator[Place]:
        hints = {id(part) for node in ast.walk(self.tree) for hint in _hints(node) for part in ast.walk(hint)}
        for node in ast.walk(self.tree):
            if id(node) in hints:
                continue
            for new, name, part in _changes(node, self):
                start, end = self.span(part)
                yield Place(start, end, new, name, part.lineno)  # type: ignore[attr-defined]  # as above

    def segment(self, node: ast.AST) -> str:
        start, end = self.span(node)
        return self.text[start:end]


def _hints(node: ast.AST) -> Iterator[ast.AST]:
    """Types: mypy's business, and of no effect while the program runs."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        yield from (found.annotation for found in arguments if found.annotation)
        if node.returns:
            yield node.returns
    elif isinstance(node, ast.AnnAssign):
        yield node.annotation
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "cast":
        yield from node.args[:1]


def _changes(node: ast.AST, source: Source) -> Iterator[tuple[str, str, ast.AST]]:
    """What may stand in the place of a node: the new text, the mutant's name, the part that it replaces."""
    yield from _of_statements(node, source)
    yield from _of_operators(node, source)
    match node:
        case ast.Constant(value=bool() as value):
            yield str(not value), f"{value} is {not value}", node
        case ast.Constant(value=int() | float() as value):
            yield str(value + 1), f"{value} is {value + 1}", node
        case ast.keyword(arg=str() as name, value=value):
            yield "None", f"{name}=None, not {_short(source.segment(value))}", value


def _of_statements(node: ast.AST, source: Source) -> Iterator[tuple[str, str, ast.AST]]:
    match node:
        case ast.Expr(value=ast.Call() | ast.Await()) | ast.Raise():
            yield "pass", f"without {_short(source.segment(node))}", node
        case ast.Return(value=ast.AST() as value) if not _is_none(value):
            yield "None", f"returns None, not {_short(source.segment(value))}", value
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            yield f"not ({source.segment(test)})", f"not: {_short(source.segment(test))}", test


def _of_operators(node: ast.AST, source: Source) -> Iterator[tuple[str, str, ast.AST]]:
    match node:
        case ast.BoolOp(op=op, values=[first, second, *_]):
            old, new = ("and", "or") if isinstance(op, ast.And) else ("or", "and")
            yield from _between(first, second, old, new, source)
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in COMPARISONS:
            old, new = COMPARISONS[type(op)]
            yield _joined(left, new, right, source), f"{_short(source.segment(node))}: {old} is {new}", node
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in SUMS:
            old, new = SUMS[type(sign)]
            yield _joined(left, new, right, source), f"{_short(source.segment(node))}: {old} is {new}", node
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield f"bool({source.segment(operand)})", f"{_short(source.segment(node))}: without not", node


def _joined(left: ast.AST, sign: str, right: ast.AST, source: Source) -> str:
    return f"{source.segment(left)} {sign} {source.segment(right)}"


def _between(
    first: ast.AST, second: ast.AST, old: str, new: str, source: Source
) -> Iterator[tuple[str, str, ast.AST]]:
    both = f"({source.segment(first)}) {new} ({source.segment(second)})"
    whole = ast.parse("0", mode="eval").body
    whole.lineno, whole.col_offset = first.lineno, first.col_offset  # type: ignore[attr-defined]  # as above
    whole.end_lineno, whole.end_col_offset = second.end_lineno, second.end_col_offset  # type: ignore[attr-defined]  # as above
    yield both, f"{_short(source.segment(first))} {old} …: {new}", whole


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _short(text: str) -> str:
    return " ".join(text.split())[:60]


def mutants(module: str) -> list[Mutant]:
    """All mutants of a module that still compile, in the order of its lines."""
    source = Source((ROOT / module).read_text("utf-8"))
    made: dict[str, Mutant] = {}
    for place in source.places():
        text = source.text[: place.start] + place.new + source.text[place.end :]
        try:
            compile(text, module, "exec")
        except SyntaxError:  # a name that takes no such value, as `assert_never`'s
            continue
        name = f"{place.line}: {place.name}"
        made[name] = Mutant(module, place.line, place.name, text)
    return sorted(made.values(), key=lambda mutant: (mutant.line, mutant.name))


class Copy:
    """The project elsewhere, where one module at a time is changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
        for name in filter(None, names.decode().split("\0")):
            if (ROOT / name).exists():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, folder / name)
        (folder / ".cache").symlink_to(ROOT / ".cache")

    def passes(self, tests: Sequence[str]) -> bool:
        command = [sys.executable, "-B", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
        try:
            done = subprocess.run(
                command, cwd=self.folder, timeout=TIME, capture_output=True, check=False,
                env={**os.environ, "PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"},
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def survives(self, mutant: Mutant, tests: Sequence[str]) -> bool:
        path = self.folder / mutant.module
        original = path.read_text("utf-8")
        path.write_text(mutant.source, "utf-8")
        try:
            return self.passes(tests)
        finally:
            path.write_text(original, "utf-8")


def judge(module: str, copies: "SimpleQueue[Copy]", count: int, seed: int) -> bool:
    """Whether the module's tests notice enough; tells who survived."""
    tests = [*own_tests(ROOT / module), *ALSO.get(module, [])]
    found = mutants(module)
    chosen = random.Random(f"{seed} {module}").sample(found, min(count, len(found)))
    chosen = [mutant for mutant in chosen if (module, mutant.name) not in EQUIVALENT]
    first = copies.get()
    began, passes = time.monotonic(), first.passes(tests)
    copies.put(first)
    if not passes:
        print(f"{module}: its tests fail on the original: {' '.join(tests)}", flush=True)
        return False

    def ask(mutant: Mutant) -> bool:
        copy = copies.get()
        try:
            return copy.survives(mutant, tests)
        finally:
            copies.put(copy)

    with ThreadPoolExecutor(copies.qsize()) as pool:
        survivors = [mutant for mutant, lives in zip(chosen, pool.map(ask, chosen), strict=True) if lives]
    share = 100 * (len(chosen) - len(survivors)) / max(1, len(chosen))
    took = time.monotonic() - began
    print(f"{share:5.1f} %  {module}  {len(chosen)} of {len(found)} mutants, {took:.0f} s", flush=True)
    for mutant in sorted(survivors, key=lambda mutant: mutant.line):
        print(f"         {mutant.line}: {mutant.name}", flush=True)
    return share >= FLOOR


def main() -> int:
    parser = argparse.ArgumentParser(description="Whether each module's own tests notice a change of it.")
    parser.add_argument("modules", nargs="*", help="as c1fn/chat/converse.py; without any: all")
    parser.add_argument("--count", type=int, default=COUNT, help=f"mutants of a module (default: {COUNT})")
    parser.add_argument("--seed", type=int, default=SEED, help="chooses the mutants")
    parser.add_argument("--jobs", type=int, default=2, help="tests at once (default: 2)")
    options = parser.parse_args()
    every = [path for path in sorted((ROOT / "c1fn").rglob("*.py")) if path.name != "__init__.py"]
    modules = options.modules or [str(path.relative_to(ROOT)) for path in [ROOT / "handler.py", *every]]
    with tempfile.TemporaryDirectory() as folder:
        copies: SimpleQueue[Copy] = SimpleQueue()
        for number in range(options.jobs):
            copies.put(Copy(Path(folder) / str(number)))
        good = [judge(module, copies, options.count, options.seed) for module in modules]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
