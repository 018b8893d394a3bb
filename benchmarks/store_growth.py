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
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.c1_answers import answer  # noqa: E402 - the path comes first
from benchmarks.meter import Meter  # noqa: E402
from c1fn.errors import NotFound  # noqa: E402
from c1fn.stores import Claim  # noqa: E402
from c1fn.stores.dynamodb import DynamoStore, connect, table  # noqa: E402
from c1fn.turn import Ask, Message, State, Turn, Usage  # noqa: E402
from tests.stores.servers import DynamoLocal, Shared  # noqa: E402

RESULTS = Path(__file__).with_suffix(".json")
THREADS = [10, 100, 1_000, 10_000, 100_000]
TURNS = [3, 10, 30, 100, 300, 1_000]
ANSWERS = [1_000, 10_000, 100_000, 1_000_000, 5_000_000]
HISTORY = 20
PAGE, WHOLE = 20, 100  # threads or turns of a page that is timed, and threads of those that list them all
ROUNDS, FEW = 21, 5  # of each measure, the small and the large ones; odd, so that the median is one of them
AT_ONCE = 50  # threads that are created at once
MINUTE = 60.0  # between two uses, as the store's clock sees them

Row = dict[str, Any]
Work = Callable[[int], Awaitable[object]]
"""What is measured; it is told the number of its round."""


class Lab:
    """A store on a table of its own, its meter, and a clock that is set by hand."""

    def __init__(self, url: str, name: str) -> None:
        client = connect(url)
        table.create(client, name)
        self.meter, self.now = Meter(client.meta.events), 1_700_000_000.0
        self.store = DynamoStore(Shared(client), name, clock=lambda: self.now)

    async def measure(self, works: list[Work], rounds: int = ROUNDS) -> list[Row]:
        """Of each work: the shortest time, the median, the 90th percentile, and the mean units of a round.

        They take turns, so that whatever else the machine does slows all of them.
        """
        times: list[list[float]] = [[] for _ in works]
        used = [Counter[str]() for _ in works]
        for number in range(rounds):
            for work, its_times, its_units in zip(works, times, used, strict=True):
                self.meter.take()
                began = time.perf_counter()
                await work(number)
                its_times.append((time.perf_counter() - began) * 1000)
                its_units.update(self.meter.take())
                self.now += MINUTE
        return [_row(sorted(some), units) for some, units in zip(times, used, strict=True)]

    async def turn(self, thread: str, response: str, said: str, owner: str = "ann") -> None:
        """One turn as converse does it: open, commit, settle."""
        ask = Ask(owner, thread, response, Message("user", "And the next quarter?", id=f"id-{response}"))
        claim = await self.store.turns.open(ask, history=HISTORY)
        if not isinstance(claim, Claim):
            raise TypeError(type(claim))
        reply = (Message("assistant", said),)
        done = Turn(claim.number, response, State.DONE, ask.prompt, claim.started, reply, Usage(2000, 1500))
        await self.store.turns.commit(claim, done)
        await self.store.settle()


def _row(times: list[float], units: Counter[str]) -> Row:
    rounds = len(times)
    spread = {
        "least ms": times[0],
        "ms": statistics.median(times),
        "ms90": times[math.ceil(0.9 * rounds) - 1],
    }
    return {name: round(value, 2) for name, value in spread.items()} | {
        name: round(units[name] / rounds, 2) for name in ("calls", "WCU", "RCU")
    }


def demand(holds: object, what: str) -> None:
    if not holds:
        raise ValueError(what)


async def is_gone(lab: Lab, thread: str) -> None:
    """Delete the thread: nothing of it is shown, also not in its next life."""
    await lab.store.threads.delete("ann", thread)
    try:
        await lab.store.threads.load("ann", thread)
    except NotFound:
        return
    raise ValueError(f"{thread} is still there")


