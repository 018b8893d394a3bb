"""Opens connections before the first requests need them.

A handshake is mostly waiting: if it begins while the process starts, it costs the first answer no time. The
transport gets its connections from a backend; this backend returns each open connection once, for a request
to its address, and otherwise connects as usual. Only the handshake is sent on one. It is not used if it could
not be opened, if the server closed it, or if it is too old.

https://www.encode.io/httpcore/network-backends/
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any

from httpcore2 import SOCKET_OPTION, AsyncNetworkBackend, AsyncNetworkStream, ConnectError, ConnectTimeout

from c1fn.startup import KEPT_OPEN

ESTABLISHED = 1
"""https://github.com/torvalds/linux/blob/master/include/net/tcp_states.h"""


Opening = Callable[
    [str, int, ssl.SSLContext | None, float],
    Coroutine[Any, Any, AsyncNetworkStream] | asyncio.Future[AsyncNetworkStream],
]
"""Opens one connection; see ``Ahead.open``. A coroutine waits for its event loop, a future need not."""


class Ahead(AsyncNetworkBackend):
    """:param backend: which opens the connections.
    :param clock: seconds since the epoch: a monotonic clock may stand still while a function is frozen.
    :param opening: another way to open those ahead; by default the backend does that too.
    """

    def __init__(
        self,
        backend: AsyncNetworkBackend,
        clock: Callable[[], float] = time.time,
        opening: Opening | None = None,
    ) -> None:
        self._backend = backend
        self._clock = clock
        self._open = opening or self._by_the_backend
        self._address, self._secure = ("", 0), False
        self._opening: list[asyncio.Future[AsyncNetworkStream]] = []
        self._begun = 0.0

    def open(self, host: str, port: int, context: ssl.SSLContext | None, wait: float, count: int = 1) -> None:
        """Begin.

        :param context: for TLS; without it there is none.
        :param wait: seconds for each of connecting and the handshake, at most.
        :param count: connections.
        """
        self._address, self._secure, self._begun = (host, port), context is not None, self._clock()
        if context is not None:
            context.set_alpn_protocols(["http/1.1"])  # as the transport does
        for _ in range(count):
            opening = self._open(host, port, context, wait)
            if not isinstance(opening, asyncio.Future):
                opening = asyncio.create_task(opening, name="connect ahead")
            self._opening.append(opening)
        asyncio.get_running_loop().call_later(KEPT_OPEN, self._give_up)

    async def _by_the_backend(
        self, host: str, port: int, context: ssl.SSLContext | None, wait: float
    ) -> AsyncNetworkStream:
        stream = await self._backend.connect_tcp(host, port, timeout=wait)
        if context is None:
            return stream
        return await stream.start_tls(context, host, wait)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        if (host, port) == self._address and (stream := await self._take()):
            return Opened(stream) if self._secure else stream
        return await self._backend.connect_tcp(host, port, timeout, local_address, socket_options)

    async def aclose(self) -> None:
        """Close those that nobody took."""
        while self._opening:
            opening = self._opening.pop()
            opening.cancel()
            with suppress(asyncio.CancelledError, ConnectError, ConnectTimeout):
                await (await opening).aclose()

    async def _take(self) -> AsyncNetworkStream | None:
        if self._clock() - self._begun >= KEPT_OPEN:
            await self.aclose()
        while self._opening:
            opening = self._opening.pop(0)
            try:
                stream = await opening
            except (ConnectError, ConnectTimeout):
                return None
            except asyncio.CancelledError:
                self._opening.append(opening)  # it may have been opened at this very moment
                await self.aclose()
                raise
            if _alive(stream):
                return stream
            await stream.aclose()
        return None

    def _give_up(self) -> None:
        if self._opening:
            self._closing = asyncio.create_task(self.aclose(), name="close what was opened ahead")


class Opened(AsyncNetworkStream):
    """What the transport believes to have just connected: the handshake that it asks for next is done."""

    def __init__(self, stream: AsyncNetworkStream) -> None:
        self._stream = stream

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,  # noqa: ARG002 - it is the one that it was opened with
        server_hostname: str | None = None,  # noqa: ARG002 - as above
        timeout: float | None = None,  # noqa: ARG002 - the stream's shape
    ) -> AsyncNetworkStream:
        return self._stream

    async def aclose(self) -> None:
        await self._stream.aclose()


def _alive(stream: AsyncNetworkStream) -> bool:
    """The server has not closed it. Something to read would tell nothing: tickets follow a handshake."""
    raw = stream.get_extra_info("socket")
    if raw is None or not hasattr(socket, "TCP_INFO"):
        return True
    state: int = raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    return state == ESTABLISHED
