"""Half of a crowd: a process whose callers all begin turns of one owner at the same moment, with faults.

It says that it is ready, waits for a line, and tells in JSON what its callers were told. Replies are lost and
calls are done twice, but none arrives after it was given up: such a one may count a turn twice.
"""

import argparse
import asyncio
import json
import random
import sys
from collections import Counter

from c1fn.errors import OverQuota
from c1fn.stores import Claim, Quota
from c1fn.stores.dynamodb import DynamoStore, service
from c1fn.turn import Ask, Message
from tests.stores.faults import Faults

OWNER = "crowd"
KINDS = {"lost": 5, "unsent": 2, "throttled": 2, "twice": 2, "stale": 2}
RATE = 0.15
HASTE = 0.3
"""Pauses between tries last this share of theirs; with a tenth, a busy emulator was given up."""


async def caller(store: DynamoStore, thread_id: str) -> str:
    """What it is told that begins a turn, and lets it run."""
    try:
        claim = await store.turns.open(Ask(OWNER, thread_id, "r", Message("user", "hi")), history=2)
    except OverQuota as refused:
        return refused.code
    if not isinstance(claim, Claim):
        raise TypeError(type(claim))
    return "admitted"


async def crowd(options: argparse.Namespace) -> dict[str, int]:
    client = service(options.endpoint)
    faults = Faults(options.seed, RATE, KINDS)
    faults.over(client)
    store = DynamoStore(
        client,
        options.table,
        quota=Quota(at_once=options.at_once, turns=options.turns),
        sleep=lambda seconds: asyncio.sleep(seconds * HASTE),
        jitter=random.Random(options.seed).random,
    )
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    names = [f"{options.seed}-{number}" for number in range(options.callers)]
    told = Counter(await asyncio.gather(*(caller(store, name) for name in names)))
    await store.aclose()
    return told | Counter(lost=faults.faults["lost"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("endpoint")
    parser.add_argument("table")
    for name in ("seed", "callers", "at_once", "turns"):
        parser.add_argument(f"--{name}", type=int, default=0)
    sys.stdout.write(json.dumps(asyncio.run(crowd(parser.parse_args()))))
