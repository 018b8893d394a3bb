"""Half an hour of ordinary trouble, in one function process: ``python scripts/soak.py [--minutes 30]``.

Turns of nine kinds (see KINDS) reach the emulated function, whose upstream fails as upstreams do and whose
clients leave, dawdle, stop, ask again and follow. Threads are kept on a real DynamoDB server and deleted when
they have had their turns, so whatever grows in the function is a leak. Three things are asked:

* every turn is accounted for: stored as its reader was told, asked of the model as often as it should be,
  and one line in the log with the right end;
* the process does not grow: its memory, its descriptors, its tasks and its objects after a warm-up are
  those at the end;
* nothing unexpected is in its log.

Ends with 1 if anything is wrong.
"""

import argparse
import asyncio
import json
import os
import random
import re
import socket
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from httpx2 import AsyncClient, AsyncHTTPTransport  # noqa: E402 - the path comes first

from c1fn.api.wires.c1 import error_card  # noqa: E402
from c1fn.errors import by_code  # noqa: E402
from c1fn.runtime.emulator import Emulator  # noqa: E402
from c1fn.stores.dynamodb import connect, table  # noqa: E402
from scripts.books import Books  # noqa: E402
from tests.processes import NO_LIMITS, chat_body  # noqa: E402
from tests.stores.servers import Ministack, keys_alone  # noqa: E402
from tests.upstream import END, FAULTS, ROLE, Answer, Request, Upstream, call, delta, say  # noqa: E402

PEOPLE = 8  # at once, each on a thread of its own
PAUSE = 1.5  # seconds between two turns of one person, on average: some three turns a second in all
TURNS = 10  # of a thread, before it is deleted and another one begun
PIECES, PACE = 60, 0.05  # a paced answer takes 3 s, so that a stop (heard within 1 s) finds it unfinished
LONG = 600_000  # characters that do not compress: several parts in the store, more than a socket holds
SILENCE = "5"  # seconds of the model that are too long
SIP, SIPPING = 16_384, 0.02  # bytes and seconds of a slow reader: a long answer takes most of a second
SAMPLE = 1.0  # seconds between two looks at the process

WARM = 0.2  # the share of the time after which nothing may grow any more
GROWTH = 12.0  # MB of the median memory from there to the end: it swings by 5 with the long answers under way
OBJECTS = 0.5  # of Python's objects kept for each turn: one that is really kept counts 1 at least
CACHES = 1000  # objects that may come late: modules loaded when they are needed, what libraries keep
DESCRIPTORS = 2  # of the median: one connection more or less is in the pool at a time

SHOWN = re.compile(r"<!-- -->|<thinkitem.*?</thinkitem>", re.DOTALL)  # only on the way, never stored
UNEXPECTED = ("ERROR", "Traceback", "errorType", "Task was destroyed", "never retrieved", "Warning")


@dataclass
class Told:
    """One turn as its reader knows it, and what must have become of it."""

    kind: str
    prompt: str
    thread: str
    state: str
    calls: int
    answer: str = ""


@dataclass
class Turns(Books):
    turns: dict[str, Told] = field(default_factory=dict)
    lines: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    calls: Counter[str] = field(default_factory=Counter)

    def log(self, line: str) -> None:
        """A line of the emulated function's log."""
        record = json.loads(line) if line.startswith("{") else {}
        if record.get("event") == "turn":
            self.lines[record["response"]].append(record["state"])
        else:
            self.demand(not any(sign in line for sign in UNEXPECTED), f"in the log: {line}")


# What the model says


