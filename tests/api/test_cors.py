"""Which pages may call, judged at the application's edge."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from c1fn.api.app import build_app
from c1fn.api.wires.c1 import whole
from c1fn.chat.converse import Chat
from c1fn.chat.tools import Tools
from c1fn.stores.memory import MemoryStore
from c1fn.stores.memory.threads import MemoryThreads
from tests.asgi import Client, Exchange, client_of
from tests.scripted import LIMITS, ScriptedModel, says

HOME, OTHER = "https://app.example", "https://evil.example"
BODY: dict[str, Any] = {
    "prompt": {"role": "user", "content": "hi"},
    "threadId": "t",
    "responseId": "r",
}


class Broken(MemoryThreads):
    """Threads with a bug."""

    async def page(self, owner: str, *, cursor: str | None, limit: int) -> Any:
        raise RuntimeError(owner, cursor, limit)


@asynccontextmanager
async def serving(*origins: str, store: MemoryStore | None = None) -> AsyncGenerator[Client, None]:
    chat = Chat(store or MemoryStore(), ScriptedModel(says("a")), Tools(), LIMITS, lambda _: None)
    async with client_of(build_app(lambda: chat, max_body=1000, origins=origins)) as client:
        yield client


def preflight(
    client: Client, origin: str, *, method: str = "POST", headers: str = "content-type"
) -> Exchange:
    asked = {"access-control-request-method": method, "access-control-request-headers": headers}
    return client.request("OPTIONS", "/api/chat", headers={"origin": origin, **asked})


@pytest.mark.parametrize("origins", [(HOME,), ("*",), (OTHER, HOME)])
async def test_an_allowed_page_may_send_all_that_a_caller_sends(origins: tuple[str, ...]) -> None:
    sent = "authorization, content-type, x-api-key, x-amz-date, x-amz-security-token, x-amz-content-sha256"
    async with serving(*origins) as client:
        for method in ("GET", "POST", "PUT", "DELETE"):
            answer = await preflight(client, HOME, method=method, headers=sent).whole()
            assert answer.status == 200
            assert answer.headers["access-control-allow-origin"] in (HOME, "*")


async def test_another_page_may_not() -> None:
    async with serving(HOME) as client:
        answer = await preflight(client, OTHER).whole()
        assert answer.status == 400
        assert "access-control-allow-origin" not in answer.headers


async def test_without_allowed_origins_no_answer_speaks_of_cors() -> None:
    async with serving() as client:
        assert (await preflight(client, HOME).whole()).status == 405
        answer = await client.get("/api/threads", headers={"origin": HOME})
        assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/api/chat", BODY, 200),
        ("POST", "/api/chat", b"x" * 1001, 413),
        ("POST", "/api/chat", b"{", 400),
        ("GET", "/api/threads", b"", 200),
        ("GET", "/api/threads?limit=x", b"", 422),
        ("GET", "/api/threads/none/messages", b"", 404),
        ("GET", "/nowhere", b"", 404),
        ("PUT", "/healthz", b"", 405),
    ],
)
async def test_every_answer_can_be_read_by_an_allowed_page(
    method: str, path: str, body: Any, status: int
) -> None:
    async with serving(HOME) as client:
        accept = {"origin": HOME, "accept": "application/json"}
        answer = await client.request(method, path, body, accept).whole()
        assert (answer.status, answer.headers["access-control-allow-origin"]) == (status, HOME)
        assert answer.headers["access-control-expose-headers"] == "c1fn-error, link, retry-after"
        assert "Origin" in answer.headers["vary"]
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_even_the_answer_that_tells_of_a_bug_can_be_read() -> None:
    store = MemoryStore()
    store.threads = Broken(store.memory, lambda: "token")
    async with serving(HOME, store=store) as client:
        exchange = client.request("GET", "/api/threads", headers={"origin": HOME})
        await anext(exchange)
        assert (exchange.status, exchange.headers["access-control-allow-origin"]) == (500, HOME)
        assert exchange.task
        with pytest.raises(RuntimeError):  # and the server hears of it
            await exchange.task


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/chat"),
        ("POST", "/api/threads"),
        ("PUT", "/api/threads/t"),
        ("DELETE", "/api/threads/t"),
    ],
)
async def test_no_page_of_another_site_can_change_anything(site: str, method: str, path: str) -> None:
    """A form's POST needs no preflight, and where nobody is asked who they are it would be obeyed."""
    store = MemoryStore()
    await store.threads.create("anybody", "t", "mine")
    async with serving(HOME, store=store) as client:
        headers = {"origin": OTHER, "sec-fetch-site": site, "content-type": "text/plain"}
        answer = await client.request(method, path, BODY | {"title": "theirs"}, headers).whole()
        assert (answer.status, answer.json["code"]) == (403, "foreign_page")
        (thread,) = (await store.threads.page("anybody", cursor=None, limit=9)).threads
        assert thread.title == "mine"
        assert await store.threads.load("anybody", "t") == ()


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "same-origin", "origin": OTHER},  # behind a door that has another name
        {"sec-fetch-site": "cross-site", "origin": HOME},
        {"sec-fetch-site": "none"},  # typed in
        {"origin": OTHER, "host": "evil.example"},  # its own page, in a browser without Fetch Metadata
        {"origin": HOME, "host": "elsewhere.example"},
        {"host": "app.example"},
        {},
    ],
)
async def test_everyone_else_is_obeyed(headers: dict[str, str]) -> None:
    async with serving(HOME) as client:
        answer = (await client.post("/api/chat", BODY, headers=headers)).body.decode()
        assert answer in {"a", whole("a", None, cards=True)}


@pytest.mark.parametrize("origin", [OTHER, "null", "https://app.example.evil.example", "https://"])
async def test_an_older_browser_tells_the_page_by_its_origin_alone(origin: str) -> None:
    """Fetch Metadata came to Safari in 2023: https://caniuse.com/mdn-http_headers_sec-fetch-site"""
    async with serving(HOME) as client:
        headers = {"origin": origin, "host": "app.example", "content-type": "text/plain"}
        answer = await client.post("/api/chat", BODY, headers=headers)
        assert (answer.status, answer.json["code"]) == (403, "foreign_page")


async def test_a_link_on_another_site_leads_to_the_page() -> None:
    async with serving() as client:
        assert (await client.get("/", headers={"sec-fetch-site": "cross-site"})).status == 200
