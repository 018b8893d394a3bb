"""Is every room covered by its own tests? Reads the data of `pytest --cov --cov-context=test` (make cover).

A line counts for a room when one of the room's own test files ran it, in this process or in one it started.
Prints each module with its share and the lines that are missing; exits 1 when one is below the floor.
"""

import sys
from pathlib import Path

from coverage import Coverage

ROOT = Path(__file__).parent.parent
WITHOUT_LOGIC = {"__init__.py"}
"""A port, or a package's front: its parts' tests are its own."""

FLOOR = 90
"""Per cent: what is left are guards that only a broken platform reaches."""


def own_tests(module: Path) -> list[str]:
    """A module's own test files: `c1fn/a/b.py` has `tests/a/test_b.py`; a part of a package may share the
    package's, `tests/test_a.py`. Relative to the root; empty when there are none.
    """
    inside = Path(*module.relative_to(ROOT).parts[1:]) if module.parent != ROOT else Path(module.name)
    inside = inside.parent if inside.stem == "__init__" else inside
    tests = Path("tests")
    own = [tests / inside.parent / f"test_{inside.stem.strip('_')}{suffix}.py" for suffix in ("", "_command")]
    shared = tests / inside.parent.parent / f"test_{inside.parent.name}.py"
    found = [path for path in own if (ROOT / path).exists()] or [shared]
    return [str(path) for path in found if (ROOT / path).exists()]


def main() -> int:
    coverage = Coverage(data_file=str(ROOT / ".coverage"))
    coverage.load()
    data = coverage.get_data()
    poor = 0
    for module in [ROOT / "handler.py", *sorted((ROOT / "c1fn").rglob("*.py"))]:
        _, lines, _, _, _ = coverage.analysis2(str(module))
        if not lines or module.name in WITHOUT_LOGIC:
            continue
        names = own_tests(module)
        ran = {
            line
            for line, contexts in data.contexts_by_lineno(str(module)).items()
            # The empty context is what runs at import, and all that a started process runs.
            if any(not context or context.startswith(tuple(names)) for context in contexts)
        }
        missing = sorted(set(lines) - ran)
        share = 100 * (len(lines) - len(missing)) / len(lines)
        poor += share < FLOOR
        mark = "" if share >= FLOOR else "  <-- below the floor"
        print(f"{share:6.1f} %  {module.relative_to(ROOT)}  {_ranges(missing)}{mark}")
    return 1 if poor else 0


def _ranges(lines: list[int]) -> str:
    return ",".join(map(str, lines[:12])) + ("…" if len(lines) > 12 else "")


if __name__ == "__main__":
    sys.exit(main())
