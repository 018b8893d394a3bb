"""The HTTP front doors: a function URL and a REST API, streaming or buffered.

Strategy: a streamed reply is passed on piece by piece; a fault midway breaks the connection, as Lambda does,
so that no client takes half an answer for a whole one. When a client leaves, the invocation runs on.
"""

import asyncio
import json
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from c1fn.runtime.emulator import events
from c1fn.runtime.emulator.call import Begun, Call, Ended
from c1fn.runtime.emulator.events import HttpRequest
from c1fn.runtime.emulator.function import Function, Throttled
from c1fn.runtime.emulator.http import Exchange, TooLarge
from c1fn.runtime.emulator.options import MAX_BUFFERED, Mode
from c1fn.runtime.emulator.prelude import Metadata, NoPrelude, Prelude, whole
from c1fn.runtime.protocol import OCTETS

JSON = ("content-type", "application/json")
STAGE = "prod"


class Front:
    """What both doors share. ``idle`` is how long a streamed reply may be silent, in seconds."""

    def __init__(self, function: Function, mode: Mode, idle: float | None, event: "_Event") -> None:
        self._function = function
        self._mode = mode
        self._idle = idle
        self._event = event

    async def handle(self, exchange: Exchange) -> None:
        try:
            body = await exchange.body(MAX_BUFFERED)
        except TooLarge:
            await _say(exchange, 413, "Request Entity Too Large")
            return
        request = HttpRequest(
            exchange.method, exchange.path, exchange.query, exchange.fields, body, exchange.peer
        )
        call = Call(b"")
        event = self._event(request, call.request_id)
        if event is None:
            await _say(exchange, 403, "Missing Authentication Token")
            return
        call.event = json.dumps(event).encode()
        await self._deliver(exchange, call)

    async def _deliver(self, exchange: Exchange, call: Call) -> None:
        try:
            self._function.call(call)
        except Throttled:
            await _say(exchange, 429, "Rate Exceeded.")
            return
        try:
            if self._mode == "stream":
                await self._stream(exchange, call)
            else:
                await self._buffer(exchange, call)
        finally:
            self._function.abandon(call)  # nothing is left of it, unless the client left

    async def _stream(self, exchange: Exchange, call: Call) -> None:
        try:
            metadata, body = await _head(call)
        except (Unanswered, NoPrelude) as error:
            self._function.options.log(f"502 for RequestId: {call.request_id}: {error}")
            await _say(exchange, 502, "Internal Server Error")
            return
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
                async with asyncio.timeout(self._idle):
                    piece = await call.take()
                if isinstance(piece, Ended):
                    return piece.fault is None
                if isinstance(piece, bytes):
                    await exchange.write(piece)
        except TimeoutError:
            return False

    async def _buffer(self, exchange: Exchange, call: Call) -> None:
        try:
            metadata, body = await _whole(call)
        except (Unanswered, NoPrelude) as error:
            self._function.options.log(f"502 for RequestId: {call.request_id}: {error}")
            await _say(exchange, 502, "Internal Server Error")
            return
        headers = [pair for pair in metadata.headers if pair[0] != "content-length"]
        await exchange.respond(metadata.status, [("x-amzn-requestid", call.request_id), *headers], body)


_Event = Callable[[HttpRequest, str], dict[str, Any] | None]


class Unanswered(Exception):
    """The function failed before it answered."""


def function_url(function: Function) -> Front:
    url_id, options = secrets.token_hex(16), function.options

    def event(request: HttpRequest, request_id: str) -> dict[str, Any]:
        return events.function_url(
            request, url_id=url_id, region=options.region, request_id=request_id, now=events.utc_now()
        )

    return Front(function, options.url_mode, None, event)


def rest_api(function: Function) -> Front:
    api_id, options = secrets.token_hex(5), function.options

    def event(request: HttpRequest, request_id: str) -> dict[str, Any] | None:
        stage, path = f"/{STAGE}", request.path
        if path != stage and not path.startswith(stage + "/"):
            return None
        return events.rest_api(
            replace(request, path=path.removeprefix(stage) or "/"),
            stage=STAGE,
            api_id=api_id,
            region=options.region,
            request_id=request_id,
            now=events.utc_now(),
        )

    return Front(function, options.rest_mode, options.rest_idle, event)


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


async def _whole(call: Call) -> tuple[Metadata, bytes]:
    """A whole reply, be it streamed or not."""
    begun, body = await call.take(), bytearray()
    while not isinstance(begun, Ended) and not isinstance(piece := await call.take(), Ended):
        body += piece if isinstance(piece, bytes) else b""
        if len(body) > MAX_BUFFERED:
            raise Unanswered("the response is too large to be buffered")
    if call.fault is not None:
        raise Unanswered(_why(Ended(call.fault)))
    if not isinstance(begun, Begun) or not begun.integrated:
        return whole(bytes(body))
    found = Prelude().feed(bytes(body))
    if found is None:
        raise NoPrelude("the response has no delimiter")
    return found


def _why(ended: Ended) -> str:
    return "the reply ended early" if ended.fault is None else ended.fault.type


async def _say(exchange: Exchange, status: int, message: str) -> None:
    """What the door itself answers."""
    await exchange.respond(status, [JSON], json.dumps({"message": message}).encode())
