"""One socket to the Runtime API."""

import asyncio
import gc
import logging
from contextlib import suppress
from typing import Self

import pytest

from c1fn.runtime.fault import Fault
from c1fn.runtime.http1 import Broken
from c1fn.runtime.link import HIGH_WATER, PAUSE, READ, TRIES, Fatal, Link, Platform
from c1fn.runtime.messages import Acknowledgement, Invocation
from c1fn.runtime.protocol import Address, Connection

CALL = Invocation("id-1", b"{}")
OK = b"HTTP/1.1 202 A\r\ncontent-length: 0\r\n\r\n"
REFUSED = b"HTTP/1.1 413 L\r\ncontent-length: 0\r\n\r\n"
NEXT = b"HTTP/1.1 200 O\r\nlambda-runtime-aws-request-id: i\r\ncontent-length: 2\r\n\r\n{}"


class Peer:
    """A listener whose connections the test holds in its hands."""

    def __init__(self) -> None:
        self.connections: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.address = Address("127.0.0.1", self._server.sockets[0].getsockname()[1], "")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self.connections.put_nowait((reader, writer))


async def test_a_send_waits_only_when_the_socket_is_full() -> None:
    async with Peer() as peer:
        link = await Link.connect(peer.address)
        reader, _ = await peer.connections.get()
        link.expect()
        await link.send(b"x" * 1000)  # nobody reads, and nobody waits
        sending = asyncio.create_task(link.send(b"x" * HIGH_WATER * 64))
        assert await reader.readexactly(1000)
        assert not sending.done()
        await reader.readexactly(HIGH_WATER * 64)
        await sending
        link.close()


async def test_links_that_read_in_turns_each_get_their_own_event() -> None:
    """They share a buffer."""
    async with Peer() as peer:
        links, events = [], (b'{"first": 1}', b'{"second": 22}')
        for _ in events:
            link = await Link.connect(peer.address)
            link.expect()
            await link.send(Connection.next(link.api))
            links.append((link, (await peer.connections.get())[1]))
        wholes = [NEXT.replace(b"2\r\n\r\n{}", b"%d\r\n\r\n%b" % (len(one), one)) for one in events]
        for at in range(max(map(len, wholes))):
            for (_, writer), whole in zip(links, wholes, strict=True):
                writer.write(whole[at : at + 1])
                await asyncio.sleep(0)
        assert [await link.answer() for link, _ in links] == [Invocation("i", one) for one in events]
        for link, _ in links:
            link.close()


async def test_a_link_that_is_closed_sends_nothing_more() -> None:
    """What the socket has not taken is dropped with it."""
    async with Peer() as peer:
        link = await Link.connect(peer.address)
        reader, _ = await peer.connections.get()
        link.expect()
        payload = b"x" * HIGH_WATER * 64
        sending = asyncio.create_task(link.send(payload))
        await reader.readexactly(1000)
        link.close()
        await sending
        arrived = 1000
        with suppress(ConnectionResetError):
            while piece := await reader.read(READ):
                arrived += len(piece)
        assert arrived < len(payload)
        assert not link.usable


async def test_a_send_waits_from_the_high_water_mark_until_all_is_sent() -> None:
    async with Peer() as peer:
        link = await Link.connect(peer.address)
        assert link._transport is not None
        assert link._transport.get_write_buffer_limits() == (0, HIGH_WATER)
        link.close()


async def test_a_platform_that_refuses_early_gets_nothing_more() -> None:
    """Also while the socket has room. The connection then serves no further request."""
    async with Peer() as peer:
        link = await Link.connect(peer.address)
        reader, writer = await peer.connections.get()
        link.expect()
        await link.send(link.api.begin(CALL, None))
        await reader.readuntil(b"\r\n\r\n")
        writer.write(REFUSED)
        assert await link.answer() == Acknowledgement(413)
        await link.send(link.api.data(b"more") + link.api.end())
        assert not link.usable
        link.close()
        with suppress(ConnectionResetError):
            assert await reader.read() == b""


@pytest.mark.parametrize("how", ["refuses", "dies"])
@pytest.mark.parametrize("what", ["a piece", "whole"])
async def test_whoever_waits_for_room_is_let_go_when_nobody_listens_any_more(how: str, what: str) -> None:
    async with Peer() as peer:
        link = await Link.connect(peer.address)
        _, writer = await peer.connections.get()
        link.expect()
        payload = b"x" * HIGH_WATER * 64
        if what == "whole":
            data = link.api.respond(CALL, payload)
        else:
            await link.send(link.api.begin(CALL, None))
            data = link.api.data(payload)
        sending = asyncio.create_task(link.send(data))
        if how == "refuses":
            writer.write(REFUSED)
        else:
            writer.transport.abort()
        await sending
        assert not link.listening
        assert not link.usable
        await link.send(b"more")
        link.close()


@pytest.mark.parametrize("status", [200, 202, 204])
async def test_an_early_2xx_ends_nothing_and_the_connection_serves_on(status: int) -> None:
    """Some platforms acknowledge a streamed response at its first piece, and read on."""
    async with Peer() as peer:
        link = await Link.connect(peer.address)
        reader, writer = await peer.connections.get()
        link.expect()
        await link.send(link.api.begin(CALL, None) + link.api.data(b"one"))
        await reader.readuntil(b"one\r\n")
        length = b"" if status == 204 else b"content-length: 0\r\n"
        writer.write(b"HTTP/1.1 %d A\r\n%b\r\n" % (status, length))
        assert await link.answer() == Acknowledgement(status)
        piece = b"x" * HIGH_WATER * 64
        sending = asyncio.create_task(link.send(link.api.data(piece) + link.api.end()))
        assert await reader.readuntil(b"\r\n") == b"%x\r\n" % len(piece)
        assert await reader.readexactly(len(piece)) == piece
        assert await reader.readexactly(7) == b"\r\n0\r\n\r\n"
        await sending
        assert link.usable
        link.expect()
        await link.send(link.api.next())
        assert b"/invocation/next" in await reader.readuntil(b"\r\n\r\n")
        writer.write(NEXT)
        assert await link.answer() == Invocation("i", b"{}")
        link.close()


