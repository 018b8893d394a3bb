"""Runs one request through an ASGI app: what the app receives, and what it may send and when.

https://asgi.readthedocs.io/en/latest/specs/www.html
"""

import asyncio
import enum
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

SPEC_VERSION = "2.4"
"""A server of ASGI 2.4 need not be listened to for a disconnect, so Starlette streams in one task."""

HOP_BY_HOP = frozenset({b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade"})
"""Headers that belong to a connection the app does not own (RFC 9110 section 7.6.1)."""


class AppError(Exception):
    """The app broke the rules of ASGI."""


class Sink(Protocol):
    """Where a response goes. ``write`` is called at least once, the last time with ``last``."""

    async def begin(self, status: int, headers: Headers) -> None:
        """The response has begun. ``headers`` are as ASGI has them: pairs of bytes."""
        ...

    async def write(self, body: bytes, *, last: bool) -> None:
        """A piece of the body, which may be empty; ``last``: no other follows."""
        ...


class State(enum.Enum):
    """How far the app's response is."""

    EXPECTED = enum.auto()
    BEGUN = enum.auto()
    COMPLETE = enum.auto()


class Cycle:
    """One request through an app. The app runs to its own end, also when nobody listens any more."""

    def __init__(self, scope: Scope, body: bytes, sink: Sink) -> None:
        self._scope = scope
        self._body: bytes | None = body
        self._sink = sink
        self._complete = asyncio.Event()
        self.state = State.EXPECTED

    async def run(self, app: App) -> None:
        """:raises AppError: the app returned before its response was complete, or sent what it must not."""
        await app(self._scope, self._receive, self._send)
        if self.state is not State.COMPLETE:
            raise AppError("the app returned before its response was complete")

    async def _receive(self) -> Message:
        if self._body is None:
            await self._complete.wait()  # the platform does not tell that a client has left
            return {"type": "http.disconnect"}
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def _send(self, message: Message) -> None:
        match self.state, message["type"]:
            case State.EXPECTED, "http.response.start":
                self.state = State.BEGUN
                await self._sink.begin(message["status"], list(message.get("headers", ())))
            case State.BEGUN, "http.response.body":
                last = not message.get("more_body", False)
                if last:
                    self.state = State.COMPLETE
                await self._sink.write(bytes(message.get("body", b"")), last=last)
                if last:
                    self._complete.set()
            case state, kind:
                raise AppError(f"{kind} when the response is {state.name}")
