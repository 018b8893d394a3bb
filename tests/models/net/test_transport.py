"""httpx2 over our sockets: the same answers, errors and kept connections as over its own."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx2
import pytest

from c1fn.errors import ModelUnavailable
from c1fn.models.c1 import C1Model
from c1fn.models.net.transport import Transport
from tests.models.contract import heard, user
from tests.net.test_stream import reset, serving
from tests.tls import HOST, certificate, client_context, server_context
from tests.upstream import Upstream, say

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
LIMITS = httpx2.Limits(max_connections=2, max_keepalive_connections=2, keepalive_expiry=60)


@pytest.fixture(autouse=True)
def _without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@asynccontextmanager
async def client() -> AsyncGenerator[httpx2.AsyncClient, None]:
    async with httpx2.AsyncClient(transport=Transport(client_context(), LIMITS), timeout=20) as made:
        yield made


async def says_its_place(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers with the target of the request: of a proxy it is a whole URL."""
    head = await reader.readuntil(b"\r\n\r\n")
    target = head.split(b" ")[1]
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(target), target))


async def test_a_request_goes_to_its_host() -> None:
    async with serving(says_its_place) as port, client() as asked:
        assert (await asked.get(f"http://127.0.0.1:{port}/a?b=c")).text == "/a?b=c"


async def test_an_answer_that_nobody_asked_for_is_nobodys() -> None:
    """It came together with the one before, and may be another person's."""

    async def twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nmine" * 2)
        await reader.read()

    async with serving(twice) as port, client() as asked:
        assert (await asked.get(f"http://127.0.0.1:{port}/")).text == "mine"
        with pytest.raises(httpx2.RemoteProtocolError):
            await asked.get(f"http://127.0.0.1:{port}/")


async def test_a_model_behind_tls_is_heard_and_its_connection_is_kept(
    upstream: Upstream, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forward(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            sink.write(data)
        sink.close()

    async def front(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = int(upstream.url.split(":")[2].split("/")[0])
        there, back = await asyncio.open_connection("127.0.0.1", port)
        try:
            await asyncio.gather(forward(reader, back), forward(there, writer))
        finally:
            back.close()

    trusted = f"{tmp_path}/trusted.pem"
    with open(trusted, "wb") as file:  # noqa: ASYNC230, PTH123 - a moment
        file.write(certificate()[0])
    monkeypatch.setenv("SSL_CERT_FILE", trusted)
    upstream.queue(say("Hel", "lo"), say("again"))
    async with serving(front, server_context()) as port:
        model = C1Model(api_key="k", base_url=f"https://{HOST}:{port}/v1/embed/", model="c1", max_retries=0)
        assert (await heard(model, user("hi")))[0] == "Hello"
        assert (await heard(model, user("hi")))[0] == "again"
        assert upstream.connections == 1
        await model.aclose()


async def test_a_model_that_is_not_trusted_is_not_asked() -> None:
    async with serving(says_its_place, server_context()) as port:
        model = C1Model(api_key="k", base_url=f"https://{HOST}:{port}/v1/embed/", model="c1", max_retries=0)
        with pytest.raises(ModelUnavailable):
            await heard(model, user("hi"))
        await model.aclose()


async def test_errors_are_httpx2s() -> None:
    async def breaks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx")
        await writer.drain()
        await broken.wait()
        reset(writer)

    broken = asyncio.Event()
    async with serving(breaks) as port, client() as asked:
        async with asked.stream("GET", f"http://127.0.0.1:{port}/") as response:
            parts = response.aiter_raw()
            assert await anext(parts) == b"x"
            broken.set()
            with pytest.raises(httpx2.ReadError):
                await anext(parts)
        with pytest.raises(httpx2.UnsupportedProtocol):
            await Transport(client_context(), LIMITS).handle_async_request(
                httpx2.Request("GET", "ftp://127.0.0.1/")
            )


async def test_a_bug_keeps_its_name() -> None:
    async def body() -> AsyncGenerator[bytes, None]:
        yield b"a"
        raise LookupError

    async with serving(says_its_place) as port, client() as asked:
        with pytest.raises(LookupError):
            await asked.post(f"http://127.0.0.1:{port}/", content=body())
