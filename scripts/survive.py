"""Turns that outlive their machines, on a real DynamoDB server: ``python scripts/survive.py [kills|once]``.

`kills`: a turn streams through the emulator; its process is killed with SIGKILL at a random moment; another
function is asked for the same responseId until it gives the whole answer. `once`: one responseId is posted
sixteen times at once to two processes. With ``C1FN_DYNAMODB=local`` the server is Amazon's DynamoDB Local,
which a crowd does not slow down (needs java and npm). Ends with 1 if anything is wrong.
"""

import argparse
import asyncio
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from httpx2 import AsyncClient, HTTPError, Limits  # noqa: E402 - the path comes first

from c1fn.runtime.emulator import Emulator  # noqa: E402
from c1fn.stores.dynamodb import connect, table  # noqa: E402
from scripts.books import Books  # noqa: E402
from tests.processes import NO_LIMITS, chat_body  # noqa: E402
from tests.stores.servers import SERVER, keys_alone  # noqa: E402
from tests.upstream import END, ROLE, Answer, Request, Upstream, delta, say  # noqa: E402

EARLY = 0.3  # the share of kills before the first byte: while the function starts, claims, or asks the model
PIECES = 40
PACE = 0.01  # seconds between two pieces: an answer takes about half a second
GOAL = 30.0  # seconds after a kill in which the whole answer must be had: the lease's 25, and its writing
PATIENCE = 60.0  # seconds after which it is given up: so that a late answer is told from none
CROWD = 16
AT_ONCE = 8  # rounds, each on a thread of its own


@dataclass
class Kills(Books):
    """What happened, and what was wrong with it."""

    waits: list[float] = field(default_factory=list)
    stages: Counter[str] = field(default_factory=Counter)


