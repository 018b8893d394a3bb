"""Refuse DynamoDB for some seconds at the moment at which a turn is committed: ``python scripts/outage.py``.

For each duration 50 turns are opened, and every call of each is refused for so long from its commit on, by
the clock of the wall. An answer that is not stored as it was said is lost. Ends with 1 if one is.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from c1fn.errors import StoreError  # noqa: E402 - the path comes first
from c1fn.net.aws import Unreachable  # noqa: E402
from c1fn.net.aws.client import Answer, Request  # noqa: E402
from c1fn.stores import Claim  # noqa: E402
from c1fn.stores.dynamodb import DynamoStore, connect, service, table  # noqa: E402
from c1fn.turn import Ask, Message, State, Turn  # noqa: E402
from tests.stores.machines import Sky  # noqa: E402
from tests.stores.servers import SERVER, keys_alone  # noqa: E402

SECONDS = (1, 3, 8, 15, 20)
TURNS = 50
AT_ONCE = 10


class Away(Sky):
    """Refuses all calls of a client until a moment."""

    until = 0.0

    async def send(self, request: Request) -> Answer:
        if time.monotonic() < self.until:
            raise Unreachable("ConnectError")
        return await self.pass_on(request)


async def one(store: DynamoStore, away: Away, thread: str, seconds: float) -> float | None:
    """How long the commit took; None: the answer is lost."""
    opened = await store.turns.open(Ask("o", thread, "r", Message("user", "hi")), history=2)
    if not isinstance(opened, Claim):
        raise TypeError(type(opened))
    reply = (Message("assistant", f"answer on {thread}", id="r"),)
    turn = Turn(opened.number, "r", State.DONE, opened.ask.prompt, opened.started, reply)
    began = time.monotonic()
    away.until = began + seconds
    try:
        await store.turns.commit(opened, turn)
    except StoreError:
        return None
    took = time.monotonic() - began
    await store.settle()
    return took if await store.threads.load("o", thread) == (turn,) else None


async def many(url: str, name: str, seconds: float) -> list[float | None]:
    places = asyncio.Semaphore(AT_ONCE)

    async def alone(number: int) -> float | None:
        async with places:
            client = service(url)
            away, store = Away(client), DynamoStore(client, name)
            took = await one(store, away, f"{seconds}-{number}", seconds)
            await store.aclose()
            return took

    return await asyncio.gather(*(alone(number) for number in range(TURNS)))


def main() -> int:
    argparse.ArgumentParser(description=__doc__).parse_args()
    keys_alone(os.environ)
    lost = 0
    with tempfile.TemporaryDirectory() as folder, SERVER(Path(folder)) as server:
        client = connect(server.url)
        table.create(client, "outage")
        for seconds in SECONDS:
            took = asyncio.run(many(server.url, "outage", seconds))
            kept = sorted(one for one in took if one is not None)
            lost += len(took) - len(kept)
            print(
                f"away for {seconds:2} s: {len(took)} turns, {len(took) - len(kept)} answers lost, "
                f"committed after {kept[0]:.1f} to {kept[-1]:.1f} s",
                flush=True,
            )
        client.close()
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
