"""One socket to the Runtime API: sends the protocol's bytes and receives its events.

It uses asyncio's transport over one keep-alive TCP socket with TCP_NODELAY, sends at once and never blocks;
``send`` waits only when the socket is full, and only in its own task. After an early error response, or when
the connection breaks, further data is discarded without an error in the app. An early 2xx does not stop the
sending: some platforms acknowledge a streamed response after its beginning and continue to read.
"""

import asyncio
import logging
import threading
from collections.abc import Callable

from c1fn.runtime.http1 import Broken
from c1fn.runtime.messages import Acknowledgement, Incoming
from c1fn.runtime.protocol import Address, Connection

log = logging.getLogger(__name__)

HIGH_WATER = 256 * 1024
"""Bytes kept for a full socket before ``send`` waits: some screens of text, little beside 128 MB."""

READ = 64 * 1024
"""Bytes of one read. An event is seldom larger. The buffer is made once: one for each read, as asyncio would
make it (256 KB), takes a tenth of the way to an app and back."""


class _Reading(threading.local):
    """The buffer of a thread's links: what one has read is taken before another reads."""

    def __init__(self) -> None:
        self.buffer = memoryview(bytearray(READ))


_reading = _Reading()


class Link(asyncio.BufferedProtocol):
    """Made by ``connect``; given up by ``close``."""

    def __init__(self, connection: Connection) -> None:
        self.api = connection
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Incoming] = self._loop.create_future()
        self._refused = False
        self._cut = False
        self._writable = asyncio.Event()
        self._writable.set()

    @classmethod
    async def connect(cls, address: Address) -> "Link":
        """:raises OSError: nobody listens there."""
        loop = asyncio.get_running_loop()
        _, link = await loop.create_connection(lambda: cls(Connection(address)), address.host, address.port)
        return link

    @property
    def usable(self) -> bool:
        """A new request can be sent on it."""
        alive = self._transport is not None and not self._transport.is_closing()
        return alive and not self._cut and self.api.usable

    @property
    def listening(self) -> bool:
        """The platform still takes what is sent: it lives, and has not refused it."""
        return self._transport is not None and not self._refused

    def expect(self) -> None:
        """Begin a request: from now on an answer may come, at any time."""
        self._answer = self._loop.create_future()
        self._refused = False
        if self._transport is None:
            self._lose(Broken("the connection to the Runtime API has ended"))

    def push(self, data: bytes) -> None:
        """Send as much as the socket takes now and keep the rest. Nothing, when nobody listens."""
        if self.listening and self._transport is not None:
            self._transport.write(data)
        else:
            self._cut = True  # the platform waits for the rest of a request that it will never get

    async def send(self, data: bytes) -> None:
        """``push``, and wait while the socket is full."""
        self.push(data)
        if not self._writable.is_set():
            await self._writable.wait()

    async def answer(self) -> Incoming:
        """:raises Broken: the connection ended, or speaks something else."""
        return await self._answer

    def close(self) -> None:
        """Drop the connection, with whatever was not sent."""
        if self._transport is not None:
            self._transport.abort()  # not close(): unsent bytes of a dead response are of no use

    # asyncio.BufferedProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.set_write_buffer_limits(high=HIGH_WATER, low=0)
        self._transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's shape; the hint is -1
        return _reading.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._take(_reading.buffer[:nbytes])

    def eof_received(self) -> None:
        self._take(b"")  # which ends a body of no told length; asyncio then closes the transport

    def connection_lost(self, error: Exception | None) -> None:
        self._lose(Broken(f"the connection to the Runtime API ended ({error or 'closed'})"))

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def _take(self, data: bytes | memoryview) -> None:
        try:
            event = self.api.receive(data)
        except Broken as error:
            self._lose(error)
        else:
            if event is not None:
                self._resolve(event)

    def _resolve(self, event: Incoming) -> None:
        if self._answer.done():
            return  # whoever waited was told to stop
        self._answer.set_result(event)
        self._refused = isinstance(event, Acknowledgement) and not event.accepted
        if self._refused and not self._writable.is_set():
            self._cut = True  # refused early: what the socket has not taken will never be of use,
            self._writable.set()  # and whoever waits to write need not

    def _lose(self, error: Broken) -> None:
        self._writable.set()
        if not self._answer.done():
            self._answer.set_exception(error)
            self._answer.exception()  # looked at: an idle connection may end unnoticed
        self.close()
        self._transport = None


TRIES = 5
"""Connections tried for one GET before the platform counts as gone."""

PAUSE = 0.02
"""Seconds before the second try, doubled for each further one: 0.3 s in all."""


class Fatal(Exception):
    """The platform is gone, or refuses to go on with this process."""


class Platform:
    """The Runtime API as one worker sees it: a link, made anew when it must be."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._link: Link | None = None

    async def link(self) -> Link:
        """The link, ready for a request. :raises OSError: nobody listens there."""
        if self._link is None or not self._link.usable:
            self.close()
            self._link = await Link.connect(self._address)
        return self._link

    async def get(self, command: Callable[[Connection], bytes]) -> Incoming:
        """Send a GET until it is answered. It may be sent again: nothing has happened by it yet.

        :raises Fatal: the platform is gone.
        """
        for tried in range(1, TRIES + 1):
            try:
                return await self._ask(command)
            except (Broken, OSError) as error:
                if tried == TRIES:
                    raise Fatal(f"the Runtime API cannot be reached: {error}") from error
            await asyncio.sleep(PAUSE * 2 ** (tried - 1))
        raise AssertionError("unreachable")

    async def tell(self, command: Callable[[Connection], bytes]) -> None:
        """Send an error report, once; what becomes of it is logged."""
        try:
            answer = await self._ask(command)
        except (Broken, OSError) as error:
            log.warning("an error report was not delivered: %s", error)
        else:
            log.info("an error report was answered with %s", answer)

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._link is not None:
            self._link.close()
            self._link = None

    async def _ask(self, command: Callable[[Connection], bytes]) -> Incoming:
        link = await self.link()
        link.expect()
        await link.send(command(link.api))
        return await link.answer()