def text(prompt: str) -> list[str]:
    """The pieces of the answer to a prompt."""
    if prompt.startswith(("long", "slow")):
        chance = random.Random(prompt)
        return [f"{chance.randbytes(1000).hex()}" for _ in range(LONG // 2000)]
    return [f"{prompt} {number:02}; " for number in range(PIECES if prompt.startswith(PACED) else 3)]


PACED = ("stop", "leave", "follow")


class Model:
    """The upstream: it answers by the first word of the prompt, and counts."""

    def __init__(self, books: Turns) -> None:
        self._books = books
        self._pacing: set[asyncio.Task[None]] = set()

    def __call__(self, request: Request) -> Answer:
        prompt = request.prompt
        self._books.calls[prompt] += 1
        if prompt.startswith("fault"):
            return FAULTS[prompt.split()[1]]
        if prompt.startswith("tools") and request.body["messages"][-1]["role"] == "user":
            return call(("call_1", "current_time", '{"timezone": "UTC"}'))
        return self._paced(prompt) if prompt.startswith(PACED) else say(*text(prompt))

    def _paced(self, prompt: str) -> Answer:
        gates = [asyncio.Event() for _ in range(PIECES)]
        task = asyncio.create_task(self._open(gates))
        self._pacing.add(task)
        task.add_done_callback(self._pacing.discard)
        steps = [
            step for gate, piece in zip(gates, text(prompt), strict=True) for step in (gate, delta(piece))
        ]
        return Answer((ROLE, *steps, *END))

    async def _open(self, gates: list[asyncio.Event]) -> None:
        for gate in gates:
            await asyncio.sleep(PACE)
            gate.set()


# What people do


class Person:
    """Sends the turns of one thread after another, and looks at each when it is over."""

    def __init__(self, url: str, books: Turns, numbers: "count[int]", seed: int) -> None:
        self._url, self._books, self._numbers = url, books, numbers
        self._dice = random.Random(seed)
        # A small window, so that a slow reader is felt on the other side.
        small = [(socket.SOL_SOCKET, socket.SO_RCVBUF, SIP)]
        self.slow = AsyncClient(timeout=90, transport=AsyncHTTPTransport(socket_options=small))
        self.client = AsyncClient(timeout=90)
        self._thread, self._left = "", 0

    async def live(self, over: asyncio.Event) -> None:
        while not over.is_set():
            await self.turn()
            await asyncio.sleep(self._dice.uniform(0, 2 * PAUSE))

    async def turn(self) -> None:
        number = next(self._numbers)
        if self._left == 0:
            await self._begin(f"thread-{number}")
        self._left -= 1
        kind = self._dice.choices(list(KINDS), [weight for weight, *_ in KINDS.values()])[0]
        _, state, calls, act = KINDS[kind]
        if kind == "fault":
            prompt, calls = await self._fault(number)
        else:
            prompt = f"{kind} {number}"
        told = Told(kind, prompt, self._thread, state, calls)
        self._books.turns[prompt] = told
        try:
            await act(self, told)
            await self._check(told)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is wrong
            self._books.demand(False, f"{prompt}: {type(error).__name__} {error}")

    async def _fault(self, number: int) -> tuple[str, int]:
        name = self._dice.choice(list(MISHAPS))
        return f"fault {name} {number}", MISHAPS[name]

    async def _begin(self, thread: str) -> None:
        if self._thread:
            listed = (await self.client.get(f"{self._url}/api/threads?limit=100")).json()["threads"]
            self._books.demand(
                self._thread in {t["threadId"] for t in listed}, f"{self._thread} is not in the list"
            )
            gone = await self.client.delete(f"{self._url}/api/threads/{self._thread}")
            self._books.demand(gone.status_code == 204, f"{self._thread} deleted: {gone.status_code}")
        self._thread, self._left = thread, TURNS

    async def post(self, told: Told) -> str:
        """Send and read to the end. What was told, without what is only shown on the way."""
        body = chat_body(told.prompt, told.prompt, told.thread)
        answer = await self.client.post(f"{self._url}/api/chat", json=body)
        if answer.status_code != 200:
            problem = answer.json()
            return error_card(by_code(problem["code"], problem["detail"]))
        return SHOWN.sub("", answer.text)

    async def read(self, told: Told) -> None:
        told.answer = await self.post(told)
        if told.state == "done":
            self._books.demand(told.answer == "".join(text(told.prompt)), f"{told.prompt}: {told.answer}")

    async def again(self, told: Told) -> None:
        await self.read(told)
        self._books.demand(await self.post(told) == told.answer, f"{told.prompt}: replayed as other bytes")

    async def sip(self, told: Told) -> None:
        seen = bytearray()
        async for chunk in self._stream(self.slow, told):
            seen += chunk
            await asyncio.sleep(SIPPING * len(chunk) / SIP)
        told.answer = SHOWN.sub("", seen.decode())
        self._books.demand(told.answer == "".join(text(told.prompt)), f"{told.prompt}: {told.answer[:80]}")

    async def leave(self, told: Told) -> None:
        pieces = self._stream(self.client, told)
        await anext(pieces)
        await pieces.aclose()
        told.answer = "".join(text(told.prompt))

    async def stop(self, told: Told) -> None:
        seen = bytearray()
        async for chunk in self._stream(self.client, told):
            if not seen:
                path = f"{self._url}/api/threads/{told.thread}/stop"
                said = await self.client.post(path, json={"responseId": told.prompt})
                self._books.demand(said.json() == {"stopping": True}, f"{told.prompt}: {said.text}")
            seen += chunk
        told.answer = SHOWN.sub("", seen.decode())
        whole = "".join(text(told.prompt))
        self._books.demand(
            whole.startswith(told.answer) and told.answer != whole, f"{told.prompt}: not stopped"
        )

    async def follow(self, told: Told) -> None:
        pieces = self._stream(self.client, told)
        first = await anext(pieces)
        path = f"{self._url}/api/threads/{told.thread}/turns/{told.prompt.replace(' ', '%20')}"
        following = asyncio.create_task(self.client.get(path))
        told.answer = SHOWN.sub("", (first + b"".join([piece async for piece in pieces])).decode())
        followed = SHOWN.sub("", (await following).text)
        self._books.demand(followed == told.answer, f"{told.prompt}: followed as {followed[:80]}")

    async def _stream(self, client: AsyncClient, told: Told) -> AsyncGenerator[bytes, None]:
        body = chat_body(told.prompt, told.prompt, told.thread)
        async with client.stream("POST", f"{self._url}/api/chat", json=body) as answer:
            async for chunk in answer.aiter_raw():
                yield chunk

    async def _check(self, told: Told) -> None:
        """Stored as told; wait while it still runs (its client may have left)."""
        while True:
            path = f"{self._url}/api/threads/{told.thread}/messages"
            messages: list[dict[str, Any]] = (await self.client.get(path)).json()
            if not any("running" in message for message in messages):
                break
            await asyncio.sleep(0.2)
        found = [m["content"] for m in messages[-2:]]
        self._books.demand(
            found == [told.prompt, told.answer],
            f"{told.prompt}: stored as {[f[:200] for f in found]}, told {told.answer[:200]}",
        )


MISHAPS = {
    "429": 1, "500": 3, "reset-early": 3, "reset": 1, "close": 1, "hang": 1, "no-finish": 1, "empty": 1,
    "garbled": 1, "error-event": 1, "length": 1, "filter": 1, "400": 1, "401": 1,
}  # fmt: skip
"""Faults of the upstream, and how often it is asked: before the first byte up to three times."""

Act = Callable[[Person, Told], Awaitable[None]]

KINDS: dict[str, tuple[int, str, int, Act]] = {
    "short": (8, "done", 1, Person.read),
    "long": (2, "done", 1, Person.read),
    "tools": (3, "done", 2, Person.read),
    "again": (3, "done", 1, Person.again),
    "slow": (1, "done", 1, Person.sip),
    "leave": (2, "done", 1, Person.leave),
    "stop": (2, "stopped", 1, Person.stop),
    "follow": (2, "done", 1, Person.follow),
    "fault": (4, "failed", 1, Person.read),
}
"""A kind of turn: its share, its end, how often the model is asked, what its person does."""


# The process


@dataclass
class Watch:
    """What the process holds, second by second, and in quiet moments."""

    memory: list[float] = field(default_factory=list)  # MB
    descriptors: list[int] = field(default_factory=list)
    quiet: list["Quiet"] = field(default_factory=list)

    async def look(self, emulator: Emulator) -> None:
        while True:
            await asyncio.sleep(SAMPLE)
            (pid,) = emulator.function.processes
            megabytes, descriptors = held(pid)
            self.memory.append(megabytes)
            self.descriptors.append(descriptors)

    async def pause(self, emulator: Emulator, client: AsyncClient, books: Turns) -> None:
        """Nobody asks anything of it at the moment."""
        alive = (await client.get(f"{emulator.url}/watch")).json()
        self.quiet.append(Quiet(len(self.memory), len(books.turns), alive))


@dataclass
class Quiet:
    """A moment without turns: after how many looks, after how many turns, and what lived."""

    looks: int
    turns: int
    alive: dict[str, int]


def held(pid: int) -> tuple[float, int]:
    """Memory in MB, and open descriptors."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024, len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - names are all that is asked


@asynccontextmanager
async def function(books: Turns) -> AsyncGenerator[Emulator, None]:
    keys_alone(os.environ)
    with tempfile.TemporaryDirectory() as folder, Ministack(Path(folder)) as database:
        table.create(connect(database.url), "threads")
        async with Upstream(Model(books)) as upstream:
            environ = database.settings("threads") | {
                "C1FN_AUTH": "none",
                **NO_LIMITS,
                "C1FN_BASE_URL": upstream.url,
                "C1FN_MODEL_SILENCE": SILENCE,
                "THESYS_API_KEY": "k",
            }
            async with Emulator(
                task_root=ROOT,
                handler="tests.runtime.functions.watched.handler",
                environ=environ,
                concurrency=1,
                managed=4 * PEOPLE,
                log=books.log,
            ) as emulator:
                yield emulator


async def phase(people: list[Person], seconds: float, books: Turns, watch: Watch, name: str) -> None:
    """Let them live so long, and wait until each has ended its last turn."""
    over, began = asyncio.Event(), time.monotonic()
    living = [asyncio.create_task(person.live(over)) for person in people]
    while (left := seconds - (time.monotonic() - began)) > 0:
        await asyncio.sleep(min(30.0, left))
        print(
            f"{name}: {len(books.turns)} turns, {len(books.wrong)} wrong, {watch.memory[-1]:.1f} MB, "
            f"{max(0, left):.0f} s",
            flush=True,
        )
    over.set()
    await asyncio.gather(*living)


async def soak(minutes: float, seed: int) -> Turns:
    books, watch = Turns(), Watch()
    async with function(books) as emulator, AsyncClient(timeout=60) as client:
        people = [Person(emulator.url, books, NUMBERS, seed + n) for n in range(PEOPLE)]
        await client.get(f"{emulator.url}/healthz")
        looking = asyncio.create_task(watch.look(emulator))
        await phase(people, 60 * minutes * WARM, books, watch, "warming up")
        await watch.pause(emulator, client, books)
        await phase(people, 60 * minutes * (1 - WARM), books, watch, "soaking")
        looking.cancel()
        await watch.pause(emulator, client, books)
        for person in people:
            await person.client.aclose()
            await person.slow.aclose()
    account(books)
    grown(books, watch)
    return books


NUMBERS = count(1)


def account(books: Turns) -> None:
    """Every turn has one line with its end, and as many model calls as it needs."""
    for prompt, told in books.turns.items():
        books.demand(books.lines[prompt] == [told.state], f"{prompt}: in the log {books.lines[prompt]}")
        books.demand(books.calls[prompt] == told.calls, f"{prompt}: {books.calls[prompt]} model calls")
    books.demand(set(books.lines) == set(books.turns), "lines in the log of no known turn")
    kinds = Counter(told.kind for told in books.turns.values())
    print(f"{len(books.turns)} turns: {', '.join(f'{n} {kind}' for kind, n in sorted(kinds.items()))}")


def grown(books: Turns, watch: Watch) -> None:
    """Nothing has grown between the two quiet moments."""
    warm, cold = watch.quiet
    memory = watch.memory[warm.looks : cold.looks]
    before, after = ends(memory)
    slope = statistics.linear_regression(range(len(memory)), memory).slope * 3600 / SAMPLE
    print(
        f"memory {before:.1f} MB after the warm-up, {after:.1f} at the end, highest {max(memory):.1f}; ",
        end="",
    )
    print(f"slope {slope:+.1f} MB an hour")
    books.demand(after - before <= GROWTH, f"memory has grown by {after - before:.1f} MB")
    before, after = ends(watch.descriptors[warm.looks : cold.looks])
    print(f"descriptors {before:g} and {after:g}, most {max(watch.descriptors)}")
    books.demand(after - before <= DESCRIPTORS, f"descriptors have grown by {after - before:g}")
    print(f"when quiet {warm.alive} and {cold.alive}")
    books.demand(cold.alive["tasks"] <= warm.alive["tasks"], "tasks are left behind")
    kept = (cold.alive["objects"] - warm.alive["objects"] - CACHES) / max(1, cold.turns - warm.turns)
    books.demand(kept <= OBJECTS, f"{kept:.2f} objects are kept for each turn")


def ends(figures: Sequence[float]) -> tuple[float, float]:
    """The medians of the first and of the last fifth."""
    part = max(1, len(figures) // 5)
    return statistics.median(figures[:part]), statistics.median(figures[-part:])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began = time.monotonic()
    books = asyncio.run(soak(options.minutes, options.seed))
    print(f"{len(books.wrong)} wrong, in {time.monotonic() - began:.0f} s")
    return 1 if books.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
