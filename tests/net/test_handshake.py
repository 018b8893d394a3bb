"""Connections that are opened in threads."""

import asyncio
import socket
import ssl
import threading

import httpcore2
import pytest

from c1fn.net import handshake
from c1fn.net.handshake import Threaded
from c1fn.net.pace import Pace
from c1fn.net.stream import Stream
from tests.net.test_stream import serving
from tests.tls import HOST, client_context, server_context


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await reader.read(100))
    await writer.drain()


@pytest.mark.parametrize("tls", [False, True])
async def test_what_a_thread_has_opened_is_the_event_loops(*, tls: bool) -> None:
    async with serving(echo, server_context() if tls else None) as port:
        stream = await Threaded(None, 5, 1).shaken(HOST, port, client_context() if tls else None, 5)
        await stream.write(b"hello", 5)
        assert await stream.read(100, 5) == b"hello"
        sock = stream.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert sock.gettimeout() == 0  # it does not block the event loop
        await stream.aclose()


async def test_a_host_that_nobody_vouches_for_is_no_connection() -> None:
    async with serving(echo, server_context()) as port:
        with pytest.raises(httpcore2.ConnectError):
            await Threaded(None, 5, 1).shaken(HOST, port, ssl.create_default_context(), 5)


async def test_where_nobody_listens_there_is_no_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    with pytest.raises(httpcore2.ConnectError):
        await Threaded(None, 5, 1).shaken(HOST, port, None, 5)


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def test_a_handshake_that_is_not_answered_ends() -> None:
    async with serving(silent) as port:
        with pytest.raises(httpcore2.ConnectTimeout):
            await Threaded(None, 5, 1).shaken(HOST, port, client_context(), 0.05)


@pytest.mark.parametrize("tls", [False, True])
async def test_a_backends_streams_come_from_threads(*, tls: bool) -> None:
    """The handshake that the pool asks for next is done already."""
    context = client_context() if tls else None
    async with serving(echo, server_context() if tls else None) as port:
        stream = await Threaded(context, 5, 1).connect_tcp(HOST, port)
        if context:
            stream = await stream.start_tls(context, HOST)
        await stream.write(b"hello", 5)
        assert await stream.read(100, 5) == b"hello"
        await stream.aclose()


async def test_one_whose_taker_leaves_at_the_moment_it_is_open_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = asyncio.get_running_loop()
    one, other = socket.socketpair()
    given: asyncio.Future[httpcore2.AsyncNetworkStream] = loop.create_future()
    monkeypatch.setattr(Threaded, "shaken", lambda *_: given)
    taking = asyncio.create_task(Threaded(None, 5, 1).connect_tcp(HOST, 443))
    await asyncio.sleep(0)
    given.set_result(Stream(one, loop, Pace()))
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking
    assert one.fileno() == -1
    other.close()


async def test_it_begins_before_the_event_loop_has_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is busy with imports then."""
    begun = threading.Event()

    def note(*_: object) -> socket.socket:
        begun.set()
        raise OSError

    monkeypatch.setattr(handshake, "_open", note)
    opening = Threaded(None, 5, 1).shaken(HOST, 443, None, 5)
    assert begun.wait(10)
    with pytest.raises(httpcore2.ConnectError):
        await opening


async def test_in_the_end_those_under_way_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The event loop may be closed after it: nobody would close them."""
    go, (one, other) = threading.Event(), socket.socketpair()

    def slow(*_: object) -> socket.socket:
        go.wait(20)
        return one

    monkeypatch.setattr(handshake, "_open", slow)
    backend = Threaded(None, 5, 1)
    backend.shaken(HOST, 443, None, 5).cancel()
    asyncio.get_running_loop().call_soon(go.set)
    await backend.aclose()
    assert one.fileno() == -1
    assert not backend._under_way
    with pytest.raises(RuntimeError, match="shutdown"):
        backend.shaken(HOST, 443, None, 5)
    other.close()


async def test_one_that_is_given_up_is_closed_when_it_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    opened, go, closed = asyncio.Event(), threading.Event(), asyncio.Event()
    loop, made = asyncio.get_running_loop(), handshake._open

    def slow(*args: object) -> socket.socket:
        loop.call_soon_threadsafe(opened.set)
        go.wait(20)
        return made(*args)  # type: ignore[arg-type]  # what it is given

    async def until_closed(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        assert await reader.read() == b""
        closed.set()

    monkeypatch.setattr(handshake, "_open", slow)
    async with serving(until_closed) as port:
        opening = asyncio.ensure_future(Threaded(None, 5, 1).shaken(HOST, port, None, 5))
        await opened.wait()
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        go.set()
        async with asyncio.timeout(10):
            await closed.wait()


async def test_one_that_is_given_up_and_cannot_be_opened_is_nobodys_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Python 3.14 logs the error of what was behind a shield."""
    opened, go, told = asyncio.Event(), threading.Event(), list[object]()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: told.append(context))

    def refused(*_: object) -> socket.socket:
        loop.call_soon_threadsafe(opened.set)
        go.wait(20)
        raise ConnectionRefusedError

    monkeypatch.setattr(handshake, "_open", refused)
    backend = Threaded(None, 5, 1)
    opening = backend.shaken(HOST, 443, None, 5)
    await opened.wait()
    opening.cancel()
    await asyncio.wait([opening])
    go.set()
    await backend.aclose()
    for _ in range(3):  # the thread's result, what is called with it, and what that calls
        await asyncio.sleep(0)
    assert told == []


async def test_one_that_cannot_be_set_up_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = socket.socketpair()
    monkeypatch.setattr(socket, "create_connection", lambda *_: one)
    monkeypatch.setattr(handshake, "KEEPALIVE", [(socket.SOL_SOCKET, -1, 1)])  # no such option
    with other, pytest.raises(httpcore2.ConnectError):
        await Threaded(None, 5, 1).shaken(HOST, 443, None, 5)
    assert one.fileno() == -1


async def test_what_was_opened_is_not_kept_and_in_the_end_no_more_is_opened() -> None:
    backend = Threaded(None, 5, 1)
    async with serving(silent) as port:
        stream = await backend.shaken(HOST, port, None, 5)
        assert backend._under_way == set()
        await stream.aclose()
        await backend.aclose()
        with pytest.raises(RuntimeError):
            backend.shaken(HOST, port, None, 5)
