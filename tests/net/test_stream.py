"""Streams against real servers on loopback: TCP, TLS 1.2 and 1.3, and whatever a peer can do wrong."""

import asyncio
import fcntl
import resource
import socket
import ssl
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpcore2
import pytest

from c1fn.net.dial import Backend
from c1fn.net.pace import Pace
from c1fn.net.stream import Stream
from tests.tls import HOST, client_context, server_context

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

LARGE = bytes(range(256)) * 20_000
"""More than both sides' socket buffers hold."""

VERSIONS = [None, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@asynccontextmanager
async def serving(
    serve: Serve, tls: ssl.SSLContext | None = None, patience: float = 0.2
) -> AsyncGenerator[int, None]:
    """The port of a server that does this with each connection, and closes it then.

    :param patience: seconds that it waits for the client's word of TLS's end before it closes the socket.
    """
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with suppress(OSError):
                await serve(reader, writer)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    ending = patience if tls else None
    started = asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls, ssl_shutdown_timeout=ending)
    async with await started as server:
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def stream_to(port: int, *, tls: bool = False, timeout: float = 20) -> AsyncGenerator[Stream, None]:  # noqa: ASYNC109 - passed on
    stream = await Backend().connect_tcp("127.0.0.1", port, timeout)
    if tls:
        stream = await stream.start_tls(client_context(), HOST, timeout)
    assert isinstance(stream, Stream)
    try:
        yield stream
    finally:
        await stream.aclose()


async def read_all(stream: httpcore2.AsyncNetworkStream, max_bytes: int = 65_536) -> bytes:
    parts = []
    while part := await stream.read(max_bytes, 20):
        parts.append(part)
    return b"".join(parts)