async def threads(lab: Lab, counts: list[int]) -> tuple[list[Row], Row]:
    """A page, a page from the middle, and a thread's first turn, of owners with more and more threads."""
    middles = []
    for count in counts:
        for start in range(0, count, AT_ONCE):
            several = range(start, min(count, start + AT_ONCE))
            await asyncio.gather(
                *(
                    lab.store.threads.create(f"of {count}", name(n), f"Revenue of shop number {n}")
                    for n in several
                )
            )
            lab.now += MINUTE * len(several)
        middles.append(await cursor_behind(lab, f"of {count}", count // 2))
        print(f"{count} threads", flush=True)

    def page(count: int, cursor: str | None) -> Work:
        return lambda _: lab.store.threads.page(f"of {count}", cursor=cursor, limit=PAGE)

    def turn(count: int) -> Work:
        return lambda number: lab.turn(f"one more {number}", "r", said, f"of {count}")

    said = answer(random.Random(7), 4_000)
    firsts = await lab.measure([page(count, None) for count in counts])
    deep = await lab.measure([page(count, cursor) for count, cursor in zip(counts, middles, strict=True)])
    more = await lab.measure([turn(count) for count in counts])
    for count in counts:
        for number in range(ROUNDS):
            await lab.store.threads.delete(f"of {count}", f"one more {number}")
    rows = [
        {"threads": count, "page": first, "page from the middle": far, "first turn": one}
        for count, first, far, one in zip(counts, firsts, deep, more, strict=True)
    ]
    print(json.dumps(rows), flush=True)
    return rows, await listed(lab, counts[-1])


def name(number: int) -> str:
    return f"thread-{number:06}"


async def cursor_behind(lab: Lab, owner: str, count: int) -> str | None:
    """A cursor with so many threads before it, but 5,000 at most; None where a page has them all."""
    cursor: str | None = None
    for _ in range(min(50, count // WHOLE)):
        cursor = (await lab.store.threads.page(owner, cursor=cursor, limit=WHOLE)).cursor
    return cursor


async def listed(lab: Lab, count: int) -> Row:
    """All threads of the largest owner by pages: complete, and none twice."""
    cursor: str | None = None
    found: list[str] = []
    times: list[float] = []
    while not times or cursor:
        began = time.perf_counter()
        page = await lab.store.threads.page(f"of {count}", cursor=cursor, limit=WHOLE)
        times.append(time.perf_counter() - began)
        found += [thread.id for thread in page.threads]
        cursor = page.cursor
    demand(len(found) == len(set(found)), "a thread is listed twice")
    demand(set(found) == {name(n) for n in range(count)}, "a thread is missing, or is too many")
    tenth = max(1, len(times) // 10)
    return {
        "threads": len(found),
        "pages": len(times),
        "seconds": round(sum(times), 1),
        "least ms in the first tenth": round(min(times[:tenth]) * 1000, 1),
        "least ms in the last tenth": round(min(times[-tenth:]) * 1000, 1),
    }


async def turns(lab: Lab, counts: list[int]) -> tuple[list[Row], Row]:
    """A turn about the middle of which a thread has so many, its newest page, all of it; the longest is
    deleted.
    """
    dice = random.Random(7)
    said: dict[int, list[str]] = {count: [] for count in counts}

    def turn(count: int) -> Work:
        async def one(_: int) -> None:
            said[count].append(answer(dice, dice.randint(3000, 5500)))
            await lab.turn(f"long-{count}", f"response-{len(said[count])}", said[count][-1])

        return one

    def load(count: int) -> Work:
        async def whole(_: int) -> None:
            loaded = await lab.store.threads.load("ann", f"long-{count}")
            demand([turn.answer for turn in loaded] == said[count], f"long-{count} is not what was said")

        return whole

    def newest(count: int) -> Work:
        async def page(_: int) -> None:
            loaded = await lab.store.threads.load("ann", f"long-{count}", limit=PAGE)
            demand([turn.answer for turn in loaded] == said[count][-PAGE:], f"long-{count} has another page")

        return page

    for count in counts:
        for number in range(count - 1 - FEW // 2):
            await turn(count)(number)
            lab.now += MINUTE
        print(f"{count} turns", flush=True)
    written = await lab.measure([turn(count) for count in counts], FEW)
    pages = await lab.measure([newest(count) for count in counts])
    found = await lab.measure([load(count) for count in counts], FEW)
    rows = [
        {"turns": count, "turn": one, "newest page": page, "load": all_}
        for count, one, page, all_ in zip(counts, written, pages, found, strict=True)
    ]
    print(json.dumps(rows), flush=True)
    (gone,) = await lab.measure([lambda _: is_gone(lab, f"long-{counts[-1]}")], 1)
    return rows, {"turns": len(said[counts[-1]])} | gone


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
    texts = [(kind, make(size)) for kind, make in (("C1", c1), ("noise", noise)) for size in sizes]

    def write(kind: str, said: str) -> Work:
        return lambda number: lab.turn(f"{kind} {len(said)} {number}", "r", said)

    def read(kind: str, said: str) -> Work:
        async def one(number: int) -> None:
            (turn,) = await lab.store.threads.load("ann", f"{kind} {len(said)} {number}")
            demand(turn.answer == said, f"{kind} {len(said)} is not what was said")

        return one

    def remove(kind: str, said: str) -> Work:
        return lambda number: is_gone(lab, f"{kind} {len(said)} {number}")

    written = await lab.measure([write(*text) for text in texts], FEW)
    found = await lab.measure([read(*text) for text in texts], FEW)
    rows = [
        {"kind": kind, "bytes": len(said.encode()), "turn": one, "load": again}
        for (kind, said), one, again in zip(texts, written, found, strict=True)
    ]
    print(json.dumps(rows), flush=True)
    largest = [texts[len(sizes) - 1], texts[-1]]
    gone = await lab.measure([remove(*text) for text in largest], FEW)
    return rows, [
        {"kind": kind, "bytes": len(said.encode())} | one
        for (kind, said), one in zip(largest, gone, strict=True)
    ]


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
