"""Connects to a host: its addresses are tried in parallel, so that one that does not answer causes no delay.

The order is the resolver's, but the second address is of another family than the first. The next address is
tried when one has failed or a quarter of a second has passed. The first that connects is used; the others are
closed, also when the whole is cancelled (asyncio's own implementation leaks a socket then).

https://www.rfc-editor.org/rfc/rfc8305
"""

import asyncio
import socket
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import httpcore2

from c1fn.net.pace import Pace
from c1fn.net.stream import Stream

RACE = 0.25
"""Seconds before the next address is tried beside one that does not answer (RFC 8305 section 8)."""

RESOLVERS = ThreadPoolExecutor(16, "resolve")
"""Threads that ask for a host's addresses, as many as may wait for a resolver at once. The event loop's own,
in which asyncio asks, may all wait for something else, such as a tool that hangs.
"""

Address = tuple[int, Any]
"""The family, and what `connect` takes."""


class Backend(httpcore2.AsyncNetworkBackend):
    """Streams of our own where the event loop can watch a socket (all of Python's but Windows'), else
    the library's.

    :param pace: of its streams.
    :param clock: see ``Stream``.
    """

    def __init__(self, pace: Pace | None = None, clock: Callable[[], float] = time.time) -> None:
        self._pace = pace or Pace()
        self._clock = clock

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """:raises httpcore2.ConnectError: no address of this host can be reached; or ConnectTimeout."""
        loop = asyncio.get_running_loop()
        if local_address or type(loop).add_reader is asyncio.AbstractEventLoop.add_reader:
            library = httpcore2.AnyIOBackend()
            return await library.connect_tcp(host, port, timeout, local_address, socket_options)
        with connecting():
            async with asyncio.timeout(timeout):
                sock = await dial(host, port)
        for option in socket_options or ():
            sock.setsockopt(*option)
        return Stream(sock, loop, self._pace, self._clock)


@contextmanager
def connecting() -> Generator[None, None, None]:
    """What goes wrong within, as httpcore2 names it.

    :raises httpcore2.ConnectError: the host cannot be reached or trusted; or ConnectTimeout.
    """
    try:
        yield
    except TimeoutError as error:
        raise httpcore2.ConnectTimeout(str(error)) from error
    except (OSError, UnicodeError) as error:  # a name may be of a form that no name has
        raise httpcore2.ConnectError(str(error)) from error


async def dial(host: str, port: int) -> socket.socket:
    """A socket that does not block, with TCP_NODELAY.

    :raises OSError: no address of the host can be reached; it is the first one's error.
    """
    loop = asyncio.get_running_loop()
    asking = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await loop.run_in_executor(RESOLVERS, asking)
    return await race(loop, [(family, address) for family, _, _, _, address in found])


async def race(loop: asyncio.AbstractEventLoop, found: Sequence[Address]) -> socket.socket:
    """See ``dial``."""
    waiting = interleaved(found)
    tries: list[asyncio.Task[socket.socket]] = []
    try:
        while waiting or not all(one.done() for one in tries):
            if waiting:
                tries.append(asyncio.create_task(_connected(loop, waiting.pop(0))))
            running = [one for one in tries if not one.done()]
            patience = RACE if waiting else None
            await asyncio.wait(running, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            for one in tries:
                if one.done() and one.exception() is None:
                    tries.remove(one)
                    return one.result()
        return tries[0].result()
    finally:
        for one in tries:
            one.add_done_callback(_close)
            one.cancel()


def _close(lost: asyncio.Task[socket.socket]) -> None:
    if not lost.cancelled() and lost.exception() is None:
        lost.result().close()


def interleaved(found: Sequence[Address]) -> list[Address]:
    """In the order in which they are tried: a family that is cut off is not tried twice before the other."""
    first, *rest = found
    other = next((one for one in rest if one[0] != first[0]), None)
    return [first, *([other] if other else []), *(one for one in rest if one is not other)]


async def _connected(loop: asyncio.AbstractEventLoop, address: Address) -> socket.socket:
    family, where = address
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await loop.sock_connect(sock, where)
    except BaseException:
        sock.close()
        raise
    return sock
