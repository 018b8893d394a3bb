"""The connections to one service: httpcore2's pool over the event loop's own sockets.

A connection that has waited for long, by the clock of the wall, is not used again: a function is frozen
between two requests, and its peer may have gone without a word. One that breaks under a request fails the
call; whether it is tried again is decided where its meaning is known.
"""

import asyncio
import ssl
import time
from collections.abc import Callable
from contextlib import aclosing

import httpcore2

from c1fn.net.ahead import Ahead
from c1fn.net.aws import Limits, Unreachable
from c1fn.net.aws.client import Answer, Request
from c1fn.net.handshake import Threaded
from c1fn.net.pool import Pool
from c1fn.startup import log_levels

log_levels.keep_private()

LONGEST = 64 * 1024 * 1024
"""Bytes of an answer that are read, at most: a BatchGetItem's 16 MB are 22 as base64."""

TRY = 10.0
"""Seconds for the whole of one try: to wait for a free connection, find the host, connect, send (540 KB, the
largest item as base64, over a slow line) and read. With the store's 8 seconds of tries, less than a lease.
"""

_NO_ANSWER = (
    TimeoutError,
    httpcore2.NetworkError,
    httpcore2.RemoteProtocolError,
    httpcore2.TimeoutException,
)

NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody. The pool itself shakes no hands: its connections come from threads that have done so."""


class Connections:
    """A ``Transport``.

    :param url: of the service, without a path.
    :param context: for TLS; without it there is none.
    :param clock: seconds since the epoch: a monotonic clock may stand still while a function is frozen.
    """

    def __init__(
        self,
        url: str,
        limits: Limits,
        context: ssl.SSLContext | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._url = httpcore2.URL(f"{url}/")
        self._context = context
        self._limits = limits
        self._backend = Threaded(context, limits.connect, limits.connections, clock)
        self._network = Ahead(self._backend, clock, self._backend.shaken)
        self._pool = Pool(
            ssl_context=NOBODY,
            max_connections=limits.connections,
            network_backend=self._network,
        )

    async def send(self, request: Request) -> Answer:
        asked = httpcore2.Request(
            "POST",
            self._url,
            headers=list(request.headers.items()),
            content=request.body,
            extensions={"timeout": {"read": self._limits.read}},
        )
        try:
            async with asyncio.timeout(TRY):
                response = await self._pool.handle_async_request(asked)
                async with aclosing(response):
                    body = await _body(response)
        except _NO_ANSWER as error:
            raise Unreachable(_kind(error)) from None
        headers = {
            name.lower().decode("latin-1"): value.decode("latin-1") for name, value in response.headers
        }
        return Answer(response.status, headers, body)

    def connect(self, count: int) -> None:
        if self._context is not None:
            host, port = self._url.host.decode(), self._url.port or 443
            self._network.open(host, port, self._context, self._limits.connect, count)

    async def aclose(self) -> None:
        await self._network.aclose()
        await self._pool.aclose()
        await self._backend.aclose()


def _kind(error: Exception) -> str:
    """Its name. Why a connection could not be opened is told, too: the pool keeps it as the context alone."""
    why = error.__context__ if isinstance(error, httpcore2.ConnectError) else None
    return type(error).__name__ + (f": {type(why).__name__}" if why else "")


async def _body(response: httpcore2.Response) -> bytes:
    parts, size = [], 0
    async for part in response.aiter_stream():
        parts.append(part)
        size += len(part)
        if size > LONGEST:
            raise Unreachable("AnswerTooLong", passes=False)
    return b"".join(parts)
