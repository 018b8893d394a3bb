"""The same 60 requests through every door and under both runtimes: the same statuses, headers and bodies.

What a door cannot carry is in ``LOST``, and nothing else differs.
"""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from c1fn.runtime.emulator import Emulator
from c1fn.runtime.emulator.options import BOOTSTRAP

ROOT = Path(__file__).parents[2]
HANDLER = "tests.runtime.functions.brisk.handler"
ENVIRON = {"C1FN_MODEL": "offline", "C1FN_AUTH": "none", "C1FN_MAX_BODY": "5000"}


def turn(prompt: str, response: str, thread: str = "") -> bytes:
    """In a thread of its own, unless it is told which."""
    thread = thread or f"t-{response}"
    message = {"id": f"p-{response}", "role": "user", "content": prompt}
    return json.dumps({"prompt": message, "threadId": thread, "responseId": response}).encode()


@dataclass(frozen=True)
class Ask:
    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.method} {self.path} {self.body[:60]!r} {dict(self.headers)}"

    @property
    def is_plain_chat(self) -> bool:
        """A direct invocation can stand for it: its event is the body alone."""
        chat = self.method == "POST" and self.path.strip("/") == "api/chat" and b'{"prompt"' in self.body
        return chat and not self.headers.keys() - {"content-type", "cookie"}


def post(body: bytes, path: str = "/api/chat", **headers: str) -> Ask:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return Ask("POST", path, body, {"content-type": "application/json", **told})


def put(path: str, body: bytes) -> Ask:
    return Ask("PUT", path, body, {"content-type": "application/json"})


ASKED = [
    # the service
    Ask("GET", "/healthz"),
    Ask("GET", "/healthz/"),
    Ask("GET", "//healthz"),
    Ask("HEAD", "/healthz"),
    Ask("POST", "/healthz"),
    Ask("OPTIONS", "/healthz"),
    Ask("GET", "/"),
    Ask("HEAD", "/"),
    Ask("GET", "/openapi.json"),
    Ask("GET", "/nothing"),
    Ask("GET", "/assets/none.js"),
    Ask("GET", "/%2e%2e/handler.py"),
    # turns
    post(turn("hello", "r1", "t")),
    post(turn("hello", "r1", "t")),
    post(turn("another", "r1", "t")),
    post(turn("ärger — 字 😀", "r2"), accept="application/json"),
    post(turn("again", "r3"), "/api/chat/"),
    post(turn("and again", "r4"), "//api/chat"),
    post(turn("as bytes", "r5"), content_type="application/octet-stream"),
    post(turn("a page", "r6"), origin="http://localhost", sec_fetch_site="same-origin"),
    post(turn("foreign", "r7"), origin="https://evil.example", sec_fetch_site="cross-site"),
    post(turn("ids", "r/8", "a/b c")),
    post(turn("cookies", "r9"), cookie="a=1; b=2"),
    post(b"{"),
    post(b"[]"),
    post(b"\xff\xfe"),
    post(b""),
    post(b'{"prompt":{"role":"system","content":"x"},"threadId":"t","responseId":"r"}'),
    post(b'{"prompt":{"role":"user","content":" "},"threadId":"t","responseId":"r"}'),
    post(b'{"prompt":{"role":"user","content":"x"},"threadId":"","responseId":"r"}'),
    post(turn("x" * 6000, "r10")),
    Ask("GET", "/api/chat"),
    Ask("DELETE", "/api/chat"),
    Ask("HEAD", "/api/chat"),
    # answers
    Ask("GET", "/api/threads/t/turns/r1"),
    Ask("HEAD", "/api/threads/t/turns/r1"),
    Ask("GET", "/api/threads/t/turns/none"),
    Ask("GET", "/api/threads/a%2Fb%20c/turns/r%2F8"),
    # threads
    Ask("GET", "/api/threads"),
    Ask("GET", "/api/threads/"),
    Ask("GET", "/api/threads?limit=1"),
    Ask("GET", "/api/threads?limit=0"),
    Ask("GET", "/api/threads?limit=a%20b%26c"),
    Ask("GET", "/api/threads?limit=1&limit=0"),
    Ask("GET", "/api/threads?cursor=%C3%BC+x"),
    Ask("GET", "/api/threads/t/messages"),
    Ask("GET", "/api/threads/a%2Fb%20c/messages"),
    Ask("GET", "/api/threads/none/messages"),
    post(b'{"threadId":"made","title":"T"}', "/api/threads"),
    post(b'{"threadId":"made","title":"U"}', "/api/threads"),
    post(b'{"threadId":"50% of + x"}', "/api/threads"),
    Ask("GET", "/api/threads/50%25%20of%20+%20x/messages"),
    put("/api/threads/made", b'{"title":"V"}'),
    put("/api/threads/made", b'{"title":1}'),
    put("/api/threads/t/messages/r1", b'{"content":"saved"}'),
    put("/api/threads/t/messages/none", b'{"content":"saved"}'),
    post(b"{}", "/api/threads/t/stop"),
    Ask("DELETE", "/api/threads/made"),
    Ask("DELETE", "/api/threads/made"),
    Ask("PATCH", "/api/threads/t"),
]

