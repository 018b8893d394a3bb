"""A reply as an ASGI response that pours.

Starlette's StreamingResponse would end the turn with its client. Here the client's leaving only ends the
sending: the response then waits for the turn itself, so that no platform freezes the process before the
turn is stored.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from c1fn.events import Event, Failed, Finished
from c1fn.reply import Reply
from c1fn.wire import Wire

SILENCE = 10.0
"""Seconds of silence after which a keep-alive is sent: a third of the shortest idle limit (an edge-optimised
REST API's 30 s), so that one lost moment does not cut the stream. Also how long the headers wait for a first
event, which decides the status."""


class Pouring(Response):
    """Streams a reply whose first events were taken already, to learn the status."""

    def __init__(
        self,
        first: list[Event],
        reply: Reply,
        headers: Mapping[str, str],
        settle: Callable[[], Awaitable[None]],
    ) -> None:
        """:param settle: what is still to do when the client has everything, before a platform may freeze."""
        super().__init__(headers=dict(headers))
        del self.headers["content-length"]
        self._first = first
        self._reply = reply
        self._settle = settle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's shape
        left = asyncio.create_task(_departure(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async with aclosing(_chunks(self._first, self._reply)) as chunks:
                async for chunk in chunks:
                    if left.done():
                        break
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await self._reply.over()
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except OSError:  # the server's word for a client that has left, in ASGI 2.4
            await self._reply.over()
        finally:
            left.cancel()
            await self._settle()


async def _departure(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _chunks(events: list[Event], reply: Reply) -> AsyncGenerator[bytes, None]:
    """The bytes of a reply, up to its last event; never an empty chunk."""
    wire = Wire()
    while True:
        if chunk := wire.encode(events) if events else wire.keep_alive():
            yield chunk
        if reply.ended or (events and isinstance(events[-1], Failed | Finished)):
            return
        events = await reply.take(SILENCE)