async def test_a_platform_that_leaves_after_an_early_2xx_disturbs_nobody() -> None:
    async with Peer() as peer:
        link = await Link.connect(peer.address)
        reader, writer = await peer.connections.get()
        link.expect()
        await link.send(link.api.begin(CALL, None) + link.api.data(b"one"))
        await reader.readuntil(b"one\r\n")
        writer.write(OK)
        assert await link.answer() == Acknowledgement(202)
        sending = asyncio.create_task(link.send(link.api.data(b"x" * HIGH_WATER * 64)))
        writer.transport.abort()
        await sending
        assert not link.usable
        await link.send(link.api.end())


async def test_an_idle_connection_may_end_unnoticed_and_a_request_on_it_is_told() -> None:
    async with Peer() as peer:
        link = await Link.connect(peer.address)
        reader, writer = await peer.connections.get()
        link.expect()
        await link.send(link.api.next())
        await reader.readuntil(b"\r\n\r\n")
        writer.write(NEXT)
        assert await link.answer() == Invocation("i", b"{}")
        writer.transport.abort()
        while link._transport is not None:  # noqa: ASYNC110 - it is the loop that is awaited
            await asyncio.sleep(0)
        link.expect()
        with pytest.raises(Broken):
            await link.answer()


async def test_an_answer_nobody_asked_for_ends_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    async with Peer() as peer:
        link = await Link.connect(peer.address)
        _, writer = await peer.connections.get()
        link.expect()
        await link.send(link.api.respond(CALL, b"1"))
        writer.write(OK)
        assert await link.answer() == Acknowledgement(202)
        writer.write(OK)
        while link.usable:  # noqa: ASYNC110 - it is the loop that is awaited
            await asyncio.sleep(0)
    assert caplog.records == []  # the link was idle: there is nothing to tell


async def test_an_answer_of_no_told_length_ends_with_the_connection() -> None:
    async with Peer() as peer:
        link = await Link.connect(peer.address)
        reader, writer = await peer.connections.get()
        link.expect()
        await link.send(link.api.respond(CALL, b"1"))
        await reader.readuntil(b"\r\n\r\n1")
        writer.write(b'HTTP/1.0 413 L\r\n\r\n{"errorType":"TooLarge"}')
        writer.close()
        assert await link.answer() == Acknowledgement(413, "TooLarge")
        assert not link.usable


async def test_an_event_larger_than_a_read_comes_whole() -> None:
    async with Peer() as peer:
        platform = Platform(peer.address)
        asking = asyncio.create_task(platform.get(Connection.next))
        _, writer = await peer.connections.get()
        event = b'"' + b"x" * 3 * READ + b'"'
        head = b"HTTP/1.1 200 O\r\nlambda-runtime-aws-request-id: i\r\ncontent-length: %d\r\n\r\n" % len(
            event
        )
        writer.write(head + event)
        assert await asking == Invocation("i", event)
        platform.close()


async def test_a_get_is_sent_again_on_a_new_connection() -> None:
    async with Peer() as peer:
        platform = Platform(peer.address)
        asking = asyncio.create_task(platform.get(Connection.next))
        reader, writer = await peer.connections.get()
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()
        reader, writer = await peer.connections.get()
        assert b"/invocation/next" in await reader.readuntil(b"\r\n\r\n")
        writer.write(NEXT)
        assert await asking == Invocation("i", b"{}")
        platform.close()
        assert await reader.read() == b""


async def test_a_get_that_is_never_answered_gives_up() -> None:
    """After a pause that is longer each time: a platform that is just being restarted has 0.3 s."""
    async with Peer() as peer:
        began = asyncio.get_running_loop().time()
        asking = asyncio.create_task(Platform(peer.address).get(Connection.next))
        for _ in range(TRIES):
            _, writer = await peer.connections.get()
            writer.transport.abort()
        with pytest.raises(Fatal):
            await asking
        assert asyncio.get_running_loop().time() - began >= PAUSE * (1 + 2 + 4 + 8)


async def test_what_becomes_of_an_error_report_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with Peer() as peer:
        platform = Platform(peer.address)
        telling = asyncio.create_task(platform.tell(lambda api: api.init_error(Fault("Function.X", "m"))))
        _, writer = await peer.connections.get()
        writer.write(OK)
        await telling
        platform.close()
    assert caplog.messages == ["an error report was answered with 202 (ok)"]


async def test_a_connection_that_ends_while_nobody_waits_leaves_no_error_behind(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The loop tells of a future whose error nobody has looked at."""
    async with Peer() as peer:
        link = await Link.connect(peer.address)
        _, writer = await peer.connections.get()
        link.expect()
        writer.transport.abort()
        while link._transport is not None:  # noqa: ASYNC110 - it is the loop that is awaited
            await asyncio.sleep(0)
        for _ in range(3):  # the transport forgets it in the loop's next steps
            await asyncio.sleep(0)
        del link
        gc.collect()
    assert caplog.records == []


async def test_an_error_report_is_sent_once(caplog: pytest.LogCaptureFixture) -> None:
    async with Peer() as peer:
        telling = asyncio.create_task(
            Platform(peer.address).tell(lambda api: api.init_error(Fault("Function.X", "m")))
        )
        _, writer = await peer.connections.get()
        writer.transport.abort()
        await telling
        assert peer.connections.empty()
    assert "was not delivered" in caplog.text
