"""The local server beside the terminal, in a thread of the same process, on a port the system chooses."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.applications import Starlette

from c1fn.local import ports
from c1fn.local.server import Server


class _Told(Server):
    """Tells when it serves."""

    def __init__(self, app: Starlette) -> None:
        super().__init__(app)
        self.settled = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.settled.set()


@contextmanager
def serving(app: Starlette) -> Iterator[str]:
    """The URL of the application, which is served while the context is open.

    :raises NoPort: no port can be listened on.
    :raises Exception: what the application's startup raised.
    """
    with ports.listen(0, again="c1fn chat") as listener:
        server = _Told(app)
        thread = threading.Thread(target=_run, args=(server, listener), name="server")
        thread.start()
        try:
            server.settled.wait()
            if server.failure is not None:
                raise server.failure
            yield f"http://{ports.HOST}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def _run(server: _Told, listener: socket.socket) -> None:
    try:
        server.run(sockets=[listener])
    finally:
        server.settled.set()  # also when it could not even start
