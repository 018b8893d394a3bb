"""The response to one invocation, in the mode that its event requests.

The head is held back until the app sends a body or awaits something, so that head, metadata, first body and
end are sent together if they are available. Before anything is sent, a failure becomes an error report; after
that, only the trailers can report it.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from c1fn.runtime.asgi import Headers
from c1fn.runtime.buffered import PROBLEM, encoded, metadata, problem, refusal
from c1fn.runtime.doors import BadEvent, Mode
from c1fn.runtime.fault import Fault
from c1fn.runtime.http1 import BODYLESS, Broken
from c1fn.runtime.link import Link
from c1fn.runtime.messages import Acknowledgement, Invocation, prelude

log = logging.getLogger(__name__)


class InvocationResponse:
    """An ``asgi.Sink`` on a link. ``mode`` and ``event`` are set once they are known."""

    mode: Mode = "buffer"
    event: Mapping[str, Any]

    def __init__(self, link: Link, invocation: Invocation) -> None:
        link.expect()
        self._link = link
        self._invocation = invocation
        self.event = {}
        self._metadata: dict[str, Any] = {}
        self._prelude: bytes | None = None
        self._sent = False
        self._ended = False

    async def begin(self, status: int, headers: Headers) -> None:
        if self.mode == "stream":
            self._metadata = metadata(self.event, status, headers)
            self._prelude = prelude(self._metadata)
        asyncio.get_running_loop().call_soon(self._flush)

    async def write(self, body: bytes, *, last: bool) -> None:
        if not body and not last:
            return
        if not body and not self._sent:
            self._say_empty()
        head = b"" if self._sent else self._open()
        data = self._link.api.data(body)
        end = b""
        if last:
            self._ended, end = True, self._link.api.end()
        await self._link.send(head + data + end)

    async def whole(self, answer: Any) -> None:
        """Answer with JSON. :raises NoJson: it cannot be."""
        payload = encoded(answer)
        self._sent = self._ended = True
        await self._link.send(self._link.api.respond(self._invocation, payload))

    async def refuse(self, error: BadEvent) -> None:
        """Answer an event that nothing can be done with: 400, in the door's form.

        An app's own error of this kind may come when there is no status left to tell.
        """
        if self._sent:
            await self.fail(Fault.of(error, reveal=False))
            return
        if self.mode == "buffer":
            await self.whole(refusal(self.event, error))
            return
        await self.begin(400, [(b"content-type", PROBLEM.encode())])
        await self.write(problem(error), last=True)

    async def fail(self, fault: Fault) -> None:
        """Tell the platform of a fault, in the way that is still open."""
        if self._ended:
            return  # the response was complete; only the log can tell
        sent, self._sent, self._ended = self._sent, True, True
        api = self._link.api
        await self._link.send(api.fail(fault) if sent else api.error(self._invocation, fault))

    async def settled(self) -> None:
        """Wait for the platform's answer; log what it did not like and go on."""
        try:
            answer = await self._link.answer()
        except Broken as error:
            log.warning("the response was not acknowledged: %s", error)
        else:
            if not (isinstance(answer, Acknowledgement) and answer.accepted):
                log.warning("the response was answered with %s", answer)

    def _open(self) -> bytes:
        self._sent = True
        return self._link.api.begin(self._invocation, self._prelude)

    def _flush(self) -> None:
        if not self._sent:
            self._link.push(self._open())

    def _say_empty(self) -> None:
        if self.mode == "stream" and self._metadata["statusCode"] not in BODYLESS:
            self._metadata["headers"].setdefault("content-length", "0")
            self._prelude = prelude(self._metadata)
