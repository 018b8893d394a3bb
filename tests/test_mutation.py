"""What `make mutation` changes in a module."""

import tomllib
from pathlib import Path

import pytest

from scripts.mutations import mutants

ROOT = Path(__file__).parent.parent


def names(text: str) -> list[str]:
    return [mutant.name for mutant in mutants("m.py", text)]


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("a < b", "(a <= b)"),
        ("a < b <= c", "(a < b < c)"),
        ("a is not None", "(a is None)"),
        ("a and b and c", "((a) or (b) or (c))"),
        ("not a", "bool(a)"),
        ("a + b", "(a - b)"),
        ("f(True)", "f(False)"),
        ("f(7)", "f(8)"),
        ("f('word')", "f('wword')"),
        ("f(a=b)", "f(a=None)"),
        ("f(a)", "pass"),
        ("await f(a)", "pass"),
        ("raise a", "pass"),
        ("a.b = c", "pass"),
        ("a += 1", "pass"),
        ("del a", "pass"),
        ("return a", "return None"),
        ("if a:\n  pass", "if not (a):\n  pass"),
        ("while a:\n  break", "while a:\n  continue"),
        ("[a for a in b if a]", "[a for a in b if not (a)]"),
    ],
)
def test_one_place_is_changed_at_a_time(text: str, changed: str) -> None:
    body = "\n".join(f"  {line}" for line in text.splitlines())
    made = [mutant.source for mutant in mutants("m.py", f"async def f():\n{body}\n")]
    assert "async def f():\n" + "\n".join(f"  {line}" for line in changed.splitlines()) + "\n" in made


@pytest.mark.parametrize(
    "text",
    [
        '"""What it does."""',
        "def f(a: list[int] = None) -> int: ...",
        "LIMIT = 64 * 1024",
        "a: Literal['b', 'cc'] = None",
        "f'{a + 1} words'",
        "'a sentence for people'",
        "b'\\r\\n'",
        "assert_never(a)",
    ],
)
def test_what_has_no_rule_is_left_alone(text: str) -> None:
    assert names(text) == []


def test_a_name_is_the_function_and_the_change_and_no_line() -> None:
    text = "class A:\n  def b(self):\n    c(1)\n    c(1)\n"
    found = ["A.b: without c(1)", "A.b: 1 is 2", "A.b: without c(1) (2)", "A.b: 1 is 2 (2)"]
    assert sorted(names(text)) == sorted(found)
    assert names(text) == names("\n\n\n" + text)


def test_an_edit_of_one_function_changes_no_rank_of_another() -> None:
    text = "def a():\n  return b\n"
    (alone,) = mutants("m.py", text)
    (*_, beside) = mutants("m.py", "def c():\n  d()\n" + text)
    assert (alone.rank(1), alone.rank(2)) == (beside.rank(1), beside.rank(2))
    assert alone.rank(1) != alone.rank(2)


def test_the_notes_name_files_that_exist() -> None:
    notes = tomllib.loads((ROOT / "scripts/mutation.toml").read_text("utf-8"))
    modules = {*notes["core"], *notes["quick"], *notes["tests"], *notes["equivalent"]}
    tests = {test.partition("::")[0] for listed in notes["tests"].values() for test in listed}
    assert [name for name in sorted(modules | tests) if not (ROOT / name).exists()] == []
