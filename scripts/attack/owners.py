"""One caller at another's threads, by every endpoint that takes an id."""

import asyncio
import json
from pathlib import Path

from scripts.attack.ledger import Ledger
from scripts.attack.targets import Target, chat, local
from tests.upstream import Upstream, held

KEYS = {"ann": "a-long-random-key-1", "bob": "a-long-random-key-2"}
ANN, BOB = ({"x-api-key": key} for key in KEYS.values())
SECRET = "planted words of ann"


async def run(ledger: Ledger, tree: Path) -> None:
    gate = asyncio.Event()
    async with Upstream() as upstream:
        settings = {"C1FN_AUTH": "key", "C1FN_KEYS": json.dumps(KEYS), "THESYS_API_KEY": "k"}
        async with local(tree, C1FN_BASE_URL=upstream.url, **settings) as server:
            await server.call("POST", "/api/chat", headers=ANN, json=chat(SECRET, "done", "mine"))
            upstream.queue(held(gate))
            running = asyncio.create_task(
                server.call("POST", "/api/chat", headers=ANN, json=chat(SECRET, "runs", "now"))
            )
            await server.until("/api/threads/now/messages", headers=ANN)
            before = await _seen(server)
            for name, method, path, body, allowed in ATTEMPTS:
                answer = await server.call(method, path, headers=BOB, json=body)
                leaks = SECRET in answer.text or "Hel" in answer.text
                ledger.note(
                    f"bob: {name}", held=answer.status_code in allowed and not leaks, seen=answer.text
                )
            listed = await server.call("GET", "/api/threads?limit=1", headers=ANN)
            cursor = listed.json()["cursor"] if listed.is_success else "none"
            ledger.note("ann lists: the next means something", held=listed.is_success, seen=listed.text)
            answer = await server.call("GET", f"/api/threads?cursor={cursor}", headers=BOB)
            ledger.note(
                "bob: ann's cursor",
                held="mine" not in answer.text and "now" not in answer.text,
                seen=answer.text,
            )
            ledger.note("ann: nothing of hers has changed", held=await _seen(server) == before, seen=before)
            gate.set()
            await running


async def _seen(server: Target) -> list[object]:
    """What nobody but Ann changes: the answer that runs grows by itself."""
    mine = await server.call("GET", "/api/threads/mine/messages", headers=ANN)
    now = await server.call("GET", "/api/threads/now/messages", headers=ANN)
    return [mine.text, now.json()[0] if now.is_success else now.text]


ATTEMPTS: list[tuple[str, str, str, object, tuple[int, ...]]] = [
    ("lists threads", "GET", "/api/threads", None, (200,)),
    ("reads a thread (GHSA-w7hf-3v2c-xj58)", "GET", "/api/threads/mine/messages", None, (404,)),
    ("reads one that runs", "GET", "/api/threads/now/messages", None, (404,)),
    ("follows a stream that runs (CVE-2026-31950)", "GET", "/api/threads/now/turns/runs", None, (404,)),
    ("follows a stream from a place", "GET", "/api/threads/now/turns/runs?after=1", None, (404, 422)),
    ("replays an answer", "GET", "/api/threads/mine/turns/done", None, (404,)),
    ("continues a chat (CVE-2026-45349)", "POST", "/api/chat", chat("what was said?", "b1", "mine"), (200,)),
    ("repeats a responseId", "POST", "/api/chat", chat(SECRET[:3], "done", "mine"), (200, 404, 409)),
    ("renames", "PUT", "/api/threads/now", {"title": "bob's"}, (404,)),
    ("deletes (CVE-2026-45671)", "DELETE", "/api/threads/now", None, (404,)),
    ("stops", "POST", "/api/threads/now/stop", {}, (200,)),
    ("saves an answer", "PUT", "/api/threads/now/messages/runs", {"content": "bob's"}, (404,)),
    ("names an owner in the body", "POST", "/api/threads", {"threadId": "b", "owner": "key:ann"}, (201,)),
    ("names an owner in the query", "GET", "/api/threads?owner=key:ann", None, (200,)),
    ("climbs by the id", "GET", "/api/threads/..%2fkey:ann%2fmine/messages", None, (404, 422)),
    ("separates by #", "GET", "/api/threads/x%23mine/messages", None, (404,)),
]