SLASH = {ask.name for ask in ASKED if "%2F" in ask.path}

LOST: Mapping[str, set[str]] = {
    "http_url": SLASH,  # the door decodes the path: the slash is one between segments
    "alb_url": {
        "GET /api/threads?limit=1&limit=0 b'' {}"
    },  # the last of several values, as the first of two is 1
}
"""Requests that a door cannot carry as they are."""

DROPPED = {"date", "content-length", "transfer-encoding", "connection", "x-amzn-requestid"}
"""Of each answer's own, or of its connection."""

Answer = tuple[int, list[tuple[str, str]], bytes]


def normal(status: int, headers: list[tuple[str, str]], body: bytes) -> Answer:
    """Without times, and without the stage that two doors stand below."""
    kept = sorted((name.lower(), value) for name, value in headers if name.lower() not in DROPPED)
    kept = [(name, value.replace("base-uri 'self'", "base-uri 'none'")) for name, value in kept]
    body = re.sub(rb"\d{4}-\d\d-\d\dT[\d:.]+Z", b"TIME", body)
    body = body.replace(b'<base href="/prod/">', b"").replace(b'"servers":[{"url":"/prod"}]', b"")
    body = re.sub(rb'"cursor":"[^"]+"', b'"cursor":"C"', body)
    if body.startswith(b'{"openapi"'):
        document = json.loads(body.replace(b",}", b"}"))
        body = json.dumps(document, sort_keys=True).encode()
    return status, kept, body


async def answers(door: str, *, ours: bool, **options: Any) -> dict[str, Answer]:
    """All answers of one process, by the request and how often it came."""
    found: dict[str, Answer] = {}
    environ = ENVIRON | ({"C1FN_REST_API": "buffered"} if options.get("rest_mode") == "buffer" else {})
    async with (
        Emulator(
            task_root=ROOT,
            handler=HANDLER,
            environ=environ,
            concurrency=1,
            bootstrap=BOOTSTRAP if ours else None,  # without it, the managed runtime: awslambdaric
            log=lambda _: None,
            **options,
        ) as emulator,
        httpx2.AsyncClient(timeout=30, headers={"user-agent": "test", "accept": "*/*"}) as client,
    ):
        for ask in ASKED:
            name = ask.name
            while name in found:
                name += " again"
            if door == "direct":
                if ask.is_plain_chat:
                    found[name] = await _invoked(client, emulator.invoke_url, ask)
                continue
            got = await client.request(
                ask.method, getattr(emulator, door) + ask.path, content=ask.body, headers=dict(ask.headers)
            )
            found[name] = normal(got.status_code, got.headers.multi_items(), got.content)
    return found


async def _invoked(client: httpx2.AsyncClient, url: str, ask: Ask) -> Answer:
    got = await client.post(f"{url}/2015-03-31/functions/function/invocations", content=ask.body)
    told = got.json()
    body = told["body"].encode()
    return normal(told["statusCode"], list(told["headers"].items()), body)


@pytest.fixture(scope="module")
def reference() -> dict[str, Answer]:
    """A function URL that streams, under our loop."""
    return asyncio.run(answers("url", ours=True))


WAYS = [
    ("rest_url", True, {}),
    ("rest_url", True, {"rest_mode": "buffer"}),
    ("http_url", True, {}),
    ("alb_url", True, {}),
    ("alb_url", True, {"multi_value_headers": True}),
    ("url", False, {"url_mode": "buffer"}),
    ("rest_url", False, {"rest_mode": "buffer"}),
    ("http_url", False, {}),
    ("alb_url", False, {}),
    ("alb_url", False, {"multi_value_headers": True}),
]


def test_there_are_sixty() -> None:
    assert len(ASKED) == 60


@pytest.mark.timeout(180)  # sixty requests on a machine that may be busy
@pytest.mark.parametrize(("door", "ours", "options"), WAYS, ids=str)
async def test_the_same_requests_get_the_same_answers(
    door: str,
    ours: bool,  # noqa: FBT001 - a table's column
    options: dict[str, Any],
    reference: dict[str, Answer],
) -> None:
    got = await answers(door, ours=ours, **options)
    different = {name for name, answer in got.items() if answer != reference[name]}
    lost = set() if options.get("multi_value_headers") else LOST.get(door, set())
    assert got.keys() == reference.keys()
    assert {name: (got[name], reference[name]) for name in different - lost} == {}


@pytest.mark.timeout(180)
@pytest.mark.parametrize("ours", [True, False])
async def test_a_direct_invocation_gets_the_same_answers_to_a_chat(
    ours: bool,  # noqa: FBT001 - a case
    reference: dict[str, Answer],
) -> None:
    """Its event is the body: what a header asks for is lost, and a body that is no chat is no request."""
    got = await answers("direct", ours=ours)
    assert len(got) == 12
    assert {name: (each, reference[name]) for name, each in got.items() if each != reference[name]} == {}
