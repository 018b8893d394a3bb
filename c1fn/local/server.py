"""The local server: uvicorn with our own shutdown.

uvicorn waits for open responses, then cancels their requests, and only then runs the application's shutdown.
A turn must instead end with a visible error: its reader gets a card, and the store a turn that can be run
again. So the turns are drained first; after that no response is open.

It accepts only this machine's own host names. A web site can make its DNS name resolve to 127.0.0.1; its
pages would then have this server's origin and could read everything, because there is no authentication.

https://www.uvicorn.org/settings/
"""

import asyncio
import socket
from functools import partial
from types import FrameType
from typing import Any

import h11
import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from c1fn.identity import same_origin

READING = 2
"""Seconds for slow readers of their last bytes, once the turns have ended. Then their connections are cut."""

GRACEFUL = READING + 1
"""Seconds for all responses. One that a cut connection did not end would be cancelled, with a traceback."""

PATIENCE = 30.0
"""Seconds for a whole request: a browser sends one at once, and the largest body crosses this machine in
less than one. uvicorn itself waits for ever for the rest of what has begun."""


class Requests(H11Protocol):
    """uvicorn's connection, which ends when a request does not.

    :param patience: seconds for a request, from the connection or the last answer on.
    """

    def __init__(self, *options: Any, patience: float, **named: Any) -> None:
        super().__init__(*options, **named)
        self._patience = patience
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._expect()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._expect()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._forget()

    def _expect(self) -> None:
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._forget()  # the request is whole: the answer takes its time
        elif self._late is None:
            self._late = self.loop.call_later(self._patience, self.transport.abort)

    def _forget(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


class Server(uvicorn.Server):
    """Serves one application until SIGINT or SIGTERM. ``failure`` is why it could not even start."""

    failure: Exception | None = None

    def __init__(self, app: Starlette, *, patience: float = PATIENCE) -> None:
        self._app = app
        super().__init__(
            uvicorn.Config(
                self._watched,
                http=partial(Requests, patience=patience),  # type: ignore[arg-type]  # it is called, not looked at
                interface="asgi3",  # uvicorn cannot tell from a method
                log_level="warning",
                lifespan="on",
                server_header=False,
                headers=[("connection", "keep-alive")],  # as the quickstart: this server owns the connection
                timeout_graceful_shutdown=GRACEFUL,
            )
        )

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """:raises Exception: what made the startup fail."""
        try:
            super().run(sockets)
        except SystemExit:
            if self.failure is None:
                raise
            raise self.failure from None

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._app.state.chat.drain()
        cutting = asyncio.get_running_loop().call_later(READING, self._cut)
        await super().shutdown(sockets)
        cutting.cancel()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A second Ctrl-C changes nothing: the end is near, and without it the store would not be closed."""
        super().handle_exit(sig, frame)
        self.force_exit = False

    def _cut(self) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    async def _watched(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application; why its startup fails is kept for whoever started us, and not printed here."""
        if scope["type"] != "lifespan":
            named = same_origin.is_local(Headers(scope=scope).get("host", ""))
            return await (self._app if named else _NOT_HERE)(scope, receive, send)

        async def without_traceback(message: Message) -> None:
            await send({"type": message["type"]})

        try:
            await self._app(scope, receive, without_traceback)
        except Exception as error:
            self.failure = error
            raise


_NOT_HERE = PlainTextResponse("This server answers to 127.0.0.1 and localhost alone.\n", 400)
