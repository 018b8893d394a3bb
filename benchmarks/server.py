"""A web server with a stopwatch: the plain port under uvicorn, and a client on a bare socket."""

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Self

from benchmarks.contestants import COMMON, OURS, PEER_PYTHON, PEERS, plain
from benchmarks.sandbox import PATIENCE, Answer, Gone, Incoming

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.contestants import Upstream
    from benchmarks.upstream import Way

LOOK = 0.02
"""Seconds between two looks whether the server is there."""


class WebServer:
    """A context manager."""

    def __init__(self, upstream: "Upstream", way: "Way") -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        options = ["--port", str(self._port), "--log-level", "warning", "--no-access-log"]
        own, cores = os.getpid(), os.sched_getaffinity(0)
        os.sched_setaffinity(own, OURS)
        self._process = subprocess.Popen(
            [str(PEER_PYTHON), "-m", "uvicorn", "plain:app", *options],
            env={**COMMON, **plain(upstream.model(way), upstream.database)},
            cwd=PEERS,
        )
        os.sched_setaffinity(own, cores)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def invoke(self, event: bytes) -> Answer:
        """The request that an event of a function URL stands for, and its answer."""
        return self.invoke_all([event])[0]

    def invoke_all(self, events: "Sequence[bytes]") -> list[Answer]:
        """So many at once, each on a connection of its own: uvicorn gives up idle ones."""
        with selectors.DefaultSelector() as selector:
            exchanges = [Exchange(self._connected(), json.loads(event)["body"].encode()) for event in events]
            for exchange in exchanges:
                selector.register(exchange.link, selectors.EVENT_READ, exchange)
            while selector.get_map():
                for key, _ in selector.select():
                    if key.data.read():
                        selector.unregister(key.fileobj)
                        key.data.link.close()
        return [exchange.answer for exchange in exchanges]

    def _connected(self) -> socket.socket:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with contextlib.suppress(ConnectionRefusedError):
                link = socket.create_connection(("127.0.0.1", self._port))
                link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return link
            time.sleep(LOOK)
        raise Gone("the server does not start")

    def cpu(self) -> int:
        """Nanoseconds of CPU that it has used."""
        return time.clock_gettime_ns((~self._process.pid << 3) | 2)


class Exchange:
    """A request on its own connection, and as much of its answer as has come."""

    def __init__(self, link: socket.socket, body: bytes) -> None:
        self.link, self._rest = link, b""
        self._message: Incoming | None = None
        fields = f"host: x\r\ncontent-length: {len(body)}\r\ncontent-type: application/json"
        self.answer = Answer(time.monotonic_ns())
        link.sendall(f"POST /api/chat HTTP/1.1\r\n{fields}\r\n\r\n".encode() + body)

    def read(self) -> bool:
        """What has come; returns whether that is all.

        :raises Gone: the server has closed, or has refused.
        """
        data, now = self.link.recv(1 << 20), time.monotonic_ns()
        if not data:
            raise Gone("the server has closed")
        self._rest += data
        if self._message is None and b"\r\n\r\n" in self._rest:
            top, _, self._rest = self._rest.partition(b"\r\n\r\n")
            self._message = Incoming(top)
        if self._message is None:
            return False
        self._rest = self._message.take(self._rest, now)
        if self._message.complete:
            self._end(self._message, now)
        return self._message.complete

    def _end(self, message: Incoming, now: int) -> None:
        if message.target != "200":
            raise Gone(f"answered with {message.target}")
        self.answer.pieces, self.answer.ended = message.pieces, now
