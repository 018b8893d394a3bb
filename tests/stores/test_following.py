"""How far a follower of a running answer is behind it."""

import asyncio
import random
from collections.abc import Coroutine
from typing import Any

from c1fn.stores import RENEWAL, Claim, Store
from c1fn.stores.dynamodb import DynamoStore, service
from c1fn.stores.dynamodb.following import FOLLOWING
from c1fn.turn import Turn
from tests.stores.clockwork import Clockwork
from tests.stores.contract import answered, ask, claimed

FOLLOWERS = 3
PIECES, BETWEEN = 25, 0.1  # seconds between two pieces of an answer

Heard = list[tuple[float, int]]
"""When, and how many characters were known then."""


async def say(store: Store, claim: Claim, time: Clockwork) -> Heard:
    """An answer that grows, and is renewed each second as a chat does it."""
    said: Heard = [(time.now, 0)]

    async def hold() -> None:
        while True:
            await time.sleep(RENEWAL)
            await store.turns.renew(claim, "x" * said[-1][1])

    holding = asyncio.create_task(hold())
    for size in range(1, PIECES + 1):
        await time.sleep(BETWEEN)
        said.append((time.now, size))
    holding.cancel()
    await store.turns.commit(claim, answered(claim, "x" * PIECES))
    return said


async def hear(store: Store, time: Clockwork, after: float) -> Heard:
    await time.sleep(after)
    heard: Heard = [(time.now, 0)]
    async for part in store.turns.follow("ann", "t", "r1"):
        heard.append((time.now, len(part.answer) if isinstance(part, Turn) else heard[-1][1] + len(part)))
    return heard


async def together(time: Clockwork, *work: Coroutine[Any, Any, Heard]) -> list[Heard]:
    """All of it at once. Time goes on when everybody sleeps: each of them, and who renews the first one."""
    tasks = [asyncio.create_task(one) for one in work]
    while pending := sum(not task.done() for task in tasks):
        if time.sleeping() == pending + (not tasks[0].done()):
            time.to_next()
        await asyncio.sleep(0)
    return [task.result() for task in tasks]


def behind(said: Heard, heard: Heard) -> float:
    """The longest time for which a follower had not heard what had been said."""
    joined = heard[0][0]
    return max(next(at for at, known in heard if known >= size) - max(when, joined) for when, size in said)


async def test_how_far_followers_are_behind(endpoint: tuple[str, str], time: Clockwork) -> None:
    """A follower hears everything within a second, in which the turn looks, and the time between two looks of
    its own; beside that it takes the time of the calls, which here take none.
    """
    store = DynamoStore(service(endpoint[0]), endpoint[1], clock=time.clock, sleep=time.sleep)
    claim = claimed(await store.turns.open(ask("r1"), history=0))
    dice = random.Random(7)
    joining = (hear(store, time, dice.random()) for _ in range(FOLLOWERS))
    said, *heard = await together(time, say(store, claim, time), *joining)
    delays = [behind(said, one) for one in heard]
    assert max(delays) <= RENEWAL + FOLLOWING + 1e-6
    assert min(delays) > FOLLOWING
    await store.aclose()
