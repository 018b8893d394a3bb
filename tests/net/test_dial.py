"""Names and addresses, against real listeners on loopback."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import pytest

from c1fn.net.dial import Address, dial, interleaved, race


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
