"""How the DynamoDB store grows: an owner's threads, a thread's turns, an answer's bytes.

On Amazon's DynamoDB Local (java and npm), which has real indexes: ``python benchmarks/store_growth.py`` takes
a quarter of an hour and writes ``store_growth.json``, ``store_plot.py`` draws it. Everything is written by
the store itself and read back whole: it ends with an error if anything is missing, or twice. Times are those
of this client and that emulator on one machine: their slope tells, not their height. Units are counted as
DynamoDB bills them.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/DynamoDBLocal.UsageNotes.html
"""

import argparse
import asyncio
import json
import math
import os
import platform
import random
import statistics
import string
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.c1_answers import answer  # noqa: E402 - the path comes first
from benchmarks.meter import Meter  # noqa: E402
from c1fn.errors import NotFound  # noqa: E402
from c1fn.stores import Claim  # noqa: E402
from c1fn.stores.dynamodb import DynamoStore, connect, table  # noqa: E402
from c1fn.turn import Ask, Message, State, Turn, Usage  # noqa: E402
from tests.stores.servers import DynamoLocal  # noqa: E402

RESULTS = Path(__file__).with_suffix(".json")
THREADS = [10, 100, 1_000, 10_000, 100_000]
TURNS = [1, 3, 10, 30, 100, 300, 1_000]
ANSWERS = [1_000, 10_000, 100_000, 1_000_000, 5_000_000]
HISTORY = 20
PAGE, WHOLE = 20, 100  # threads of a page that is timed, and of those that list them all
ROUNDS = 21  # of each measure; odd, so that the median is one of them
AT_ONCE = 50  # threads that are created at once
MINUTE = 60.0  # between two uses, as the store's clock sees them

T = TypeVar("T")
Row = dict[str, Any]


class Lab:
    """A store on a table of its own, its meter, and a clock that is set by hand."""

    def __init__(self, url: str, name: str) -> None:
        client = connect(url)
        table.create(client, name)
        self.meter, self.now = Meter(client.meta.events), 1_700_000_000.0
        self.store = DynamoStore(client, name, clock=lambda: self.now)

    async def measure(self, work: Callable[[int], Awaitable[object]], rounds: int = ROUNDS) -> Row:
        """The shortest time, the median and the 90th percentile, and the mean units of one round."""
        self.meter.take()
        times = []
        for number in range(rounds):
            began = time.perf_counter()
            await work(number)
            times.append((time.perf_counter() - began) * 1000)
            self.now += MINUTE
        used = {name: round(value / rounds, 2) for name, value in self.meter.take().items()}
        ordered = sorted(times)
        spread = {
            "least ms": ordered[0],
            "ms": statistics.median(ordered),
            "ms90": ordered[math.ceil(0.9 * rounds) - 1],
        }
        return {name: round(value, 2) for name, value in spread.items()} | used

    async def turn(self, thread: str, response: str, said: str) -> None:
        """One turn as converse does it: open, commit, settle."""
        ask = Ask("ann", thread, response, Message("user", "And the next quarter?", id=f"id-{response}"))
        claim = await self.store.open(ask, history=HISTORY)
        if not isinstance(claim, Claim):
            raise TypeError(type(claim))
        reply = (Message("assistant", said),)
        done = Turn(claim.number, response, State.DONE, ask.prompt, claim.started, reply, Usage(2000, 1500))
        await self.store.commit(claim, done)
        await self.store.settle()


def demand(holds: object, what: str) -> None:
    if not holds:
        raise ValueError(what)


async def is_gone(lab: Lab, thread: str) -> None:
    """Delete the thread: nothing of it is shown, also not in its next life."""
    await lab.store.delete("ann", thread)
    try:
        await lab.store.load("ann", thread)
    except NotFound:
        return
    raise ValueError(f"{thread} is still there")


