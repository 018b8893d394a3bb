"""A turn's events as a streamed ASGI response.

Starlette's StreamingResponse would end the turn when the client disconnects. Here a disconnect only ends the
sending: the response then waits for the turn, so that Lambda does not freeze the process before the turn is
stored.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from c1fn.api.wires import Wire
from c1fn.chat.event_queue import EventQueue
from c1fn.events import Event, Failed, Finished

SILENCE = 10.0
"""Seconds of silence after which a keep-alive is sent: a third of the shortest idle limit (an edge-optimised
REST API's 30 s), so that one lost moment does not cut the stream. Also how long the headers wait for a first
event, which decides the status."""


class StreamedAnswer(Response):
    """Streams a queue's events. The first of them were read before, to decide the status."""

    def __init__(
        self,
        first: list[Event],
        queue: EventQueue,
        headers: Mapping[str, str],
        settle: Callable[[], Awaitable[None]],
        wire: Wire,
        *,
        after: int = 0,
    ) -> None:
        """:param settle: finishes background work after the last byte, before Lambda may freeze the process.
        :param wire: encodes the answer for this client.
        :param after: number of bytes of the answer that the client already has.
        """
        self._after = self._skip = after
        super().__init__(headers=dict(headers))
        del self.headers["content-length"]
        self._first = first
        self._queue = queue
        self._settle = settle
        self._wire = wire

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's shape
        left = asyncio.create_task(_departure(receive))
        left.add_done_callback(self._gone)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await self._stream(send, left)
            await self._queue.over()
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except OSError:  # the server's word for a client that has left, in ASGI 2.4
            self._queue.leave()
            await self._queue.over()
        finally:
            left.cancel()
            await self._settle()

    def _gone(self, left: "asyncio.Task[None]") -> None:
        if not left.cancelled():
            self._queue.leave()

    async def _stream(self, send: Send, left: "asyncio.Task[None]") -> None:
        """The queue's bytes, until its last event or until the client disconnects; no piece is empty."""
        wire, events = self._wire, self._first
        while True:
            data = self._rest(wire.encode(events)) if events else b"" if self._after else wire.keep_alive()
            if left.done():
                return
            if data:
                await send({"type": "http.response.body", "body": data, "more_body": True})
            if events and isinstance(events[-1], Failed | Finished):
                return
            if self._queue.ended:
                if last := wire.unfinished():
                    await send({"type": "http.response.body", "body": last, "more_body": True})
                return
            events = await self._queue.take(SILENCE)

    def _rest(self, data: bytes) -> bytes:
        """The part of these bytes that the client does not have."""
        skipped = min(self._skip, len(data))
        self._skip -= skipped
        return data[skipped:]


async def _departure(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
