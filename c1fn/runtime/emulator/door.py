"""A door: converts a request into an event, invokes the function, and sends its reply, streamed or buffered.

A streamed reply is passed on piece by piece. A fault during the stream breaks the connection, as on Lambda,
so that no client treats an incomplete answer as complete. When a client disconnects, the invocation
continues. A ``Door`` defines what differs between the doors; `doors` has AWS's.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from c1fn.runtime.emulator.call import Begun, Call, Ended
from c1fn.runtime.emulator.events import HttpRequest
from c1fn.runtime.emulator.function import Function, Throttled
from c1fn.runtime.emulator.http import Exchange, TooLarge
from c1fn.runtime.emulator.options import MAX_BUFFERED, Mode
from c1fn.runtime.emulator.prelude import Metadata, NoPrelude, Prelude, whole
from c1fn.runtime.protocol import OCTETS

Read = Callable[[bytes], tuple[Metadata, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """What is peculiar to a door. Sizes are in bytes and times in seconds; None is no limit.

    ``event`` gives None for a path that the door does not have. ``read`` reads a whole answer; ``streams`` is
    whether the door understands a streamed one, be it that it buffers it. ``idle`` is how long a streamed
    answer may be silent, ``patience`` how long a whole one may take, and ``late`` what is said then. A door
    whose own words are a ``page`` says them in HTML.
    """

    event: Callable[[HttpRequest, str], dict[str, Any] | None]
    mode: Mode = "buffer"
    read: Read = whole
    streams: bool = False
    idle: float | None = None
    patience: float | None = None
    late: tuple[int, str] = (504, "Endpoint request timed out")
    max_request: int = MAX_BUFFERED
    max_headers: int | None = None
    max_answer: int = MAX_BUFFERED
    page: bool = False


class Unanswered(Exception):
    """The function failed before it answered."""


class Front:
    """A door that is open."""

    def __init__(self, function: Function, door: Door) -> None:
        self._function = function
        self._door = door

    async def handle(self, exchange: Exchange) -> None:
        limit = self._door.max_headers
        if limit is not None and sum(len(name) + len(value) for name, value in exchange.fields) > limit:
            await self._say(exchange, 431, "Request Header Fields Too Large")
            return
        try:
            body = await exchange.body(self._door.max_request)
        except TooLarge:
            await self._say(exchange, 413, "Request Entity Too Large")
            return
        request = HttpRequest(
            exchange.method, exchange.path, exchange.query, exchange.fields, body, exchange.peer
        )
        call = Call(b"")
        event = self._door.event(request, call.request_id)
        if event is None:
            await self._say(exchange, 403, "Missing Authentication Token")
            return
        call.event = json.dumps(event).encode()
        await self._deliver(exchange, call)

    async def _deliver(self, exchange: Exchange, call: Call) -> None:
        try:
            self._function.call(call)
        except Throttled:
            await self._say(exchange, 429, "Rate Exceeded.")
            return
        try:
            await (self._stream if self._door.mode == "stream" else self._buffer)(exchange, call)
        except (Unanswered, NoPrelude) as error:
            self._function.options.log(f"502 for RequestId: {call.request_id}: {error}")
            await self._say(exchange, 502, "Internal Server Error")
        finally:
            self._function.abandon(call)  # nothing is left of it, unless the client left

    async def _stream(self, exchange: Exchange, call: Call) -> None:
        metadata, body = await _head(call)
        await exchange.begin(metadata.status, [("x-amzn-requestid", call.request_id), *metadata.headers])
        await exchange.write(body)
        if await self._pour(exchange, call):
            await exchange.end()
        else:
            exchange.abort()

    async def _pour(self, exchange: Exchange, call: Call) -> bool:
        """Pass the body on as it comes; False when it did not come to a good end."""
        try:
            while True:
                async with asyncio.timeout(self._door.idle):
                    piece = await call.take()
                if isinstance(piece, Ended):
                    return piece.fault is None
                if isinstance(piece, bytes):
                    await exchange.write(piece)
        except TimeoutError:
            return False

    async def _buffer(self, exchange: Exchange, call: Call) -> None:
        try:
            async with asyncio.timeout(self._door.patience):
                metadata, body = await answer(call, self._door)
        except TimeoutError:
            await self._say(exchange, *self._door.late)
            return
        headers = [pair for pair in metadata.headers if pair[0] != "content-length"]
        await exchange.respond(metadata.status, [("x-amzn-requestid", call.request_id), *headers], body)

    async def _say(self, exchange: Exchange, status: int, message: str) -> None:
        """What the door itself answers."""
        kind, body = "application/json", json.dumps({"message": message})
        if self._door.page:
            title = f"{status} {HTTPStatus(status).phrase}"
            kind, body = "text/html", f"<html><head><title>{title}</title></head><body>{title}</body></html>"
        await exchange.respond(status, [("content-type", kind)], body.encode())


async def answer(call: Call, door: Door) -> tuple[Metadata, bytes]:
    """A whole reply, be it streamed or not.

    :raises Unanswered: there is none. :raises NoPrelude: it is not of a form that the door reads.
    """
    begun, body = await call.take(), bytearray()
    while not isinstance(begun, Ended) and not isinstance(piece := await call.take(), Ended):
        body += piece if isinstance(piece, bytes) else b""
        if len(body) > door.max_answer:
            raise Unanswered("the response is too large to be buffered")
    if call.fault is not None:
        raise Unanswered(_why(Ended(call.fault)))
    if not (door.streams and isinstance(begun, Begun) and begun.integrated):
        return door.read(bytes(body))
    found = Prelude().feed(bytes(body))
    if found is None:
        raise NoPrelude("the response has no delimiter")
    return found


async def _head(call: Call) -> tuple[Metadata, bytes]:
    """What stands before the body, and the first of the body."""
    begun = await call.take()
    if isinstance(begun, Ended):
        raise Unanswered(_why(begun))
    if not isinstance(begun, Begun) or not begun.integrated:
        content_type = begun.content_type if isinstance(begun, Begun) else OCTETS
        return Metadata(200, (("content-type", content_type),)), b""
    reader = Prelude()
    while not isinstance(piece := await call.take(), Ended):
        if isinstance(piece, bytes) and (found := reader.feed(piece)) is not None:
            return found
    raise Unanswered(_why(piece))


def _why(ended: Ended) -> str:
    return "the reply ended early" if ended.fault is None else ended.fault.type
