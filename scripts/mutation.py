"""Change one place of a module at a time, and see whether the module's own tests notice: ``make mutation``.

Strategy: ``scripts/mutations.py`` finds the places, and a seed chooses some. Each mutant is written into a
copy of the project, where the module's own tests run until the first failure. Their process is a fork of one
that has imported the packages, which takes seconds and is the same each time. A mutant that passes is a
survivor: a rule without a test, or a change that nobody can see. Those of the second kind stand in
``mutation.toml`` with the reason. Ends with 1 when less than ``FLOOR`` is caught.

    python scripts/mutation.py --count 40 c1fn/chat/converse.py

cosmic-ray 8.7 and mutmut 3.8 have no operator that takes out a statement, and a missing call is what hurts.
"""

import argparse
import gc
import importlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from scripts.mutations import Mutant, mutants  # noqa: E402 - the path comes first
from scripts.room_coverage import own_tests  # noqa: E402 - as above

NOTES = tomllib.loads((ROOT / "scripts/mutation.toml").read_text("utf-8"))

FLOOR = 95
"""Per cent of the mutants that must be caught, with those taken out that nobody can see."""

FEW = 20
"""Of fewer mutants of one module no share is judged, only that of all modules together."""

TIME = 10, 2
"""Seconds for the tests of one mutant: so many, and so many times what they take without a change. One that
hangs is caught.
"""

PACKAGES = (
    "boto3", "moto", "fastapi", "openai", "httpx2", "jwt", "cryptography.x509", "mangum", "uvicorn", "rich",
    "hypothesis", "pytest_asyncio", "pytest_timeout", "anyio",
)  # fmt: skip
LEVERS = "c1fn/startup/"
"""This room's subject is what is imported when: its tests begin in a process that has imported nothing."""

ORIGINAL = 1_000_000_000
"""The time of a copied file: that of a mutant differs, so no compiled file is taken for another's."""


@dataclass(slots=True)
class Run:
    """One run of tests in a process of its own."""

    pid: int
    output: Path
    until: float
    mutant: Mutant | None
    copy: "Copy"


class Copy:
    """The project elsewhere, where one module at a time is changed. The project itself may be edited."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        self.output = folder / "output"
        names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
        for name in filter(None, names.decode().split("\0")):
            if (ROOT / name).exists():
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, self.folder / name)
                os.utime(self.folder / name, (ORIGINAL, ORIGINAL))
        (self.folder / ".cache").symlink_to(ROOT / ".cache")

    def start(self, tests: Sequence[str], mutant: Mutant | None, seconds: float) -> Run:
        if mutant:
            self._original = self.text(mutant.module)
            (self.folder / mutant.module).write_text(mutant.source, "utf-8")
        fresh = any(test.startswith(LEVERS.replace("c1fn", "tests")) for test in tests)
        pid = os.fork()
        if not pid:
            self._become_tests(tests, fresh=fresh, compiles=not mutant)
        return Run(pid, self.output, time.monotonic() + seconds, mutant, self)

    def restore(self, mutant: Mutant) -> None:
        path = self.folder / mutant.module
        path.write_text(self._original, "utf-8")
        os.utime(path, (ORIGINAL, ORIGINAL))

    def text(self, module: str) -> str:
        return (self.folder / module).read_text("utf-8")

    def _become_tests(self, tests: Sequence[str], *, fresh: bool, compiles: bool) -> None:
        """In the fork: run the tests, and end."""
        os.setpgid(0, 0)
        os.chdir(self.folder)
        with self.output.open("wb") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        os.environ["PYTHONPATH"] = str(self.folder)
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        if not compiles:
            os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        sys.dont_write_bytecode = not compiles
        arguments = [
            "-x",
            "-q",
            "--assert=plain",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            "-p",
            "no:cov",
            *tests,
        ]
        if fresh:
            os.execv(sys.executable, [sys.executable, "-m", "pytest", *arguments])  # noqa: S606 - pytest, anew
        sys.path[:] = [
            str(self.folder),
            *(
                path
                for path in sys.path
                if not Path(path or ".").is_relative_to(ROOT) or "site-packages" in path
            ),
        ]
        for name in [name for name in sys.modules if name.split(".")[0] in {"scripts", "c1fn", "handler"}]:
            del sys.modules[name]
        code = 3
        try:
            code = int(pytest.main(arguments))
        except BaseException:
            traceback.print_exc()
            raise
        finally:
            sys.stdout.flush()
            os._exit(code)


@dataclass(slots=True)
class Verdict:
    """How the tests of one module did."""

    module: str
    possible: int
    tried: int = 0
    equivalent: int = 0
    hung: int = 0
    survivors: list[Mutant] = field(default_factory=list)
    broken: str = ""

    @property
    def share(self) -> float:
        return 100 * (self.tried - len(self.survivors)) / max(1, self.tried)

    @property
    def good(self) -> bool:
        return not self.broken and (self.tried < FEW or self.share >= FLOOR)

    def __str__(self) -> str:
        if self.broken:
            return f"{self.module}: its tests fail without a change\n{self.broken}"
        caught = self.tried - len(self.survivors)
        line = f"{self.share:5.1f} %  {self.module}  {caught} of {self.tried} mutants, {self.hung} by a hang;"
        line += f" {self.equivalent} that nobody can see; {self.possible} possible"
        return "\n".join([line, *(f"         {found.line}: {found.name}" for found in self.survivors)])


def judge(module: str, copies: Sequence[Copy], count: int, seed: int, *, verbose: bool = False) -> Verdict:
    """Whether the module's tests notice."""
    tests = NOTES["tests"].get(module) or own_tests(ROOT / module)
    found = mutants(module, copies[0].text(module))
    chosen = sorted(found, key=lambda mutant: mutant.rank(seed))[:count]
    unseen = NOTES["equivalent"].get(module, {})
    for name in sorted(unseen.keys() - {mutant.name for mutant in found}):
        print(f"mutation.toml names a mutant of {module} that is no longer possible: {name}", flush=True)
    todo = [mutant for mutant in chosen if mutant.name not in unseen]
    verdict = Verdict(module, len(found), len(todo), len(chosen) - len(todo))
    began = time.monotonic()
    for run, code in _ended([copy.start(tests, None, 600) for copy in copies]):
        if code:
            verdict.broken = run.output.read_text("utf-8", "replace")[-3000:] or f"they ended with {code}"
    if verdict.broken:
        return verdict
    seconds = TIME[0] + TIME[1] * (time.monotonic() - began)
    for run, code in _all(todo, copies, tests, seconds):
        assert run.mutant
        if verbose:
            print(f"{code!s:5}  {run.mutant.line}: {run.mutant.name}  {_first_failure(run)}", flush=True)
        verdict.hung += code is None
        if code == 0:
            verdict.survivors.append(run.mutant)
    verdict.survivors.sort(key=lambda mutant: mutant.line)
    return verdict


