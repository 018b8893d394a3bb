"""Take one condition at a time out of the DynamoDB store, and see whether the tests notice: ``make mutants``.

Each mutant is a copy of the project with one text replaced. A mutant that no test catches is a hole in the
tests; the script then ends with 1. The test that caught one must pass on the original: those that are named
are run on it first. Names on the command line choose some of them.
"""

import importlib
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STORE = Path("c1fn/stores/dynamodb")
FILES = [
    "faults",
    "dynamodb",
    "races",
    "late_writes",
    "leftovers",
    "unreadable",
    "follower_limit",
    "owners",
    "aging",
    "forks",
    "shares",
    "chaos",
    "crowd",
]
TIME = 900  # seconds for the tests of one mutant; all of them take 60, on a busy machine five times as long


PACKAGES = ["boto3", "moto.dynamodb", "pydantic"]
"""What the tests import beside c1fn: it takes seconds, and is the same each time."""

FORKS = multiprocessing.get_context("fork")


@dataclass(frozen=True, slots=True)
class Mutant:
    name: str
    module: str
    old: str
    new: str
    where: str

    @property
    def test(self) -> str:
        """The test that is run first."""
        file, _, name = self.where.partition("::")
        return f"tests/stores/test_{file}.py::{name}"


MUTANTS = [
    Mutant(**fields) for fields in tomllib.loads((ROOT / "scripts" / "mutants.toml").read_text())["mutant"]
]


def caught(mutant: Mutant, folder: Path) -> str | None:
    """The first failure that tells the mutant from the original, or None."""
    for name in ("c1fn", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", ".cache"):
        (folder / name).symlink_to(ROOT / name)
    path = folder / STORE / f"{mutant.module}.py"
    text = path.read_text()
    if text.count(mutant.old) != 1:
        raise SystemExit(f"{mutant.name}: its text stands {text.count(mutant.old)} times in {path.name}")
    path.write_text(text.replace(mutant.old, mutant.new))
    code, told = tested(folder, [mutant.test])
    if code != 0:
        return failure(mutant, told)  # that this test passes on the original was seen before
    code, told = tested(folder, [f"tests/stores/test_{name}.py" for name in FILES])
    if code == 0:
        return None
    first = failure(mutant, told)
    if tested(ROOT, [first.split()[1]])[0] != 0:
        raise SystemExit(f"{mutant.name}: the original fails as well: {first}")
    return first


def failure(mutant: Mutant, told: str) -> str:
    """The first one. A fixture's error is the machine's, or the server's: it says nothing of the mutant."""
    failures = [line for line in told.splitlines() if line.startswith("FAILED")]
    if not failures:
        raise SystemExit(f"{mutant.name}: no test failed, and yet they did not pass:\n{told[-2000:]}")
    return failures[0]


def tested(folder: Path, tests: list[str]) -> tuple[int, str]:
    """Pytest's exit status, and what it printed. It runs in a fork that has imported the packages already."""
    with tempfile.NamedTemporaryFile() as output:
        process = FORKS.Process(target=become_tests, args=(folder, tests, output.name))
        process.start()
        process.join(TIME)
        if process.exitcode is None:
            process.kill()
            return 1, "FAILED tests/stores (they did not end)"
        return process.exitcode, Path(output.name).read_text("utf-8")


def become_tests(folder: Path, tests: list[str], output: str) -> None:
    with Path(output).open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(folder)
    os.environ |= {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    sys.dont_write_bytecode = True
    others = (path for path in sys.path if not Path(path).is_relative_to(ROOT) or "site-packages" in path)
    sys.path[:] = [str(folder), *others]
    sys.exit(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests]))


def main(names: list[str]) -> int:
    (ROOT / ".cache").mkdir(exist_ok=True)
    for package in PACKAGES:
        importlib.import_module(package)
    alive = 0
    chosen = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    code, told = tested(ROOT, sorted({mutant.test for mutant in chosen}))
    if code != 0:
        raise SystemExit(f"the original does not pass:\n{told[-2000:]}")
    for mutant in chosen:
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            failure = caught(mutant, Path(folder))
        alive += failure is None
        print(f"{mutant.name:18} {time.monotonic() - began:4.0f} s  {failure or 'NOT CAUGHT'}", flush=True)
    print(f"{len(chosen)} mutants, {alive} not caught")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
