"""The pool on servers that do not keep to the rules of HTTP, and on networks that lose connections."""

import asyncio
from contextlib import aclosing

import httpcore2
import pytest

from c1fn.net.dial import Backend
from c1fn.net.pool import Pool
from tests.net.aws.scripted import answer
from tests.net.test_stream import serving
from tests.tls import HOST, client_context, server_context

Server = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def pool(connections: int) -> Pool:
    return Pool(ssl_context=client_context(), max_connections=connections, network_backend=Backend())


async def asked(pool: Pool, url: str) -> bytes:
    """The body of an answer."""
    timeout = {"read": 5.0, "write": 5.0, "connect": 5.0, "pool": 5.0}
    return (await pool.request("GET", url, extensions={"timeout": timeout})).content


@pytest.mark.parametrize("tls", [False, True])
async def test_an_answer_that_came_before_its_request_is_nobodys(*, tls: bool) -> None:
    """By itself httpcore gives it to the next request, and each answer to the request after its own."""

    async def twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer(b"mine") + answer(b"another's"))
        await reader.read()

    async with serving(twice, server_context() if tls else None) as port, aclosing(pool(1)) as kept:
        url = f"http{'s' * tls}://{HOST}:{port}/"
        for _ in range(2):
            assert await asked(kept, url) == b"mine"
            with pytest.raises(httpcore2.RemoteProtocolError):
                await asked(kept, url)


async def test_when_one_connection_breaks_those_that_wait_are_not_trusted() -> None:
    """All of them waited as long, and the same may have befallen them."""
    together, connections = asyncio.Barrier(5), 0

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        if connections <= 5:
            await together.wait()
        writer.write(answer(b"well"))
        await reader.readuntil(b"\r\n\r\n")  # and then it ends without a word

    async with serving(once) as port, aclosing(pool(5)) as kept:
        url = f"http://127.0.0.1:{port}/"
        await asyncio.gather(*(asked(kept, url) for _ in range(5)))
        with pytest.raises(httpcore2.RemoteProtocolError):
            await asked(kept, url)
        assert await asked(kept, url) == b"well"
        assert connections == 6


async def test_a_request_that_was_about_to_take_one_of_those_takes_another() -> None:
    """And what is under way on the others goes on."""
    go, came = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            if b"/slow" in head:
                came.set()
                await go.wait()
            if b"/broken" in head:
                return
            writer.write(answer(b"well"))

    async with serving(serve) as port, aclosing(pool(5)) as kept:
        url = f"http://127.0.0.1:{port}"
        slow = asyncio.create_task(asked(kept, f"{url}/slow"))
        await came.wait()
        await asyncio.gather(*(asked(kept, f"{url}/") for _ in range(3)))
        paths = ["/broken", "/", "/broken", "/", "/"]
        found = await asyncio.gather(*(asked(kept, url + path) for path in paths), return_exceptions=True)
        go.set()
        assert await slow == b"well"
    assert [one == b"well" for one in found] == [False, True, False, True, True]