def _all(
    todo: list[Mutant], copies: Sequence[Copy], tests: Sequence[str], seconds: float
) -> Iterator[tuple[Run, int | None]]:
    """Run the tests of each mutant, one mutant in each copy at once."""
    waiting = list(todo)
    running = [copy.start(tests, waiting.pop(0), seconds) for copy in copies if waiting]
    while running:
        for run, code in _ended(running, one=True):
            running.remove(run)
            assert run.mutant
            yield run, code
            run.copy.restore(run.mutant)
            if waiting:
                running.append(run.copy.start(tests, waiting.pop(0), seconds))


def _ended(runs: Sequence[Run], *, one: bool = False) -> Iterator[tuple[Run, int | None]]:
    """Each run with its exit code as it ends, None when its time was over."""
    left = list(runs)
    while left:
        for run in list(left):
            pid, status = os.waitpid(run.pid, os.WNOHANG)
            late = not pid and time.monotonic() > run.until
            if not pid and not late:
                continue
            if late:
                _interrupt(run.pid)
            with suppress(ProcessLookupError):
                os.killpg(run.pid, signal.SIGKILL)  # and what it has started
            left.remove(run)
            yield run, None if late else os.waitstatus_to_exitcode(status)
            if one:
                return
        time.sleep(0.01)


def _interrupt(pid: int) -> None:
    """Let the tests end the servers that they have started; those that cannot any more are killed."""
    os.kill(pid, signal.SIGINT)
    for _ in range(500):
        if os.waitpid(pid, os.WNOHANG)[0]:
            return
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def _first_failure(run: Run) -> str:
    lines = run.output.read_text("utf-8", "replace").splitlines()
    return next((line for line in lines if line.startswith(("FAILED", "ERROR"))), "")[:140]


def _options() -> Any:
    parser = argparse.ArgumentParser(description="Whether each module's own tests notice a change of it.")
    parser.add_argument("modules", nargs="*", help="as c1fn/chat/converse.py; without any: all")
    parser.add_argument("--core", action="store_true", help="the modules that mutation.toml names as core")
    parser.add_argument("--quick", action="store_true", help="those of them that it names as quick")
    parser.add_argument("--count", type=int, default=1_000_000, help="mutants of a module (default: all)")
    parser.add_argument("--seed", type=int, default=1, help="chooses the mutants")
    parser.add_argument("--jobs", type=int, default=2, help="tests at once (default: 2)")
    parser.add_argument("--verbose", action="store_true", help="tell each mutant and the test that caught it")
    return parser.parse_args()


def main() -> int:
    options = _options()
    every = [path for path in sorted((ROOT / "c1fn").rglob("*.py")) if path.name != "__init__.py"]
    modules = options.modules or [str(path.relative_to(ROOT)) for path in [ROOT / "handler.py", *every]]
    if options.core or options.quick:
        modules = NOTES["quick" if options.quick else "core"]
    for package in PACKAGES:
        importlib.import_module(package)
    gc.freeze()  # no fork looks at what was imported again: half of its time
    with tempfile.TemporaryDirectory() as folder:
        copies = [Copy(Path(folder) / str(number)) for number in range(options.jobs)]
        verdicts = []
        for module in modules:
            verdicts.append(judge(module, copies, options.count, options.seed, verbose=options.verbose))
            print(verdicts[-1], flush=True)
    tried = sum(verdict.tried for verdict in verdicts)
    share = 100 - 100 * sum(len(verdict.survivors) for verdict in verdicts) / max(1, tried)
    print(f"{share:5.1f} %  of {tried} mutants", flush=True)
    return 0 if all(verdict.good for verdict in verdicts) and share >= FLOOR else 1


if __name__ == "__main__":
    sys.exit(main())
