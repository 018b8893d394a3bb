"""Take one condition at a time out of the DynamoDB store, and see whether the tests notice: ``make mutants``.

Each mutant is a copy of the project with one text replaced. A mutant that no test catches is a hole in the
tests; the script then ends with 1. The test that caught one must pass on the original. Names on the command
line choose some of them.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
STORE = Path("c1fn/stores/dynamodb")
TESTS = ["tests/stores/test_faults.py", "tests/stores/test_dynamodb.py", "tests/stores/test_chaos.py"]
TESTS += ["tests/stores/test_crowd.py"]
TIME = 300  # seconds for the tests of one mutant; they take 40


@dataclass(frozen=True, slots=True)
class Mutant:
    name: str
    module: str
    old: str
    new: str


MUTANTS = [
    Mutant(
        "claim",
        "threads",
        '"attribute_not_exists(#run) AND attribute_not_exists(#gone)"',
        '"attribute_not_exists(#gone)"',
    ),
    Mutant(
        "gone",
        "threads",
        "attribute_not_exists(#run) AND attribute_not_exists(#gone)",
        "attribute_not_exists(#run)",
    ),
    Mutant(
        "late-lock",
        "threads",
        "AND (attribute_not_exists(#last) OR #last <> :attempt)",
        "AND :attempt = :attempt",
    ),
    Mutant(
        "ours",
        "threads",
        '_OURS = "#run.#attempt = :attempt"',
        '_OURS = "attribute_exists(#pk) AND :attempt = :attempt"',
    ),
    Mutant(
        "lost-lock",
        "threads",
        "return row.run is not None and row.run.attempt == run.attempt",
        "return False",
    ),
    Mutant("generation", "threads", "N(row.generation + 1)", "N(row.generation)"),
    Mutant(
        "new-number",
        "turns",
        '_NEW = "attribute_not_exists(#sk) OR #expires_at < :now"',
        '_NEW = "attribute_not_exists(#nothing) OR #expires_at < :now"',
    ),
    Mutant(
        "same-attempt",
        "turns",
        '_STILL = "#attempt = :attempt"',
        '_STILL = "attribute_exists(#sk) AND :attempt = :attempt"',
    ),
    Mutant("tombstones", "turns", 'if sk.startswith("T#") else', 'if sk.startswith("?") else'),
    Mutant(
        "next-tombstone",
        "turns",
        "await self._write([_put(self._tombstone(spot.pk, turn_sk(n + 1)))])",
        "pass",
    ),
    Mutant("expired", "turns", "(expires is None or expires > self._clock())", "True"),
    Mutant("discard", "turns", "if stands.body.token != row.body.token:", "if True:"),
    Mutant("onward", "threads", '"#n <= :new_n"', '":new_n = :new_n"'),
    Mutant("lost-commit", "__init__", "if not stands.same_writing(row):", "if True:"),
    Mutant("unchecked-commit", "__init__", "if not stands.same_writing(row):", "if False:"),
    Mutant(
        "sweep",
        "__init__",
        "row = await self._threads.get(spot)\n        if row and row.sweep",
        "pass\n        if row",
    ),
    Mutant(
        "replay",
        "opening",
        "if known.answered or known.number < view.thread.n:",
        "if known.number < view.thread.n:",
    ),
    Mutant(
        "passed-by", "opening", "if known.answered or known.number < view.thread.n:", "if known.answered:"
    ),
    Mutant("prompt", "opening", "if known and known != self.run.hash:", "if False:"),
    Mutant("look-up", "opening", "self._turns.find(spot, bid.ask.response_id),", "asyncio.sleep(0),"),
    Mutant(
        "lease",
        "opening",
        "alive = run.until > self._clock() and committed is None",
        "alive = committed is None",
    ),
    Mutant("living", "opening", "alive = run.until > self._clock() and committed is None", "alive = False"),
    Mutant(
        "committed",
        "opening",
        "return row if row is not None and row.attempt == run.attempt else None",
        "return None",
    ),
    Mutant(
        "fence",
        "opening",
        "return await self._turns.put(spot, row, run.replaces)",
        "await self._turns.put(spot, row, run.replaces)\n        return row",
    ),
    Mutant("phantom", "opening", "return number is not None and number <= thread.n", "return False"),
    Mutant("stale", "opening", " or not _fits(thread, rows)", ""),
    Mutant(
        "give-back",
        "opening",
        "await self._threads.give_back(bid.spot, bid.run.attempt, created=bid.created)",
        "pass",
    ),
    Mutant("created", "opening", "bid.holds and not thread.created", "False"),
    Mutant("turns", "usage", '"#turns < :turns"', '"(#turns < :turns OR #turns >= :turns)"'),
    Mutant(
        "places", "usage", '"size(#places) < :room"', '"(size(#places) < :room OR size(#places) >= :room)"'
    ),
    Mutant("tokens", "usage", '"#tokens < :left"', '"(#tokens < :left OR #tokens >= :left)"'),
    Mutant("together", "usage", "N(quota.tokens - (self.tokens - row.tokens))", "N(quota.tokens)"),
    Mutant("day", "usage", '["#day = :seen"]', '["(#day = :seen OR #day <> :seen)"]'),
    Mutant(
        "own-place",
        "usage",
        '"#places.#mine.#attempt = :mine"',
        '"(#places.#mine.#attempt = :mine OR attribute_exists(#places))"',
    ),
    Mutant(
        "no-place",
        "usage",
        '"attribute_not_exists(#places.#mine)"',
        '"attribute_exists(#places)"',
    ),
    Mutant(
        "settled-place",
        "usage",
        'f"#places.#p{index}.#attempt = :p{index}"',
        'f"(#places.#p{index}.#attempt = :p{index} OR attribute_exists(#places))"',
    ),
    Mutant("first-count", "usage", '"attribute_not_exists(pk)"', '"attribute_not_exists(nothing)"'),
    Mutant(
        "lost-count",
        "usage",
        "return self.mine is not None and self.mine.attempt == self.entry.attempt",
        "return False",
    ),
    Mutant("reserve", "usage", "told if thread.last == self.attempt else told + self.reserve", "told"),
    Mutant(
        "released",
        "usage",
        "told if thread.last == self.attempt else told + self.reserve",
        "told + self.reserve",
    ),
    Mutant("running-place", "usage", "if thread and not thread.alive(now)", "if thread"),
    Mutant("stale-refusal", "admission", "if refusal and attempt:", "if refusal:"),
    Mutant("ahead", "admission", "return count.mine is not None and", "return seen is not None and"),
    Mutant("spent", "threads", '"spent": N(spent)}', '"spent": N(0)}'),
    Mutant("spent-before", "opening", "spent=thread.spent + used.tokens", "spent=thread.spent"),
    Mutant(
        "last-life",
        "threads",
        '("gone", "sweep", "run", "expires_at")',
        '("gone", "sweep", "last", "run", "expires_at")',
    ),
    Mutant("part-of-whom", "pack", 'f"{writer}.{digest}"', '"part"'),
    Mutant("owner", "rows", 'name.replace("%", "%25").replace("#", "%23")', "name"),
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
    code, told = tested(folder, TESTS)
    if code == 0:
        return None
    failures = [line for line in told.splitlines() if line.startswith("FAILED")]
    if not failures:  # a fixture's error is the machine's, or the server's: it says nothing of the mutant
        raise SystemExit(f"{mutant.name}: no test failed, and yet they did not pass:\n{told[-2000:]}")
    if tested(ROOT, [failures[0].split()[1]])[0] != 0:
        raise SystemExit(f"{mutant.name}: the original fails as well: {failures[0]}")
    return failures[0]


def tested(folder: Path, tests: list[str]) -> tuple[int, str]:
    """Pytest's exit status, and what it printed."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    environment = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        run = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=TIME, check=False
        )
    except subprocess.TimeoutExpired:
        return 1, "FAILED tests/stores (they did not end)"
    return run.returncode, run.stdout


def main(names: list[str]) -> int:
    (ROOT / ".cache").mkdir(exist_ok=True)
    alive = 0
    chosen = [mutant for mutant in MUTANTS if not names or mutant.name in names]
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
