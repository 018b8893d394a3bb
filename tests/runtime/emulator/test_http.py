"""The small HTTP server under the emulator."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from c1fn.runtime.emulator.http import Exchange, Gone, Handle, Server, TooLarge


@asynccontextmanager
async def talking(
    handle: Handle,
) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter], None]:
    server = await Server.listen(handle)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        await server.close()


async def echo(exchange: Exchange) -> None:
    await exchange.respond(200, [("x", exchange.path + "?" + exchange.query)], await exchange.body(10))


POST = b"POST /a?b HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi"


async def test_one_connection_carries_many_requests() -> None:
    async with talking(echo) as (reader, writer):
        for _ in range(2):
            writer.write(POST)
            assert b"x: /a?b" in await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(2) == b"hi"


async def test_trailers_are_known_after_the_body() -> None:
    async def handle(exchange: Exchange) -> None:
        body = b"".join([chunk async for chunk in exchange.chunks()])
        await exchange.respond(200, (), body + exchange.trailers["x-t"].encode())

    async with talking(handle) as (reader, writer):
        writer.write(
            b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-T: b\r\n\r\n"
        )
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(2) == b"ab"


async def test_a_body_is_bounded() -> None:
    caught = asyncio.Event()

    async def handle(exchange: Exchange) -> None:
        with pytest.raises(TooLarge):
            await exchange.body(1)
        caught.set()
        exchange.abort()

    async with talking(handle) as (_, writer):
        writer.write(POST)
        await caught.wait()


@pytest.mark.parametrize("method", [b"HEAD", b"GET"])
async def test_a_head_has_no_body(method: bytes) -> None:
    async def handle(exchange: Exchange) -> None:
        await exchange.begin(200, [("content-length", "2")])
        await exchange.write(b"hi")
        await exchange.end()

    async with talking(handle) as (reader, writer):
        writer.write(method + b" / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).endswith(b"hi" if method == b"GET" else b"\r\n\r\n")


async def test_an_aborted_response_is_not_taken_for_complete() -> None:
    async def handle(exchange: Exchange) -> None:
        await exchange.begin(200, ())
        await exchange.write(b"half")
        exchange.abort()

    async with talking(handle) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        try:
            rest = await reader.read()
        except ConnectionResetError:
            rest = b""
        assert not rest.endswith(b"0\r\n\r\n")


async def test_a_waiting_side_that_leaves_is_noticed() -> None:
    left, entered = asyncio.Event(), asyncio.Event()

    async def handle(exchange: Exchange) -> None:
        entered.set()
        with pytest.raises(Gone):
            await exchange.unless_gone(asyncio.Event().wait())
        left.set()

    async with talking(handle) as (_, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        await entered.wait()
        writer.close()
        await left.wait()


async def test_a_request_that_is_cut_is_noticed() -> None:
    cut = asyncio.Event()

    async def handle(exchange: Exchange) -> None:
        with pytest.raises(Gone):
            await exchange.body(10)
        cut.set()

    async with talking(handle) as (_, writer):
        writer.write(POST[:-1])
        writer.close()
        await cut.wait()


async def test_what_is_no_http_ends_the_connection() -> None:
    async with talking(echo) as (reader, writer):
        writer.write(b"\x16\x03\x01 not http\r\n\r\n")
        assert await reader.read() == b""


async def test_a_client_that_expects_100_continue_gets_it() -> None:
    async with talking(echo) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert b"100" in await reader.readuntil(b"\r\n\r\n")
        writer.write(b"hi")
        assert b"200" in await reader.readuntil(b"\r\n\r\n")
