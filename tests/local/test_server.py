import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from c1fn import compose
from c1fn.local.server import GRACEFUL, Server
from c1fn.settings import Settings


def test_the_server_says_nothing_of_itself_and_owns_its_connections() -> None:
    """What it does at Ctrl-C is proven on the process itself, in test_main."""
    config = Server(compose.web_app(Settings.read({}))).config
    assert config.headers == [("connection", "keep-alive")]
    assert (config.server_header, config.timeout_graceful_shutdown) == (False, GRACEFUL)


# --- requests that do not end

ASKED = b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
BEGUN = b"POST /api/threads HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 9\r\n\r\n{"


@asynccontextmanager
async def serving(patience: float) -> AsyncGenerator[int, None]:
    server = Server(compose.web_app(Settings.read({})), patience=patience)
    listener = socket.create_server(("127.0.0.1", 0))
    port: int = listener.getsockname()[1]
    running = asyncio.create_task(server.serve([listener]))
    yield port
    server.should_exit = True
    await running


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET /healthz HTT", ASKED[:-2], BEGUN, ASKED + b"GET /hea"],
    ids=["nothing", "half a line", "a head without its end", "half a body", "half a second request"],
)
async def test_a_request_that_does_not_end_ends_its_connection(sent: bytes) -> None:
    async with serving(patience=0.2) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        got = await asyncio.wait_for(_rest(reader), 20)
        assert (b"200 OK" in got) is sent.startswith(ASKED)
        writer.close()


async def test_an_answer_may_take_longer_than_its_request() -> None:
    """Whole requests are answered, one after the other, however little patience there is."""
    async with serving(patience=5) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(3):
            writer.write(ASKED)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 OK")
            await reader.readuntil(b"}")
        writer.close()


async def _rest(reader: asyncio.StreamReader) -> bytes:
    """All until the other side closes or breaks the connection."""
    got = b""
    try:
        while piece := await reader.read(1000):
            got += piece
    except ConnectionResetError:
        pass
    return got


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "0.0.0.0", ""])
async def test_a_name_that_was_made_to_lead_here_is_told_so(host: str) -> None:
    async with serving(patience=20) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET /healthz HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
        got = await asyncio.wait_for(_rest(reader), 20)
        assert got.startswith(b"HTTP/1.1 400")
        assert b"127.0.0.1 and localhost alone" in got
        writer.close()
