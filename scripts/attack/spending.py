"""More than one caller may take: followers that hold, threads deleted before the end, a burst of turns."""

import asyncio
from pathlib import Path
from typing import Any

import httpx2

from scripts.attack.ledger import Ledger
from scripts.attack.targets import PATIENCE, Target, chat, local
from tests.upstream import Upstream, held

AT_ONCE = 2


async def run(ledger: Ledger, tree: Path) -> None:
    async with Upstream() as upstream:
        settings = {"THESYS_API_KEY": "k", "C1FN_BASE_URL": upstream.url}
        async with local(tree, C1FN_OWNER_TURNS_AT_ONCE=str(AT_ONCE), **settings) as server:
            await _followers(ledger, server, upstream)
            await _burst(ledger, server, upstream)
        async with local(tree, C1FN_OWNER_TOKENS_A_DAY="400", **settings) as server:
            await _deletes(ledger, server, upstream)
        async with local(tree, C1FN_OWNER_TURNS_A_DAY="3", **settings) as server:
            await _a_day(ledger, server)


async def _followers(ledger: Ledger, server: Target, upstream: Upstream) -> None:
    gate = asyncio.Event()
    upstream.queue(held(gate))
    running = asyncio.create_task(server.call("POST", "/api/chat", json=chat("long", "r", "held")))
    await _until(server, "/api/threads/held/messages")
    url = f"{server.url}api/threads/held/turns/r"
    async with httpx2.AsyncClient(timeout=PATIENCE) as client:
        followers = [asyncio.create_task(client.get(url)) for _ in range(4 * AT_ONCE)]
        await asyncio.wait(followers, timeout=15)
        refused = [task.result().status_code for task in followers if task.done()]
        waiting = len(followers) - len(refused)
        ledger.note(
            "followers beyond the limit hold nothing", held=waiting <= 2 * AT_ONCE, seen=f"{waiting} hold"
        )
        ledger.note("they are told so", held=refused == [429] * len(refused) and bool(refused), seen=refused)
        for task in followers:
            task.cancel()
        await asyncio.gather(*followers, return_exceptions=True)
    await asyncio.sleep(1)  # the server hears of a closed connection
    async with httpx2.AsyncClient(timeout=PATIENCE) as client:
        again = asyncio.create_task(client.get(url))
        done, _ = await asyncio.wait({again}, timeout=3)
        ledger.note(
            "a follower that left has given its place back", held=not done, seen=[t.result() for t in done]
        )
        again.cancel()
        await asyncio.gather(again, return_exceptions=True)
    gate.set()
    await running


async def _burst(ledger: Ledger, server: Target, upstream: Upstream) -> None:
    gate = asyncio.Event()
    for _ in range(AT_ONCE):
        upstream.queue(held(gate))
    turns = [
        asyncio.create_task(server.call("POST", "/api/chat", json=chat("x", "r", f"b{n}"))) for n in range(20)
    ]
    await asyncio.wait(turns, timeout=5)
    waiting = sum(not turn.done() for turn in turns)
    ledger.note("twenty turns at once", held=waiting <= AT_ONCE, seen=f"{waiting} run")
    gate.set()
    await asyncio.gather(*turns, return_exceptions=True)


async def _deletes(ledger: Ledger, server: Target, upstream: Upstream) -> None:
    """Each prompt has 300 characters, and its thread is deleted before the end: what it took counts."""
    statuses = []
    for number in range(8):
        gate = asyncio.Event()
        upstream.queue(held(gate))
        thread = f"d{number}"
        body = chat("word " * 60, "r", thread)
        turn = asyncio.create_task(server.call("POST", "/api/chat", json=body))
        if not await _until(server, f"/api/threads/{thread}/messages", turn):
            statuses.append((await turn).status_code)
            gate.set()  # nobody was asked: the next turn gets this answer
            break
        await server.call("DELETE", f"/api/threads/{thread}")
        statuses.append((await turn).status_code)
        gate.set()
    ledger.note("a thread deleted before the end counts", held=429 in statuses, seen=statuses)


async def _a_day(ledger: Ledger, server: Target) -> None:
    statuses = []
    for number in range(5):
        await server.call("DELETE", "/api/threads/x")
        statuses.append(
            (await server.call("POST", "/api/chat", json=chat("x", f"r{number}", "x"))).status_code
        )
    ledger.note(
        "more turns a day by deleting and beginning anew", held=statuses[3:] == [429, 429], seen=statuses
    )


async def _until(server: Target, path: str, unless: "asyncio.Task[Any] | None" = None) -> bool:
    """Wait until the thread is there; False: the turn was refused."""
    while not (await server.call("GET", path)).is_success:
        if unless is not None and unless.done():
            return False
        await asyncio.sleep(0.05)
    return True
