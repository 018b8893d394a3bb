"""One caller with 40 connections at every endpoint, and another who only wants to chat: who gets what.

Not one of the default parts, for it takes two minutes. The limits are 2 turns at once and 6 a day.
"""

import asyncio
import itertools
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx2

from scripts.attack.ledger import Ledger
from scripts.attack.targets import PATIENCE, Target, chat, local
from tests.upstream import Upstream

CONNECTIONS = 40
SECONDS = 120.0
AT_ONCE, A_DAY = 2, 6
KEYS = {"ann": "a-long-random-key-1", "bob": "a-long-random-key-2"}
ANN, BOB = ({"x-api-key": key} for key in KEYS.values())


async def run(ledger: Ledger, tree: Path) -> None:
    settings = {
        "C1FN_AUTH": "key",
        "C1FN_KEYS": json.dumps(KEYS),
        "THESYS_API_KEY": "k",
        "C1FN_OWNER_TURNS_AT_ONCE": str(AT_ONCE),
        "C1FN_OWNER_TURNS_A_DAY": str(A_DAY),
    }
    async with Upstream() as upstream, local(tree, C1FN_BASE_URL=upstream.url, **settings) as server:
        statuses: Counter[str] = Counter()
        until = time.monotonic() + SECONDS
        flood = [asyncio.create_task(_flooding(server, statuses, until, n)) for n in range(CONNECTIONS)]
        bobs = await _chatting(server, until)
        await asyncio.gather(*flood)
        asked = sum("of ann" in json.dumps(request.body) for request in upstream.requests)
    print(f"flood: ann, by endpoint and status: {json.dumps(dict(sorted(statuses.items())))}")
    print(f"flood: ann's turns that reached the model: {asked}; bob's turns, statuses and seconds: {bobs}")
    ledger.note("ann's turns that the model was asked for", held=asked <= A_DAY, seen=asked)
    ledger.note("bob's turns of the day are answered", held=[s for s, _ in bobs] == [200] * A_DAY, seen=bobs)


def _requests(number: int) -> Any:
    """Every endpoint, over and over."""
    for n in itertools.count():
        thread, response = f"t{n % 7}", f"r{number}-{n}"
        yield "POST", "/api/chat", chat("words of ann", response, thread)
        yield "GET", "/api/threads?limit=100", None
        yield "POST", "/api/threads", {"threadId": f"new{number}-{n}", "title": "x" * 200}
        yield "GET", f"/api/threads/{thread}/messages", None
        yield "GET", f"/api/threads/{thread}/turns/{response}", None
        yield "PUT", f"/api/threads/{thread}", {"title": "y" * 200}
        yield "PUT", f"/api/threads/{thread}/messages/{response}", {"content": "z" * 100_000}
        yield "POST", f"/api/threads/{thread}/stop", {}
        yield "DELETE", f"/api/threads/{thread}", None


async def _flooding(server: Target, statuses: Counter[str], until: float, number: int) -> None:
    async with httpx2.AsyncClient(base_url=server.url, timeout=PATIENCE, headers=ANN) as client:
        for method, path, body in _requests(number):
            if time.monotonic() > until:
                return
            name = f"{method} /{'/'.join(path.split('?')[0].split('/')[2:5:2]) or 'threads'}"
            try:
                statuses[f"{name} {(await client.request(method, path, json=body)).status_code}"] += 1
            except httpx2.HTTPError as error:
                statuses[f"{name} {type(error).__name__}"] += 1


async def _chatting(server: Target, until: float) -> list[tuple[int, float]]:
    """Bob's turns, spread over the time."""
    got = []
    async with httpx2.AsyncClient(base_url=server.url, timeout=PATIENCE, headers=BOB) as client:
        for number in range(A_DAY):
            began = time.monotonic()
            answer = await client.post("/api/chat", json=chat("words of bob", f"r{number}", "bobs"))
            got.append((answer.status_code, round(time.monotonic() - began, 2)))
            await asyncio.sleep(max(0.0, (until - time.monotonic()) / (A_DAY - number + 1)))
    return got
