"""The local server: uvicorn, told how to end.

uvicorn would wait for open responses, then cancel their requests, and only then run the application's
shutdown. A turn should rather be interrupted visibly: its reader sees a card, the store a turn that can be
run again. So the turns are drained first; then no response is left to wait for.

It answers only to this machine's own names. A web site can have its name resolve to 127.0.0.1, and its pages
would then be of this server's origin: free to read what they like, where nobody is asked who they are.

https://www.uvicorn.org/settings/
"""

import asyncio
import socket
from types import FrameType

import uvicorn
from fastapi import FastAPI
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import Message, Receive, Scope, Send

READING = 2
"""Seconds for slow readers of their last bytes, once the turns have ended. Then their connections are cut."""

GRACEFUL = READING + 1
"""Seconds for all responses. One that a cut connection did not end would be cancelled, with a traceback."""


NAMES = ("127.0.0.1", "localhost")


class Server(uvicorn.Server):
    """Serves one application until SIGINT or SIGTERM. ``failure`` is why it could not even start."""

    failure: Exception | None = None

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._named = TrustedHostMiddleware(app, NAMES, www_redirect=False)
        super().__init__(
            uvicorn.Config(
                self._watched,
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
            return await self._named(scope, receive, send)

        async def without_traceback(message: Message) -> None:
            await send({"type": message["type"]})

        try:
            await self._app(scope, receive, without_traceback)
        except Exception as error:
            self.failure = error
            raise
