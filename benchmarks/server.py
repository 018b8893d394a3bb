"""A web server with a stopwatch: the plain port under uvicorn, and a client on a bare socket."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Self

from benchmarks.contestants import COMMON, OURS, PEER_PYTHON, PEERS, plain
from benchmarks.sandbox import PATIENCE, Answer, Gone, Incoming

if TYPE_CHECKING:
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
        self._link: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._link:
            self._link.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def invoke(self, event: bytes) -> Answer:
        """The request that an event of a function URL stands for, and its answer."""
        body = json.loads(event)["body"].encode()
        fields = f"host: x\r\ncontent-length: {len(body)}\r\ncontent-type: application/json"
        link = self._connected()
        answer = Answer(time.monotonic_ns())
        link.sendall(f"POST /api/chat HTTP/1.1\r\n{fields}\r\n\r\n".encode() + body)
        message, rest = None, b""
        while message is None or not message.complete:
            data, now = link.recv(1 << 20), time.monotonic_ns()
            if not data:
                raise Gone("the server has closed")
            rest += data
            if message is None and b"\r\n\r\n" in rest:
                top, _, rest = rest.partition(b"\r\n\r\n")
                message = Incoming(top)
            if message is not None:
                rest = message.take(rest, now)
        link.close()  # a new one for each: uvicorn gives up idle ones
        if message.target != "200":
            raise Gone(f"answered with {message.target}")
        answer.pieces, answer.ended = message.pieces, now
        return answer

    def _connected(self) -> socket.socket:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with contextlib.suppress(ConnectionRefusedError):
                self._link = socket.create_connection(("127.0.0.1", self._port))
                self._link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return self._link
            time.sleep(LOOK)
        raise Gone("the server does not start")

    def cpu(self) -> int:
        """Nanoseconds of CPU that it has used."""
        return time.clock_gettime_ns((~self._process.pid << 3) | 2)
