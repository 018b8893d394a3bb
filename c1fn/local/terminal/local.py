"""The local server beside the terminal, in a thread of the same process, on a port the system chooses."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import FastAPI

from c1fn.local.server import Server

HOST = "127.0.0.1"


class _Told(Server):
    """Tells when it serves."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(app)
        self.settled = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.settled.set()


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The URL of the application, which is served while the context is open.

    :raises Exception: what the application's startup raised.
    """
    with socket.create_server((HOST, 0)) as listener:
        server = _Told(app)
        thread = threading.Thread(target=_run, args=(server, listener), name="server")
        thread.start()
        try:
            server.settled.wait()
            if server.failure is not None:
                raise server.failure
            yield f"http://{HOST}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def _run(server: _Told, listener: socket.socket) -> None:
    try:
        server.run(sockets=[listener])
    finally:
        server.settled.set()  # also when it could not even start
