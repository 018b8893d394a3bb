"""Followers of running answers, from other processes: how far they are behind, and what they cost.

Answers grow for ten seconds; three processes join each of them at random moments. Each must hear the same
bytes. How far a follower is behind is measured at each piece, from when the answer had it, or the follower
joined. The same answers without followers tell what those cost. Units are counted as DynamoDB bills them:
``python benchmarks/store_follow.py``.
"""

import argparse
import asyncio
import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.meter import Meter  # noqa: E402 - the path comes first
from c1fn.stores import RENEWAL, Claim, Quota  # noqa: E402
from c1fn.stores.dynamodb import DynamoStore, connect, table  # noqa: E402
from c1fn.turn import Ask, Message, State, Turn  # noqa: E402
from tests.stores.servers import SERVER, Shared  # noqa: E402

TURNS = 5
SECONDS = 10.0
FOLLOWERS = 3
PIECES_A_SECOND = 10
PIECE = 60  # characters: an answer of C1's size in ten seconds

Heard = list[tuple[float, str]]
"""When, and everything that was known then."""

Units = Counter[str]


def ask(number: int) -> Ask:
    return Ask(f"ann-{number}", "thread", f"response-{number}", Message("user", "And the next quarter?"))


def store_on(url: str, name: str) -> tuple[DynamoStore, Meter]:
    client = connect(url)
    meter = Meter(client.meta.events)
    return DynamoStore(Shared(client), name, quota=Quota(at_once=100)), meter


async def say(store: DynamoStore, number: int, dice: random.Random) -> Heard:
    """One turn: it says a piece ten times a second, and is renewed each second, as converse does it."""
    claim = await store.turns.open(ask(number), history=20)
    if not isinstance(claim, Claim):
        raise TypeError(type(claim))
    said: Heard = [(time.monotonic(), "")]

    async def hold() -> None:
        while True:
            await asyncio.sleep(RENEWAL)
            await store.turns.renew(claim, said[-1][1])

    holding = asyncio.create_task(hold())
    for _ in range(int(SECONDS * PIECES_A_SECOND)):
        await asyncio.sleep(1 / PIECES_A_SECOND)
        text = said[-1][1] + f"{dice.getrandbits(4 * PIECE):0{PIECE}x}"
        said.append((time.monotonic(), text))
    holding.cancel()
    reply = (Message("assistant", said[-1][1]),)
    done = Turn(claim.number, claim.ask.response_id, State.DONE, claim.ask.prompt, claim.started, reply)
    await store.turns.commit(claim, done)
    return said


async def said(url: str, name: str, turns: int) -> tuple[list[Heard], Units]:
    store, meter = store_on(url, name)
    heard = await asyncio.gather(*(say(store, number, random.Random(number)) for number in range(turns)))
    await store.settle()
    used = Counter(meter.take())
    await store.aclose()
    return heard, used


async def hear(store: DynamoStore, number: int, after: float) -> Heard:
    await asyncio.sleep(after)
    heard: Heard = [(time.monotonic(), "")]
    turn = ask(number)
    async for part in store.turns.follow(turn.owner, turn.thread_id, turn.response_id):
        text = part.answer if isinstance(part, Turn) else heard[-1][1] + part
        heard.append((time.monotonic(), text))
    return heard


def follower(url: str, name: str, moments: list[float]) -> tuple[list[Heard], Units]:
    """A process that joins each of the turns, so long after it is told."""

    async def all_of_them() -> tuple[list[Heard], Units]:
        store, meter = store_on(url, name)
        heard = await asyncio.gather(*(hear(store, *one) for one in enumerate(moments)))
        await store.settle()
        used = Counter(meter.take())
        await store.aclose()
        return heard, used

    return asyncio.run(all_of_them())


def behind(said: Heard, heard: Heard) -> float:
    """The longest time for which a follower had not heard what had been said."""
    joined, longest = heard[0][0], 0.0
    for at, text in said:
        had = next(moment for moment, known in heard if len(known) >= len(text))
        longest = max(longest, had - max(at, joined))
    return longest


def differs(said: Heard, heard: Heard) -> bool:
    """Whether anything was heard that was not said in this order, or not all of it."""
    texts = [text for _, text in heard]
    grows = all(later.startswith(earlier) for earlier, later in pairwise(texts))
    return not grows or texts[-1] != said[-1][1]


def show(what: str, used: Units, turns: int) -> None:
    print(f"{what:34} {used['WCU'] / turns:6.1f} WCU {used['RCU'] / turns:6.1f} RCU", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--turns", type=int, default=TURNS, help="of which each has three followers")
    options = parser.parse_args()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        os.environ[name] = "testing"
    os.environ["AWS_DEFAULT_REGION"] = "eu-central-1"
    dice, processes = random.Random(1), multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as folder,
        SERVER(Path(folder)) as server,
        ProcessPoolExecutor(FOLLOWERS, processes) as pool,
    ):
        client = connect(server.url)
        for name in ("alone", "followed"):
            table.create(client, name)
        list(pool.map(abs, range(FOLLOWERS)))  # they start now
        _, alone = asyncio.run(said(server.url, "alone", options.turns))
        moments = [[dice.uniform(1, SECONDS - 1) for _ in range(options.turns)] for _ in range(FOLLOWERS)]
        listening = [pool.submit(follower, server.url, "followed", some) for some in moments]
        spoken, followed = asyncio.run(said(server.url, "followed", options.turns))
        told = [future.result() for future in listening]
    pairs = [(spoken[number], one) for heard, _ in told for number, one in enumerate(heard)]
    late = sorted(behind(*pair) for pair in pairs)
    wrong = sum(differs(*pair) for pair in pairs)
    show("a turn that nobody follows", alone, options.turns)
    show(f"a turn with {FOLLOWERS} followers", followed, options.turns)
    show("a follower", sum((used for _, used in told), Counter()), len(pairs))
    print(
        f"{len(pairs)} followers of {options.turns} turns: {wrong} heard other bytes; behind at most: "
        f"median {late[len(late) // 2]:.2f} s, longest {late[-1]:.2f} s, load {os.getloadavg()[0]:.0f}"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
