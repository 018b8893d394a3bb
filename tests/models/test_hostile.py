"""Servers that are broken or mean no good, as whole turns: little memory, little time, a true card, and then
the next prompt of the thread is answered.
"""

import asyncio
import time
import tracemalloc
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from c1fn.api.app import build_app
from c1fn.chat.converse import Chat
from c1fn.chat.tools import Tools
from c1fn.models.c1 import C1Model, Timeouts
from c1fn.stores.memory import MemoryStore
from tests.api.scene import body
from tests.asgi import client_of
from tests.net.test_stream import serving
from tests.scripted import LIMITS
from tests.upstream import delta, event, only_bytes, say

MEGABYTE = 1_048_576
SHORT = Timeouts(connect=5.0, read=1.5, total=3.0)
"""For servers that only these end: long enough for a machine that stands still for a second."""

LONG = Timeouts(connect=10.0, read=10.0, total=20.0)
"""For servers that c1fn can tell by what they send."""

ENOUGH = 12.0
"""Seconds for a turn, on a busy machine."""

MEMORY = 24 * MEGABYTE
"""An event may have 4 MB: as bytes, as text, and once more while it is put together."""

Writer = asyncio.StreamWriter
Bad = Callable[[Writer], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
OPEN = OK + b"connection: close\r\n\r\n"


def always(head: bytes, piece: bytes, pause: float = 0.0) -> Bad:
    """This head, and then this piece again and again until the client leaves."""

    async def bad(writer: Writer) -> None:
        writer.write(head)
        for _ in range(2**30 // len(piece)):  # a gigabyte, or about as long as anybody lives
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)

    return bad


def once(data: bytes) -> Bad:
    async def bad(writer: Writer) -> None:
        writer.write(data)
        await writer.drain()

    return bad


def bomb(fill: bytes) -> bytes:
    packing = zlib.compressobj(9, wbits=31)
    return b"".join(packing.compress(fill * (MEGABYTE // len(fill))) for _ in range(400)) + packing.flush()


def typed(kind: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n".encode()


COMMENTS = b": nothing\n\n" * 1_000
EMPTY = event({"choices": [{"index": 0, "delta": {"content": ""}}]})
PAGE = b"<!doctype html><html><body><h1>Welcome</h1>\n\n"
GOOD = once(OPEN + b"".join(only_bytes(say("Hel", "lo"))))
PACKED = OK + b"content-encoding: gzip\r\nconnection: close\r\n\r\n"
UTF_16 = b"".join(only_bytes(say("Hello"))).decode().encode("utf-16")

SERVERS: dict[str, tuple[Bad, set[str]]] = {
    "comments for ever": (always(OPEN, b": nothing\n\n", 0.05), {"model_timeout"}),
    "empty deltas for ever": (always(OPEN, EMPTY, 0.05), {"model_timeout"}),
    "text for ever": (always(OPEN, delta("word "), 0.0), {"answer_too_long"}),
    "a byte at a time, in the head": (always(OK, b"x", 0.05), {"model_timeout"}),
    "a byte at a time, in an event": (always(OPEN, b"x", 0.05), {"model_timeout"}),
    "a gigabyte of comments": (always(OPEN, COMMENTS), {"model_timeout"}),
    "a gigabyte of one line": (always(OPEN, b"x" * 65_536), {"answer_garbled"}),
    "a gigabyte of lines": (always(OPEN, b"data: x\n" * 8_192), {"answer_garbled", "model_timeout"}),
    "a gigabyte of JSON": (always(typed("application/json"), b" " * 65_536), {"answer_garbled"}),
    "a gigabyte of a web page": (always(typed("text/html"), PAGE * 1_000), {"answer_garbled"}),
    "a web page that never ends": (always(typed("text/html"), PAGE, 0.05), {"answer_garbled"}),
    "a head without end": (always(b"HTTP/1.1 200 OK\r\n", b"x-a: b\r\n" * 100), {"model_unavailable"}),
    "answers before the answer": (always(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100), {"model_timeout"}),
    "a chunk's size without end": (
        always(OK + b"transfer-encoding: chunked\r\n\r\n", b"0" * 4_096),
        {"answer_cut"},
    ),
    "a bomb of one line": (once(PACKED + bomb(b"x")), {"answer_garbled"}),
    "a bomb of comments": (once(PACKED + bomb(b": x\n\n")), {"answer_garbled", "model_timeout"}),
    "another protocol": (once(b"SSH-2.0-OpenSSH_9.9\r\n"), {"model_unavailable"}),
    "nothing at all": (once(b""), {"model_unavailable"}),
    "UTF-16": (once(OPEN + UTF_16), {"answer_garbled"}),
    "a form of compression that nobody knows": (
        once(OK + b"content-encoding: br\r\nconnection: close\r\n\r\n" + b"\x8b\x03\x80hi\x03"),
        {"answer_garbled"},
    ),
    "a redirect": (
        once(b"HTTP/1.1 308 Moved\r\nlocation: http://127.0.0.1:1/v1\r\ncontent-length: 0\r\n\r\n"),
        {"model_rejected"},
    ),
    "a redirect without end": (
        always(b"HTTP/1.1 302 Found\r\nlocation: /v1\r\nconnection: close\r\n\r\n", b"x" * 65_536),
        {"model_rejected"},
    ),
}
"""How a request is answered, and the codes that tell it truly."""


@asynccontextmanager
async def server(bad: Bad, mended: asyncio.Event) -> AsyncGenerator[str, None]:
    """The address of a server that answers so until it is mended, and then well."""

    async def serve(reader: asyncio.StreamReader, writer: Writer) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]))
        await (GOOD if mended.is_set() else bad)(writer)

    async with serving(serve) as port:
        yield f"http://127.0.0.1:{port}/v1"


@pytest.mark.parametrize(("bad", "codes"), SERVERS.values(), ids=list(SERVERS))
async def test_a_turn_ends_soon_and_the_thread_goes_on(bad: Bad, codes: set[str]) -> None:
    lines: list[Any] = []
    mended = asyncio.Event()
    timeouts = SHORT if "model_timeout" in codes else LONG
    async with server(bad, mended) as url:
        model = C1Model(api_key="k", base_url=url, model="m", max_retries=0, timeouts=timeouts)
        chat = Chat(MemoryStore(), model, Tools(), LIMITS, lines.append)
        async with client_of(build_app(lambda: chat, max_body=10_000)) as client:
            tracemalloc.start()
            try:
                begun = time.monotonic()
                await client.post("/api/chat", body("hi", "r1"))
                seconds = time.monotonic() - begun
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            mended.set()
            again = await client.post("/api/chat", body("hi", "r2"))
    assert lines[0].error in codes
    assert (again.status, again.body) == (200, b"Hello")
    assert [line.state for line in lines] == ["failed", "done"]
    assert seconds < ENOUGH
    assert peak < MEMORY
