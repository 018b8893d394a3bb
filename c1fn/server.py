"""The local server: uvicorn, told how to end.

uvicorn would wait for open responses, then cancel their requests, and only then run the application's
shutdown. A turn should rather be interrupted visibly: its reader sees a card, the store a turn that can be
run again. So the turns are drained first; then no response is left to wait for.

https://www.uvicorn.org/settings/
"""

import socket

import uvicorn
from fastapi import FastAPI

GRACEFUL = 2
"""Seconds for what is still open after the turns have ended: slow readers of their last bytes."""


class Server(uvicorn.Server):
    """Serves one application until SIGINT or SIGTERM."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        super().__init__(
            uvicorn.Config(
                app,
                log_level="warning",
                lifespan="on",
                server_header=False,
                headers=[("connection", "keep-alive")],  # as the quickstart: this server owns the connection
                timeout_graceful_shutdown=GRACEFUL,
            )
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._app.state.chat.drain()
        await super().shutdown(sockets)
