"""What a turn costs: calls, write and read units of the DynamoDB store, beside LangChain's DynamoDB history.

The same 30 turns, of C1's size and shape, go through both; `meter.py` counts as DynamoDB bills; larger sizes
are `store_growth.py`'s. LangChain gets a virtual environment of its own under ``.cache``. Prices are those of
on-demand tables in us-east-1:
https://aws.amazon.com/dynamodb/pricing/on-demand/
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.c1_answers import answer, prompt  # noqa: E402 - the path comes first
from benchmarks.meter import Meter  # noqa: E402
from c1fn.errors import NotFound  # noqa: E402
from c1fn.stores import Claim, Quota  # noqa: E402
from c1fn.stores.dynamodb import DynamoStore, connect, table  # noqa: E402
from c1fn.turn import Ask, Feedback, Message, State, Turn, Until, Usage  # noqa: E402
from tests.stores.servers import Ministack, Shared  # noqa: E402

TURNS = 30
HISTORY = 20
WRITE, READ = 0.625, 0.125  # dollars for a million units
CONVERSATION = 60.0  # seconds from one prompt to the next, as the store's clock sees them

NO_LIMITS, LIMITS = Quota(), Quota(at_once=8, turns=500, tokens=5_000_000, writes=20_000)

PEER = ROOT / ".cache" / "langchain-venv"
PEER_PACKAGES = ["langchain-community==0.4.2", "boto3"]


async def say(store: DynamoStore, number: int, text: str, said: str, clock: list[float]) -> None:
    """One turn, as converse does it: open, commit, settle."""
    ask = Ask(
        "owner-of-a-usual-length", "d251ea5b-0f81-472f-9d2a-8c4272e62821", uuid4(number), _user(text, number)
    )
    claim = await store.turns.open(ask, history=HISTORY)
    if not isinstance(claim, Claim):
        raise TypeError(type(claim))
    reply = (Message("assistant", said),)
    usage = Usage(2000, 1500)
    await store.turns.commit(
        claim, Turn(claim.number, ask.response_id, State.DONE, ask.prompt, claim.started, reply, usage)
    )
    await store.settle()
    clock[0] += CONVERSATION


def uuid4(number: int) -> str:
    digits = f"{random.Random(number).getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"


def _user(text: str, number: int) -> Message:
    return Message("user", text, id=uuid4(-1 - number))


async def ours(
    url: str, turns: list[tuple[str, str]], name: str, quota: Quota = NO_LIMITS
) -> list[dict[str, float]]:
    """What each of the turns used."""
    client = connect(url)
    table.create(client, name)
    meter, clock = Meter(client.meta.events), [time.time()]
    store = DynamoStore(Shared(client), name, quota=quota, clock=lambda: clock[0])
    used = []
    for number, (text, said) in enumerate(turns):
        await say(store, number, text, said, clock)
        used.append(meter.take())
    await store.aclose()
    return used


async def others(url: str, turns: list[tuple[str, str]]) -> dict[str, dict[str, float]]:
    """What each other call of docs/conversation.md uses, on a thread of ``HISTORY`` turns, with limits."""
    client = connect(url)
    table.create(client, "others")
    meter, clock = Meter(client.meta.events), [time.time()]
    store = DynamoStore(Shared(client), "others", quota=LIMITS, clock=lambda: clock[0])
    for number, (text, said) in enumerate(turns[:HISTORY]):
        await say(store, number, text, said, clock)
    thread, owner = "d251ea5b-0f81-472f-9d2a-8c4272e62821", "owner-of-a-usual-length"
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        f"fork of {HISTORY} turns": lambda: store.threads.fork(owner, thread, uuid4(900), Until()),
        "fork before the last": lambda: store.threads.fork(
            owner, thread, uuid4(901), Until(uuid4(HISTORY - 1), taken=False)
        ),
        "feedback": lambda: store.threads.rate(owner, thread, uuid4(HISTORY - 1), Feedback("up", "Thanks!")),
        "a shared link": lambda: store.shares.create(owner, thread, 86_400.0),
        "the same fork again": lambda: store.threads.fork(owner, thread, uuid4(900), Until()),
    }
    used = {}
    for name, call in calls.items():
        meter.take()
        await call()
        await store.settle()
        used[name] = meter.take()
    (share,) = await store.shares.list(owner)
    meter.take()
    await store.shares.view(share.token, before=None, limit=100)
    used[f"opened, {HISTORY} turns"] = meter.take()
    await store.shares.revoke(owner, share.token)
    used["revoked"] = meter.take()
    with suppress(NotFound):
        await store.shares.view(share.token, before=None, limit=100)
    used["a token that opens nothing"] = meter.take()
    await store.aclose()
    return used


def peer(url: str, turns: list[tuple[str, str]]) -> list[dict[str, float]]:
    python = PEER / "bin" / "python"
    if not (PEER / "ready").exists():
        venv.create(PEER, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--quiet", *PEER_PACKAGES], check=True)
        (PEER / "ready").touch()
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(turns, file)
        file.flush()
        run = subprocess.run(
            [python, ROOT / "benchmarks" / "langchain_peer.py", url, file.name],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    used: list[dict[str, float]] = json.loads(run.stdout)
    return used


def medians(used: list[dict[str, float]]) -> dict[str, float]:
    return {kind: statistics.median(one[kind] for one in used) for kind in ("calls", "WCU", "RCU")}


def show(name: str, used: list[dict[str, float]]) -> None:
    middle = medians(used)
    mean = {kind: statistics.fmean(one[kind] for one in used) for kind in ("WCU", "RCU")}
    dollars = mean["WCU"] * WRITE + mean["RCU"] * READ
    print(
        f"{name:34} median: {middle['calls']:4.0f} calls {middle['WCU']:6.1f} WCU {middle['RCU']:5.1f} RCU"
        f" | mean: {mean['WCU']:6.2f} WCU {mean['RCU']:5.2f} RCU  ${dollars:6.2f} a million turns"
    )


def turns_of(count: int, make: Callable[[random.Random], int]) -> list[tuple[str, str]]:
    rng = random.Random(7)
    return [(prompt(rng), answer(rng, make(rng))) for _ in range(count)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alone", action="store_true", help="without LangChain")
    parser.add_argument("--json", type=Path, help="also write the medians of all turns to this file")
    args = parser.parse_args()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        os.environ[name] = "testing"
    os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
    turns = turns_of(TURNS, lambda rng: rng.randint(3000, 5500))
    sizes = sorted(len(said.encode()) for _, said in turns)
    print(f"{TURNS} turns, answers of {sizes[0]} to {sizes[-1]} bytes, median {sizes[len(sizes) // 2]}")
    with tempfile.TemporaryDirectory() as folder, Ministack(Path(folder)) as server:
        used = asyncio.run(ours(server.url, turns, "ours"))
        owners = statistics.fmean(one["owner_WCU"] for one in used)
        found = {"c1fn": medians(used) | {"owner_WCU": round(owners, 2)}}
        print(f"of these WCU in the partition of the owner's threads: {owners:.2f} a turn")
        show(f"c1fn, turns 1 to {TURNS}", used)
        show(f"c1fn, turns {HISTORY + 1} to {TURNS}", used[HISTORY:])
        limited = asyncio.run(ours(server.url, turns, "limited", LIMITS))
        show(f"with limits, turns 1 to {TURNS}", limited)
        show(f"with limits, turns {HISTORY + 1} to {TURNS}", limited[HISTORY:])
        for name, units in asyncio.run(others(server.url, turns)).items():
            print(f"{name:34} {units['calls']:4.0f} calls {units['WCU']:6.1f} WCU {units['RCU']:5.1f} RCU")
        if not args.alone:
            theirs = peer(server.url, turns)
            found["LangChain"] = medians(theirs)
            show(f"LangChain, turns 1 to {TURNS}", theirs)
            show(f"LangChain, turns {HISTORY + 1} to {TURNS}", theirs[HISTORY:])
    if args.json:
        args.json.write_text(json.dumps(found), "utf-8")


if __name__ == "__main__":
    main()
