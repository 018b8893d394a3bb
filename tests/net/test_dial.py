"""Names and addresses, against real listeners on loopback."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import httpcore2
import pytest

from c1fn.net.dial import Address, Backend, dial, interleaved, race
from c1fn.net.pace import Pace
from c1fn.net.stream import Stream
from tests.net.test_stream import hangs, serving
from tests.tls import HOST


@pytest.fixture
def listener() -> Iterator[Address]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield socket.AF_INET, server.getsockname()


@pytest.fixture
def closed() -> Iterator[Address]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield socket.AF_INET, taken.getsockname()


@pytest.fixture
def silent() -> Iterator[Address]:
    """One whose queue is full, so that it answers nobody."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(server.getsockname())
        yield socket.AF_INET, server.getsockname()


async def raced(*addresses: Address) -> object:
    """Whom it is connected with."""
    with await race(asyncio.get_running_loop(), addresses) as sock:
        assert sock.gettimeout() == 0
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        return sock.getpeername()


async def test_an_address_that_refuses_is_followed_by_the_next(closed: Address, listener: Address) -> None:
    assert await raced(closed, closed, listener) == listener[1]


async def test_an_address_that_is_silent_is_not_waited_for(silent: Address, listener: Address) -> None:
    assert await raced(silent, listener) == listener[1]


async def test_the_one_that_connects_stays_open_and_nothing_of_the_others_is_left(
    silent: Address, listener: Address
) -> None:
    with await race(asyncio.get_running_loop(), [silent, listener]) as sock:
        for _ in range(3):
            await asyncio.sleep(0)
        assert sock.fileno() != -1
        assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_the_last_is_waited_for_also_when_an_earlier_fails(closed: Address, silent: Address) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await raced(closed, silent)


async def test_when_all_refuse_the_first_ones_error_is_raised(closed: Address) -> None:
    other = (socket.AF_INET6, ("::1", closed[1][1], 0, 0))
    with pytest.raises(ConnectionRefusedError):
        await raced(closed, other)


def test_the_second_is_of_another_family() -> None:
    four, six = [(4, "a"), (4, "b"), (4, "c")], [(6, "d"), (6, "e")]
    assert interleaved([*four, *six]) == [four[0], six[0], *four[1:], six[1]]
    assert interleaved([*six, *four]) == [six[0], four[0], six[1], *four[1:]]
    assert interleaved(four) == four


async def test_a_name_is_resolved(listener: Address) -> None:
    """``localhost`` may be ::1 too, where nobody listens."""
    with await dial("localhost", listener[1][1]) as sock:
        assert sock.getpeername() == listener[1]


async def test_a_name_that_nobody_has_is_an_error() -> None:
    with pytest.raises(socket.gaierror):
        await dial("nobody.invalid", 1)


async def test_who_is_cancelled_leaves_no_socket(listener: Address) -> None:
    """Wherever it is, also when the connection is there already: pytest finds what is left."""
    for turns in range(9):
        racing = asyncio.ensure_future(raced(listener, listener))
        for _ in range(turns):
            await asyncio.sleep(0)
        racing.cancel()
        with suppress(asyncio.CancelledError):
            await racing


async def test_what_keeps_the_event_loops_threads_busy_holds_up_no_name(listener: Address) -> None:
    """As functions of a tool do that hang: there are six threads in a function."""
    loop, go = asyncio.get_running_loop(), threading.Event()
    loop.set_default_executor(ThreadPoolExecutor(1))
    hanging = loop.run_in_executor(None, go.wait, 20)
    try:
        async with asyncio.timeout(5):
            (await dial("localhost", listener[1][1])).close()
    finally:
        go.set()
        await hanging


# The backend


async def test_its_streams_have_its_pace_and_its_clock() -> None:
    pace = Pace()
    async with serving(hangs) as port:
        stream = await Backend(pace, lambda: 5.0).connect_tcp("127.0.0.1", port, 20)
        assert isinstance(stream, Stream)
        assert (stream._pace, stream._used) == (pace, 5.0)
        await stream.aclose()


async def test_a_listener_that_does_not_accept_ends_the_connecting() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        with ExitStack() as waiting:  # its queue is full then
            for _ in range(4):
                one = waiting.enter_context(socket.socket())
                one.setblocking(False)
                one.connect_ex(address)
            with pytest.raises(httpcore2.ConnectTimeout):
                await Backend().connect_tcp("127.0.0.1", address[1], 0.05)


async def test_a_port_where_nobody_listens_is_no_connection() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(httpcore2.ConnectError):
            await Backend().connect_tcp("127.0.0.1", taken.getsockname()[1], 20)


async def test_a_name_that_nobody_has_is_no_connection() -> None:
    with pytest.raises(httpcore2.ConnectError):
        await Backend().connect_tcp("nobody.invalid", 1, 20)


async def test_each_address_of_a_name_is_tried() -> None:
    """``localhost`` is ::1 too; there nobody listens."""
    async with serving(hangs) as port:
        stream = await Backend().connect_tcp(HOST, port, 20)
        assert stream.get_extra_info("server_addr") == ("127.0.0.1", port)
        await stream.aclose()


async def test_socket_options_are_set() -> None:
    async with serving(hangs) as port:
        option = (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        stream = await Backend().connect_tcp("127.0.0.1", port, 20, socket_options=[option])
        assert stream.get_extra_info("socket").getsockopt(*option[:2])
        await stream.aclose()


class WithoutReaders(asyncio.SelectorEventLoop):
    """As Windows' is."""

    add_reader = asyncio.AbstractEventLoop.add_reader


def test_where_the_loop_cannot_watch_sockets_the_library_has_its_own_way() -> None:
    async def main(port: int) -> None:
        stream = await Backend().connect_tcp("127.0.0.1", port, 20)
        assert not isinstance(stream, Stream)
        await stream.aclose()

    listener = socket.create_server(("127.0.0.1", 0))  # the system accepts for it
    with listener, asyncio.Runner(loop_factory=WithoutReaders) as runner:
        runner.run(main(listener.getsockname()[1]))


@pytest.mark.parametrize("host", ["a" * 64 + ".test", "a..test"])
async def test_a_name_that_cannot_be_one_is_no_connection(host: str) -> None:
    with pytest.raises(httpcore2.ConnectError):
        await Backend().connect_tcp(host, 443)