async def threads(lab: Lab, counts: list[int]) -> tuple[list[Row], Row]:
    """A page, a page from the middle, and a first turn, with more and more threads of one owner."""
    rows: list[Row] = []
    made, middle = 0, ""
    for count in counts:
        while made < count:
            several = range(made, min(count, made + AT_ONCE))
            await asyncio.gather(
                *(lab.store.create("ann", f"thread-{n:06}", f"Revenue of shop number {n}") for n in several)
            )
            made, lab.now = several.stop, lab.now + MINUTE * len(several)
        middle = await cursor_behind(lab, count // 2, middle)
        first = await lab.measure(lambda _: lab.store.threads("ann", cursor=None, limit=PAGE))
        deep = await lab.measure(
            lambda _, at=middle: lab.store.threads("ann", cursor=at or None, limit=PAGE)  # type: ignore[misc]
        )
        said = answer(random.Random(count), 4_000)
        turn = await lab.measure(
            lambda n, name=f"of-{count}", text=said: lab.turn(f"{name}-{n}", "r", text)  # type: ignore[misc]
        )
        for number in range(ROUNDS):
            await lab.store.delete("ann", f"of-{count}-{number}")
        rows.append({"threads": count, "page": first, "page from the middle": deep, "first turn": turn})
        print(json.dumps(rows[-1]), flush=True)
    return rows, await listed(lab, made)


async def cursor_behind(lab: Lab, count: int, fallback: str) -> str:
    """A cursor with about so many threads before it; they are read in pages of 100, at most 50 of them."""
    cursor: str | None = None
    for _ in range(min(50, count // WHOLE)):
        cursor = (await lab.store.threads("ann", cursor=cursor, limit=WHOLE)).cursor
    return cursor or fallback


async def listed(lab: Lab, count: int) -> Row:
    """All threads by pages: complete, none twice, the newest first."""
    began, cursor, found, pages = time.perf_counter(), None, [], 0
    times = []
    while pages == 0 or cursor:
        one = time.perf_counter()
        page = await lab.store.threads("ann", cursor=cursor, limit=WHOLE)
        times.append((time.perf_counter() - one) * 1000)
        found += [thread.id for thread in page.threads]
        cursor, pages = page.cursor, pages + 1
    demand(len(found) == len(set(found)), "a thread is listed twice")
    demand(set(found) == {f"thread-{n:06}" for n in range(count)}, "a thread is missing")
    tenth = max(1, pages // 10)
    return {
        "threads": len(found),
        "pages": pages,
        "seconds": round(time.perf_counter() - began, 1),
        "ms of the first tenth": round(statistics.median(times[:tenth]), 1),
        "ms of the last tenth": round(statistics.median(times[-tenth:]), 1),
    }


async def turns(lab: Lab, counts: list[int]) -> tuple[list[Row], Row]:
    """A turn, and all of a thread, with more and more turns before it; then its deletion."""
    dice, rows, made = random.Random(7), [], 0
    said: list[str] = []

    async def one(_: int) -> None:
        said.append(answer(dice, dice.randint(3000, 5500)))
        await lab.turn("long", f"response-{len(said)}", said[-1])

    async def whole(_: int) -> None:
        loaded = await lab.store.load("ann", "long")
        demand([turn.answer for turn in loaded] == said, "the thread is not what was said")

    for count in counts:
        while made < count - 1:
            made += 1
            await one(made)
            lab.now += MINUTE
        measured = await lab.measure(one, min(ROUNDS, 1 + count // 10))
        made = len(said)
        rows.append({"turns": count, "turn": measured, "load": await lab.measure(whole, 5)})
        print(json.dumps(rows[-1]), flush=True)
    return rows, {"turns": made} | await lab.measure(lambda _: is_gone(lab, "long"), 1)


def c1(size: int) -> str:
    """Answers of C1's kind, one after the other, until they are long enough."""
    dice, texts, left = random.Random(size), [], size
    while left > 0:
        texts.append(answer(dice, min(left, 50_000)))
        left -= len(texts[-1])
    return "".join(texts)


def noise(size: int) -> str:
    """The worst for the compression: letters and digits at random."""
    return "".join(random.Random(size).choices(string.ascii_letters + string.digits, k=size))


async def answers(lab: Lab, sizes: list[int]) -> tuple[list[Row], list[Row]]:
    """One turn and its reading, for larger and larger answers; then the deletion of the largest."""
    rows, gone = [], []
    for kind, make in (("C1", c1), ("noise", noise)):
        for size in sizes:
            said = make(size)

            async def write(n: int, text: str = said, name: str = f"{kind}-{size}") -> None:
                await lab.turn(f"{name}-{n}", "r", text)

            async def read(n: int, text: str = said, name: str = f"{kind}-{size}") -> None:
                (turn,) = await lab.store.load("ann", f"{name}-{n}")
                demand(turn.answer == text, f"{name} is not what was said")

            written, found = await lab.measure(write, 5), await lab.measure(read, 5)
            rows.append({"kind": kind, "bytes": len(said.encode()), "turn": written, "load": found})
            print(json.dumps(rows[-1]), flush=True)
        largest = f"{kind}-{sizes[-1]}-0"
        deleted = await lab.measure(lambda _, name=largest: is_gone(lab, name), 1)  # type: ignore[misc]
        gone.append({"kind": kind, "bytes": sizes[-1]} | deleted)
    return rows, gone


async def grown(url: str, most: int) -> Row:
    labs = {name: Lab(url, name) for name in ("answers", "turns", "threads")}
    by_bytes, large_gone = await answers(labs["answers"], [n for n in ANSWERS if n <= most * 50])
    by_turns, long_gone = await turns(labs["turns"], [n for n in TURNS if n <= most])
    by_threads, all_listed = await threads(labs["threads"], [n for n in THREADS if n <= most])
    for lab in labs.values():
        await lab.store.aclose()
    return {
        "threads": by_threads,
        "all listed": all_listed,
        "turns": by_turns,
        "long thread deleted": long_gone,
        "answers": by_bytes,
        "large answers deleted": large_gone,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--most", type=int, default=THREADS[-1], help="threads; a small number is a short run"
    )
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        os.environ[name] = "testing"
    os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
    began, load = time.monotonic(), os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder, DynamoLocal(Path(folder)) as server:
        found = asyncio.run(grown(server.url, options.most))
    found["machine"] = {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load before": round(load, 1),
        "load after": round(os.getloadavg()[0], 1),
        "minutes": round((time.monotonic() - began) / 60, 1),
    }
    options.out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
