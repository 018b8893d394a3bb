"""Opens connections in threads, each of which begins at once: the event loop's own may be busy with imports,
and its timers would count that as the server's silence.

https://docs.python.org/3/library/ssl.html#ssl.SSLContext.wrap_socket
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpcore2

from c1fn.net.ahead import Opened
from c1fn.net.dial import connecting
from c1fn.net.pace import Pace
from c1fn.net.stream import Stream

KEEPALIVE = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]


class Threaded(httpcore2.AsyncNetworkBackend):
    """Streams that threads have opened, for hosts of one kind. The threads are its own: those of the event
    loop may all wait for something else, such as a tool that hangs.

    :param context: for TLS; without it there is none.
    :param wait: seconds for each step, at most.
    :param threads: connections that are opened at once, at most.
    :param clock: see ``Stream``.
    """

    def __init__(
        self,
        context: ssl.SSLContext | None,
        wait: float,
        threads: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._context = context
        self._wait = wait
        self._threads = ThreadPoolExecutor(threads, "connect")
        self._under_way: set[asyncio.Future[httpcore2.AsyncNetworkStream]] = set()
        self._clock = clock

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - it is the one that this was made with
        local_address: str | None = None,  # noqa: ARG002 - the backend's shape
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002 - as above
    ) -> httpcore2.AsyncNetworkStream:
        """See ``shaken``."""
        opening = self.shaken(host, port, self._context, self._wait)
        try:
            stream = await opening
        except asyncio.CancelledError:
            _close(opening)  # it may have been opened at this very moment
            raise
        return Opened(stream) if self._context else stream

    def shaken(
        self, host: str, port: int, context: ssl.SSLContext | None, wait: float
    ) -> asyncio.Future[httpcore2.AsyncNetworkStream]:
        """An ``Opening``: a connection whose handshake is done, for the running event loop. If it is
        cancelled, it is closed.

        :raises httpcore2.ConnectError: the host cannot be reached or trusted; or ConnectTimeout.
        """
        loop = asyncio.get_running_loop()

        def opened() -> httpcore2.AsyncNetworkStream:
            with connecting():
                return Stream(_open(host, port, context, wait), loop, Pace(), self._clock)

        given: asyncio.Future[httpcore2.AsyncNetworkStream] = loop.create_future()
        opening = loop.run_in_executor(self._threads, opened)
        opening.add_done_callback(partial(_give, given))
        self._under_way.add(opening)
        opening.add_done_callback(self._under_way.discard)
        return given

    async def aclose(self) -> None:
        """No more are opened. Those under way are waited for: nobody could close them later."""
        if self._under_way:
            await asyncio.wait(self._under_way)
        self._threads.shutdown(wait=False)


def _open(host: str, port: int, context: ssl.SSLContext | None, wait: float) -> socket.socket:
    sock = socket.create_connection((host, port), wait)
    try:
        for option in (*KEEPALIVE, (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)):
            sock.setsockopt(*option)
        if context is not None:
            sock = context.wrap_socket(sock, server_hostname=host)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def _give(
    given: asyncio.Future[httpcore2.AsyncNetworkStream], opening: asyncio.Future[httpcore2.AsyncNetworkStream]
) -> None:
    if given.cancelled():
        _close(opening)
    elif error := opening.exception():
        given.set_exception(error)
    else:
        given.set_result(opening.result())


def _close(opening: asyncio.Future[httpcore2.AsyncNetworkStream]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().get_extra_info("socket").close()
