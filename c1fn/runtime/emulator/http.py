"""A small HTTP/1.1 server on h11 and asyncio's streams, for both sides of the emulator.

It offers what an emulator of Lambda needs and common servers do not offer: bodies while they arrive,
trailers, answers before the end of the request, and connections that are broken intentionally.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any, TypeVar

import h11

from c1fn.identity import same_origin

READ = 64 * 1024
"""Bytes read at once; asyncio's own limit for its buffer is twice that."""

MAX_HEAD = 1024 * 1024
"""Bytes of head or trailers: an error's body travels in a trailer, and Lambda allows it 1 MB."""

T = TypeVar("T")
Pairs = Iterable[tuple[str, str]]


class TooLarge(Exception):
    """The body is larger than allowed."""


class Gone(Exception):
    """The other side left, or does not speak HTTP."""


class Exchange:
    """One request and its response."""

    def __init__(self, connection: "_Connection", request: h11.Request) -> None:
        self._connection = connection
        self.method = request.method.decode()
        self.path, _, self.query = request.target.decode("latin-1").partition("?")
        self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
        self.fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers]
        self.trailers: dict[str, str] = {}
        self.peer = connection.peer

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes; then ``trailers`` are known. :raises Gone: it was cut."""
        while True:
            event = await self._connection.event()
            if isinstance(event, h11.Data):
                yield bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                self.trailers = {name.decode(): value.decode("latin-1") for name, value in event.headers}
                return
            else:
                raise Gone("the request was cut")

    async def body(self, limit: int) -> bytes:
        """:raises TooLarge: it has more bytes than ``limit``."""
        body = bytearray()
        async for chunk in self.chunks():
            body += chunk
            if len(body) > limit:
                raise TooLarge
        return bytes(body)

    async def unless_gone(self, wanted: Coroutine[Any, Any, T]) -> T:
        """Wait for something while the other side waits for us. :raises Gone: it left."""
        getting, leaving = asyncio.create_task(wanted), asyncio.create_task(self._connection.gone())
        try:
            await asyncio.wait({getting, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not getting.done():
                raise Gone("the other side left")
            return getting.result()
        finally:
            getting.cancel()
            leaving.cancel()
            await asyncio.gather(getting, leaving, return_exceptions=True)

    async def respond(self, status: int, headers: Pairs = (), body: bytes = b"") -> None:
        await self.begin(status, [*headers, ("content-length", str(len(body)))])
        await self.write(body)
        await self.end()

    async def begin(self, status: int, headers: Pairs) -> None:
        await self._connection.send(h11.Response(status_code=status, headers=list(headers)))
        self._bodyless = self.method == "HEAD" or status in (204, 304)

    async def write(self, data: bytes) -> None:
        if data and not self._bodyless:
            await self._connection.send(h11.Data(data=data))

    async def end(self) -> None:
        await self._connection.send(h11.EndOfMessage())

    def abort(self) -> None:
        """Break the connection, so that the other side cannot take the response for complete."""
        self._connection.abort()


Handle = Callable[[Exchange], Awaitable[None]]


def named(handle: Handle) -> Handle:
    """The same for requests to this machine's own names: a site's name may have been made to lead here."""

    async def handle_if_local(exchange: Exchange) -> None:
        if same_origin.is_local(exchange.headers.get("host", "")):
            await handle(exchange)
        else:
            told = b"This server answers to 127.0.0.1 and localhost alone.\n"
            await exchange.respond(400, [("content-type", "text/plain")], told)

    return handle_if_local


class Server:
    """Made by ``listen``; 127.0.0.1 only."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._closed = False
        self.port = 0

    @classmethod
    async def listen(cls, handle: Handle, port: int = 0) -> "Server":
        """:raises OSError: the port is taken."""
        server = cls(handle)
        server._server = await asyncio.start_server(server._accept, "127.0.0.1", port, limit=READ)
        server.port = server._server.sockets[0].getsockname()[1]
        return server

    async def close(self) -> None:
        """Take no more connections and break those that are open."""
        if self._server is not None:
            self._server.close()
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(reader, writer)
        if self._closed:
            connection.abort()
            return
        task = asyncio.create_task(self._serve(connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: connection.abort())  # also for a task that never began

    async def _serve(self, connection: "_Connection") -> None:
        with suppress(Gone, h11.LocalProtocolError):  # left, or cannot be answered any more
            while (request := await connection.request()) is not None:
                await self._handle(Exchange(connection, request))
                if not connection.again():
                    return


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        self.peer: str = writer.get_extra_info("peername")[0]

    async def request(self) -> h11.Request | None:
        event = await self.event()
        return event if isinstance(event, h11.Request) else None

    async def event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        try:
            while True:
                event = self._h11.next_event()
                if event is not h11.NEED_DATA:
                    return event
                if self._h11.they_are_waiting_for_100_continue:
                    await self.send(h11.InformationalResponse(status_code=100, headers=[]))
                self._h11.receive_data(await self._reader.read(READ))
        except (h11.RemoteProtocolError, OSError) as error:
            raise Gone(str(error)) from error

    async def gone(self) -> None:
        try:
            while data := await self._reader.read(READ):
                self._h11.receive_data(data)
        except OSError:
            return

    async def send(self, event: h11.Event) -> None:
        try:
            self._writer.write(self._h11.send(event) or b"")
            await self._writer.drain()
        except OSError as error:
            raise Gone(str(error)) from error

    def again(self) -> bool:
        """Get ready for another request, if both sides are done with this one."""
        if self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE:
            self._h11.start_next_cycle()
            return True
        return False

    def abort(self) -> None:
        self._writer.transport.abort()