async def hangs(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


def reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


# What is said arrives


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_large_request_and_a_large_answer_arrive_whole(version: ssl.TLSVersion | None) -> None:
    """The server reads only when the client's socket is full: the write goes on where it stopped."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got = await reader.readexactly(len(LARGE))
        writer.write(got[::-1])
        await writer.drain()

    tls = server_context(version) if version else None
    async with serving(serve, tls) as port, stream_to(port, tls=version is not None) as stream:
        await stream.write(LARGE, 20)
        await stream.write(b"", 20)
        assert await read_all(stream) == LARGE[::-1]


@pytest.mark.parametrize("version", VERSIONS)
async def test_each_piece_is_read_as_soon_as_it_is_sent(version: ssl.TLSVersion | None) -> None:
    """The next is sent only when the last was read; TLS 1.3 sends tickets besides, which are no data."""
    gate = asyncio.Queue[bytes]()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await gate.get():
            writer.write(piece)

    tls = server_context(version) if version else None
    async with serving(serve, tls) as port, stream_to(port, tls=version is not None) as stream:
        for number in range(50):
            reading = asyncio.create_task(stream.read(65_536, 20))
            gate.put_nowait(b"%d" % number)
            assert await reading == b"%d" % number
        gate.put_nowait(b"")
        assert await stream.read(65_536, 20) == b""


@pytest.mark.parametrize("size", [1, 7, 16_384, 16_385])
async def test_what_openssl_holds_back_of_a_record_is_read_too(size: int) -> None:
    """Nothing more comes: the socket itself has nothing to say of it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(LARGE[:40_000])
        await reader.read()

    async with serving(serve, server_context()) as port, stream_to(port, tls=True) as stream:
        got = b""
        while len(got) < 40_000:
            got += await stream.read(size, 5)
        assert got == LARGE[:40_000]


@pytest.mark.parametrize("version", VERSIONS[1:])
async def test_records_that_come_byte_by_byte_are_put_together(version: ssl.TLSVersion) -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")

    async with serving(serve, server_context(version)) as port:

        async def dribble(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while byte := await source.read(1):
                sink.write(byte)
                await sink.drain()
            sink.close()

        async def between(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there, back = await asyncio.open_connection("127.0.0.1", port)
            try:
                await asyncio.gather(dribble(reader, back), dribble(there, writer))
            finally:
                back.close()

        async with serving(between) as slow, stream_to(slow, tls=True) as stream:
            assert await read_all(stream) == b"hello"


async def test_what_comes_while_nobody_reads_is_kept_by_the_socket() -> None:
    sent = asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in (b"a", b"b", b"c"):
            writer.write(piece)
            await asyncio.sleep(0)
        await writer.drain()
        sent.set()

    async with serving(serve, server_context()) as port, stream_to(port, tls=True) as stream:
        first = await stream.read(65_536, 20)
        await sent.wait()
        assert first + await read_all(stream) == b"abc"


async def test_while_nobody_reads_the_loop_is_not_called_again_and_again() -> None:
    said = asyncio.Queue[bytes]()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await said.get():
            writer.write(piece)

    async with serving(serve) as port, stream_to(port) as stream:
        reading = asyncio.create_task(stream.read(100, 20))
        await asyncio.wait([reading], timeout=0.01)
        said.put_nowait(b"a")
        assert await reading == b"a"
        said.put_nowait(b"b")
        while not stream.get_extra_info("is_readable"):  # noqa: ASYNC110 - nothing tells that "b" is here
            await asyncio.sleep(0)
        for _ in range(3):
            await asyncio.sleep(0)
        watched = asyncio.get_running_loop().remove_reader(stream.get_extra_info("socket").fileno())
        assert not watched
        assert await stream.read(100, 20) == b"b"
        said.put_nowait(b"")


# How it ends


async def test_after_the_others_close_reads_are_empty() -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"bye")

    async with serving(serve, server_context(), patience=30) as port, stream_to(port, tls=True) as stream:
        assert await read_all(stream) == b"bye"
        assert await stream.read(100, 5) == b""


async def test_an_end_without_tls_own_word_is_an_end() -> None:
    """HTTP tells by itself whether a body is complete."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(2)
        writer.transport.get_extra_info("socket").shutdown(socket.SHUT_WR)

    async with serving(serve, server_context()) as port, stream_to(port, tls=True) as stream:
        await stream.write(b"hi", 20)
        assert await stream.read(100, 20) == b""


@pytest.mark.parametrize(
    "tls",
    [
        None,
        # Until 3.13 (3.12.1 has it not) Python's ssl told it as an end, and the next test holds what matters:
        # https://github.com/python/cpython/issues/115627
        pytest.param(server_context(), marks=pytest.mark.skipif("sys.version_info < (3, 13)")),
    ],
    ids=["TCP", "TLS"],
)
async def test_a_reset_is_an_error_of_the_read(tls: ssl.SSLContext | None) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(2)
        reset(writer)

    async with serving(serve, tls) as port, stream_to(port, tls=tls is not None) as stream:
        reading = asyncio.create_task(stream.read(100, 20))
        await stream.write(b"hi", 20)
        with pytest.raises(httpcore2.ReadError):
            await reading


@pytest.mark.parametrize("tls", [None, server_context()], ids=["TCP", "TLS"])
async def test_a_reset_within_an_answer_is_never_taken_for_its_end(tls: ssl.SSLContext | None) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")
        await writer.drain()
        reset(writer)

    pool = httpcore2.AsyncConnectionPool(ssl_context=client_context(), network_backend=Backend())
    async with serving(serve, tls) as port, pool:
        with pytest.raises((httpcore2.ReadError, httpcore2.RemoteProtocolError)):
            await pool.request(
                "GET",
                f"http{'s' if tls else ''}://127.0.0.1:{port}/",
                extensions={"sni_hostname": HOST, "timeout": {"read": 20}},
            )


async def test_a_reset_is_an_error_of_the_write() -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reset(writer)

    async with serving(serve) as port, stream_to(port) as stream:
        with pytest.raises(httpcore2.WriteError):
            await stream.write(LARGE * 10, 20)


async def test_what_is_closed_can_neither_be_read_nor_written_and_closing_again_is_no_matter() -> None:
    async with serving(hangs, server_context()) as port, stream_to(port, tls=True) as stream:
        reading = asyncio.create_task(stream.read(100))
        await asyncio.wait([reading], timeout=0)
        await stream.aclose()
        await stream.aclose()
        with pytest.raises(httpcore2.ReadError):
            await reading
        with pytest.raises(httpcore2.ReadError):
            await stream.read(100)
        with pytest.raises(httpcore2.WriteError):
            await stream.write(b"x")
        assert stream.get_extra_info("is_readable")


async def test_closing_ends_a_write_that_waits() -> None:
    async with serving(hangs) as port, stream_to(port) as stream:
        writing = asyncio.create_task(stream.write(LARGE * 4))
        await asyncio.wait([writing], timeout=0)
        await stream.aclose()
        with pytest.raises(httpcore2.WriteError):
            await writing


# How long it takes


async def test_a_silence_ends_the_read() -> None:
    async with serving(hangs, server_context()) as port, stream_to(port, tls=True) as stream:
        with pytest.raises(httpcore2.ReadTimeout):
            await stream.read(100, 0.01)


async def test_a_peer_that_takes_nothing_ends_the_write() -> None:
    async with serving(hangs) as port, stream_to(port) as stream:
        with pytest.raises(httpcore2.WriteTimeout):
            await stream.write(LARGE * 4, 0.05)


async def test_a_peer_that_says_nothing_ends_the_handshake() -> None:
    async with serving(hangs) as port, stream_to(port) as stream:
        with pytest.raises(httpcore2.ConnectTimeout):
            await stream.start_tls(client_context(), HOST, 0.01)


async def test_without_a_limit_it_waits() -> None:
    gate = asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gate.wait()
        writer.write(b"late")

    async with serving(serve) as port, stream_to(port) as stream:
        with pytest.raises(httpcore2.ReadTimeout):
            await stream.read(100, 0.001)
        reading = asyncio.create_task(stream.read(100))
        await asyncio.wait([reading], timeout=0)
        gate.set()
        assert await reading == b"late"


# Who is trusted


async def test_a_certificate_that_nobody_vouches_for_is_refused() -> None:
    async with serving(hangs, server_context()) as port, stream_to(port) as stream:
        with pytest.raises(httpcore2.ConnectError, match="certificate verify failed"):
            await stream.start_tls(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), HOST, 20)


async def test_a_certificate_of_another_host_is_refused() -> None:
    async with serving(hangs, server_context()) as port, stream_to(port) as stream:
        with pytest.raises(httpcore2.ConnectError, match="not valid for"):
            await stream.start_tls(client_context(), "elsewhere.test", 20)


async def test_a_server_without_tls_is_refused() -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with serving(serve) as port, stream_to(port) as stream:
        with pytest.raises(httpcore2.ConnectError):
            await stream.start_tls(client_context(), HOST, 20)


# Who is cancelled


@pytest.mark.parametrize("act", ["read", "write", "start_tls"])
async def test_who_is_cancelled_leaves_nothing_behind(act: str) -> None:
    acts: dict[str, Callable[[Stream], Awaitable[Any]]] = {
        "read": lambda stream: stream.read(100, 20),
        "write": lambda stream: stream.write(LARGE * 4, 20),
        "start_tls": lambda stream: stream.start_tls(client_context(), HOST, 20),
    }
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await go.wait()
        with suppress(OSError):
            while await reader.read(65_536):
                pass
        ended.set()

    go = asyncio.Event()
    async with serving(serve) as port, stream_to(port) as stream:
        acting = asyncio.ensure_future(acts[act](stream))
        await asyncio.wait([acting], timeout=0.01)
        acting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await acting
        await stream.aclose()
        go.set()
        await ended.wait()


# What httpcore2 asks besides


async def test_an_idle_connection_is_readable_when_the_other_side_has_ended_it() -> None:
    gate, closed = asyncio.Event(), asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"x")
        await gate.wait()
        writer.close()
        closed.set()

    async with serving(serve) as port, stream_to(port) as stream:
        assert await stream.read(100, 20) == b"x"
        assert not stream.get_extra_info("is_readable")
        gate.set()
        await closed.wait()
        while not stream.get_extra_info("is_readable"):  # noqa: ASYNC110 - nothing tells that FIN is here
            await asyncio.sleep(0)


async def test_it_tells_of_its_socket() -> None:
    async with serving(hangs, server_context()) as port:
        async with stream_to(port) as plain:
            assert plain.get_extra_info("ssl_object") is None
            assert plain.get_extra_info("server_addr") == ("127.0.0.1", port)
            assert plain.get_extra_info("client_addr") == plain.get_extra_info("socket").getsockname()
            assert plain.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert plain.get_extra_info("anything else") is None
        async with stream_to(port, tls=True) as stream:
            assert stream.get_extra_info("ssl_object").selected_alpn_protocol() is None


async def test_whether_an_idle_connection_has_ended_is_told_of_any_number() -> None:
    """A server of many connections has files beyond the 1,024 that select() can look at."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1200), hard))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        high = socket.socket(fileno=fcntl.fcntl(ours, fcntl.F_DUPFD_CLOEXEC, 1100))
        stream = Stream(high, asyncio.get_running_loop(), Pace())
        assert not stream.get_extra_info("is_readable")
        theirs.close()
        ours.close()
        assert stream.get_extra_info("is_readable")
        await stream.aclose()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
