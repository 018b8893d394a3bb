"""More than one caller may take: followers that hold, threads deleted before the end, a burst of turns."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

from scripts.attack.ledger import Ledger
from scripts.attack.targets import PATIENCE, Target, ask, chat, local
from tests.upstream import Upstream, held

AT_ONCE = 2

WRITES = 500
"""Kilobytes a day outside of turns."""


async def run(ledger: Ledger, tree: Path) -> None:
    async with Upstream() as upstream:
        settings = {"THESYS_API_KEY": "k", "C1FN_BASE_URL": upstream.url}
        async with local(tree, C1FN_OWNER_TURNS_AT_ONCE=str(AT_ONCE), **settings) as server:
            await ledger.each(_followers(ledger, server, upstream))
            await ledger.each(_burst(ledger, server, upstream))
        async with local(tree, C1FN_OWNER_TOKENS_A_DAY="400", **settings) as server:
            await ledger.each(_deletes(ledger, server, upstream))
        async with local(tree, C1FN_OWNER_TURNS_A_DAY="3", **settings) as server:
            await ledger.each(_a_day(ledger, server))
        async with local(tree, **settings, **_few_writes(tree)) as server:
            await ledger.each(_writes(ledger, server))


async def _followers(ledger: Ledger, server: Target, upstream: Upstream) -> None:
    gate = asyncio.Event()
    upstream.queue(held(gate))
    running = asyncio.create_task(server.call("POST", "/api/chat", json=chat("long", "r", "held")))
    await server.until("/api/threads/held/messages", running)
    url = f"{server.url}api/threads/held/turns/r"
    followers = [asyncio.create_task(ask("GET", url)) for _ in range(4 * AT_ONCE)]
    waiting = await _but(followers, 2 * AT_ONCE)
    refused = [task.result().status_code for task in followers if task.done()]
    ledger.note(
        "followers beyond the limit hold nothing", held=waiting <= 2 * AT_ONCE, seen=f"{waiting} hold"
    )
    ledger.note("they are told so", held=refused == [429] * len(refused) and bool(refused), seen=refused)
    for task in followers:
        task.cancel()
    await asyncio.gather(*followers, return_exceptions=True)
    await asyncio.sleep(1)  # the server hears of a closed connection
    again = asyncio.create_task(ask("GET", url))
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
    waiting = await _but(turns, AT_ONCE)
    ledger.note("twenty turns at once", held=waiting <= AT_ONCE, seen=f"{waiting} run")
    gate.set()
    await asyncio.gather(*turns, return_exceptions=True)


async def _but(requests: list[asyncio.Task[Any]], few: int) -> int:
    """How many still wait when all but a few are answered, or when the time for that is over."""
    waiting, loop = set(requests), asyncio.get_running_loop()
    until = loop.time() + PATIENCE
    while len(waiting) > few and (left := until - loop.time()) > 0:
        _, waiting = await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
    return len(waiting)


async def _deletes(ledger: Ledger, server: Target, upstream: Upstream) -> None:
    """Each prompt has 300 characters, and its thread is deleted before the end: what it took counts."""
    statuses = []
    for number in range(8):
        gate = asyncio.Event()
        upstream.queue(held(gate))
        thread = f"d{number}"
        body = chat("word " * 60, "r", thread)
        turn = asyncio.create_task(server.call("POST", "/api/chat", json=body))
        if not await server.until(f"/api/threads/{thread}/messages", turn):
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


def _few_writes(tree: Path) -> dict[str, str]:
    """The limit on what is written outside of turns; an older checkout has none, and refuses the name."""
    known = "owner_writes_a_day" in (tree / "c1fn/settings.py").read_text()
    return {"C1FN_OWNER_WRITES_A_DAY": str(WRITES)} if known else {}


async def _writes(ledger: Ledger, server: Target) -> None:
    """Threads by the thousand, titles, and saved answers of 4 MB."""
    await server.call("POST", "/api/chat", json=chat("x", "r", "t"))
    four = await _saved(server, 4_000_000)
    ledger.note("a saved answer of 4 MB is more than a day's writes", held=four == 429, seen=four)
    small = await _saved(server, 1000)
    ledger.note("a small one is saved: the rest means something", held=small == 204, seen=small)
    hundred = [await _saved(server, 100_000) for _ in range(20)]
    ledger.note("saved answers of 100 KB", held=hundred.count(204) <= WRITES // 98, seen=hundred)
    made = Counter[int]()
    for number in range(1500):
        body = {"threadId": f"n{number}", "title": "x" * 200}
        made[(await server.call("POST", "/api/threads", json=body)).status_code] += 1
        if made[429] == 3:
            break
    ledger.note("threads by the thousand", held=made[201] <= WRITES and made[429] == 3, seen=dict(made))
    renamed = (await server.call("PUT", "/api/threads/t", json={"title": "y" * 200})).status_code
    ledger.note("a title after that", held=renamed == 429, seen=renamed)
    deleted = (await server.call("DELETE", "/api/threads/n1")).status_code
    ledger.note("what was made may be deleted", held=deleted == 204, seen=deleted)
    again = (await server.call("POST", "/api/threads", json={"threadId": "n1"})).status_code
    ledger.note("and gives no room for more", held=again == 429, seen=again)
    asked = (await server.call("POST", "/api/chat", json=chat("x", "r2", "t"))).status_code
    ledger.note("turns go on", held=asked == 200, seen=asked)


async def _saved(server: Target, size: int) -> int:
    status: int = (
        await server.call("PUT", "/api/threads/t/messages/r", json={"content": "x" * size})
    ).status_code
    return status