class Paced:
    """An upstream whose answers come piece by piece; it counts the calls for each prompt that run at once."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self._pacing: set[asyncio.Task[None]] = set()

    def __call__(self, request: Request) -> Answer:
        self.calls[request.prompt] += 1
        gates = [asyncio.Event() for _ in range(PIECES)]
        task = asyncio.create_task(self._open(gates))
        self._pacing.add(task)
        task.add_done_callback(self._pacing.discard)
        steps = [step for n, gate in enumerate(gates) for step in (gate, delta(piece(request.prompt, n)))]
        return Answer((ROLE, *steps, *END))

    async def _open(self, gates: Iterable[asyncio.Event]) -> None:
        for gate in gates:
            await asyncio.sleep(PACE)
            gate.set()


def piece(prompt: str, number: int) -> str:
    return f"{prompt} {number:02}; "


def whole(prompt: str) -> str:
    return "".join(piece(prompt, number) for number in range(PIECES))


@asynccontextmanager
async def functions(
    upstream: Upstream, *sizes: tuple[int, int], environ: Mapping[str, str] | None = None
) -> AsyncGenerator[list[Emulator], None]:
    """Emulated functions on one table; each size is (processes, invocations at once in each).

    :param environ: further settings.
    """
    keys_alone(os.environ)
    with tempfile.TemporaryDirectory() as folder, SERVER(Path(folder)) as database:
        table.create(connect(database.url), "threads")
        settings = database.settings("threads") | {
            "C1FN_AUTH": "none",
            **NO_LIMITS,
            "C1FN_BASE_URL": upstream.url,
            "THESYS_API_KEY": "k",
            **(environ or {}),
        }
        made = [
            Emulator(task_root=ROOT, environ=settings, concurrency=n, managed=m, log=lambda _: None)
            for n, m in sizes
        ]
        async with made[0], made[1]:
            yield made


async def kills(count: int, seed: int) -> Kills:
    dice, books, paced = random.Random(seed), Kills(), Paced()
    async with (
        Upstream(paced) as upstream,
        functions(upstream, (1, 1), (1, 64)) as (mortal, other),
        AsyncClient(timeout=60) as client,
    ):
        await client.get(f"{mortal.url}/healthz")
        retries = []
        for number in range(count):
            name = f"turn-{number}"
            early = dice.random() < EARLY
            moment = dice.uniform(0, 1.5) if early else dice.uniform(0, PIECES * PACE * 1.2)
            seen = await killed(mortal, client, name, moment, from_first_byte=not early)
            stage = "before a byte" if not seen else "whole" if seen == whole(name) else "midway"
            books.stages[stage] += 1
            books.demand(whole(name).startswith(seen), f"{name}: bytes that were never written")
            retries.append(asyncio.create_task(retried(other, client, name, books)))
            print(f"killed {number + 1} of {count}: {stage}", flush=True)
        await asyncio.gather(*retries)
        for number in range(count):
            name = f"turn-{number}"
            found = (await client.get(f"{other.url}/api/threads/{name}/messages")).json()
            books.demand([m["content"] for m in found] == [name, whole(name)], f"{name}: stored as {found}")
            books.demand(paced.calls[name] <= 2, f"{name}: {paced.calls[name]} model calls")
    return books


async def killed(
    function: Emulator, client: AsyncClient, name: str, after: float, *, from_first_byte: bool
) -> str:
    """Post, and kill the process so long after that or after the first byte. What came until then."""
    seen, begun = bytearray(), asyncio.Event()

    async def post() -> None:
        try:
            async with client.stream(
                "POST", f"{function.url}/api/chat", json=chat_body(name, name, name)
            ) as answer:
                async for chunk in answer.aiter_bytes():
                    seen.extend(chunk)
                    begun.set()
        except HTTPError:
            pass  # the process died

    posting = asyncio.create_task(post())
    if from_first_byte:
        await begun.wait()
    await asyncio.sleep(after)
    for pid in function.function.processes:
        os.killpg(pid, signal.SIGKILL)
    await posting
    text = seen.decode()
    return "" if text.startswith("{") else text


async def retried(function: Emulator, client: AsyncClient, name: str, books: Kills) -> None:
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE:
        answer = await client.post(f"{function.url}/api/chat", json=chat_body(name, name, name))
        if answer.text.replace("<!-- -->", "") == whole(name):
            wait = time.monotonic() - began
            books.waits.append(wait)
            books.demand(wait <= GOAL, f"{name}: whole only after {wait:.1f} s")
            return
        await asyncio.sleep(0.2)
    books.demand(False, f"{name}: no whole answer within {PATIENCE:g} s")


async def once(rounds: int) -> Books:
    books, calls = Books(), Counter[str]()

    def respond(request: Request) -> Answer:
        calls[request.prompt] += 1
        return say(*(piece(request.prompt, n) for n in range(3)))

    async with (
        Upstream(respond) as upstream,
        functions(upstream, (1, 80), (1, 80)) as both,
        AsyncClient(timeout=60, limits=Limits(max_connections=CROWD * AT_ONCE)) as client,
    ):

        async def posted(number: int) -> None:
            name = f"turn-{number}"
            posts = [
                client.post(
                    f"{function.url}/api/chat", json=chat_body(name, name, f"thread-{number % AT_ONCE}")
                )
                for function in both
                for _ in range(CROWD // 2)
            ]
            texts = {answer.text.replace("<!-- -->", "") for answer in await asyncio.gather(*posts)}
            books.demand(texts == {"".join(piece(name, n) for n in range(3))}, f"{name}: {texts}")
            books.demand(calls[name] == 1, f"{name}: {calls[name]} model calls")

        for first in range(0, rounds, AT_ONCE):
            await asyncio.gather(*map(posted, range(first, min(rounds, first + AT_ONCE))))
            print(
                f"{min(rounds, first + AT_ONCE)} of {rounds} rounds, {upstream.calls} model calls", flush=True
            )
    return books


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["kills", "once"])
    parser.add_argument("--count", type=int, help="kills (50) or rounds (1000)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began = time.monotonic()
    books: Books
    if options.what == "kills":
        books = told = asyncio.run(kills(options.count or 50, options.seed))
        waits = sorted(told.waits)
        spread = f"{waits[0]:.1f} to {waits[-1]:.1f} s, median {statistics.median(waits):.1f}"
        print(f"killed {dict(told.stages)}; whole after {spread}")
    else:
        books = asyncio.run(once(options.count or 1000))
    print(f"{len(books.wrong)} wrong, in {time.monotonic() - began:.0f} s")
    return 1 if books.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
