"""Lambda's side of the bargain, with a stopwatch: starts a function and takes the time of what it answers.

Strategy: one thread, one selector, raw sockets, so that it costs little and delays nothing. A function may
open as many connections as it likes. Times are the machine's monotonic clock, in ns. What the client would
hear is what counts: of a streamed response the first byte after the delimiter, of a buffered one the moment
when all of it is there.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

PATIENCE = 60.0
"""Seconds for one answer: several times what the slowest takes."""

DELIMITER = b"\0" * 8
ACCEPTED = (
    b'HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\ncontent-length: 16\r\n\r\n{"status": "OK"}'
)
INVOCATION = (
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n"
    "Lambda-Runtime-Aws-Request-Id: {id}\r\nLambda-Runtime-Deadline-Ms: {deadline}\r\n"
    "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:123456789012:function:bench\r\n"
    "Lambda-Runtime-Trace-Id: Root=1-6650a1b2-3c4d5e6f7a8b9c0d1e2f3a4b\r\n\r\n"
)

CREDENTIALS = "/credentials"
GIVEN = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
KEYS = json.dumps(
    {
        "AccessKeyId": "AKIAIOSFODNN7EXAMPLE",
        "SecretAccessKey": "benchmark",
        "Token": "benchmark",
        "Expiration": "2099-01-01T00:00:00Z",
    }
).encode()

Piece = tuple[int, bytes]
"""When it came, and what."""


class Gone(Exception):
    """The function ended, failed, or fell silent."""


@dataclass
class Answer:
    """One invocation's answer. ``asked`` is when the event was sent."""

    asked: int
    pieces: list[Piece] = field(default_factory=list)  # of the body
    ended: int = 0
    prelude: bytes = b""

    @property
    def first(self) -> int:
        """Nanoseconds from the request to the first byte of the body."""
        return self.pieces[0][0] - self.asked

    @property
    def whole(self) -> int:
        """Nanoseconds from the request to the end of the answer."""
        return self.ended - self.asked

    @property
    def body(self) -> bytes:
        return b"".join(data for _, data in self.pieces)


class Connection:
    """One keep-alive connection of the function: requests come, whole or in chunks."""

    def __init__(self, raw: socket.socket) -> None:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.raw = raw
        self._buffer = b""
        self._request: Incoming | None = None

    def received(self, data: bytes, now: int) -> "Iterator[Incoming]":
        """The requests that these bytes complete; of the one under way the pieces are noted."""
        self._buffer += data
        while True:
            if self._request is None:
                head, found, rest = self._buffer.partition(b"\r\n\r\n")
                if not found:
                    return
                self._buffer, self._request = rest, Incoming(head)
                if b"100-continue" in head.lower():
                    self.raw.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._buffer = self._request.take(self._buffer, now)
            if not self._request.complete:
                return
            done, self._request = self._request, None
            yield done


class Incoming:
    """One HTTP message of the other side, a request or a response."""

    def __init__(self, head: bytes) -> None:
        line, _, rest = head.partition(b"\r\n")
        self.target = line.decode().split(" ")[1]  # of a response: its status
        fields = {name.lower(): value.strip() for name, _, value in _lines(rest)}
        self.chunked = b"chunked" in fields.get(b"transfer-encoding", b"")
        self.streamed = fields.get(b"lambda-runtime-function-response-mode", b"") == b"streaming"
        self._left = int(fields.get(b"content-length", b"0"))
        self.complete = not self.chunked and not self._left
        self.pieces: list[Piece] = []
        self.trailers = b""

    def take(self, data: bytes, now: int) -> bytes:
        """Read on; what belongs to the next request is returned."""
        return self._take_chunks(data, now) if self.chunked else self._take_length(data, now)

    def _take_length(self, data: bytes, now: int) -> bytes:
        piece, rest = data[: self._left], data[self._left :]
        if piece:
            self.pieces.append((now, piece))
        self._left -= len(piece)
        self.complete = not self._left
        return rest

    def _take_chunks(self, data: bytes, now: int) -> bytes:
        while True:
            size, found, rest = data.partition(b"\r\n")
            if not found:
                return data
            length = int(size, 16)
            if not length:
                return self._take_trailers(data, rest)
            if len(rest) < length + 2:
                return data
            self.pieces.append((now, rest[:length]))
            data = rest[length + 2 :]

    def _take_trailers(self, data: bytes, rest: bytes) -> bytes:
        if rest.startswith(b"\r\n"):
            self.complete = True
            return rest[2:]
        self.trailers, found, rest = rest.partition(b"\r\n\r\n")
        self.complete = bool(found)
        return rest if found else data


def _lines(head: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    return (line.partition(b":") for line in head.split(b"\r\n") if line)


class Sandbox:
    """A function that was started; a context manager. ``spawned`` is when.

    :param cores: those it may run on.
    :param patience: seconds for one answer.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        *,
        cores: set[int],
        patience: float = PATIENCE,
    ) -> None:
        self._patience = patience
        self._selector = selectors.DefaultSelector()
        self._server = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._server.setblocking(False)
        self._selector.register(self._server, selectors.EVENT_READ)
        self._waiting: list[socket.socket] = []  # connections that asked for an event
        self._asked: dict[str, Answer] = {}
        self._count = 0
        self.ready: int | None = None
        """When it first asked for an event."""
        self._snapshot: Connection | None = None
        """On which it asked for a restore: it can be copied now."""
        address = f"127.0.0.1:{self._server.getsockname()[1]}"
        own, os_cores = os.getpid(), os.sched_getaffinity(0)
        os.sched_setaffinity(own, cores)  # the child inherits it from its first instruction
        self.spawned = time.monotonic_ns()
        self._process = subprocess.Popen(
            command,
            env={**_with_credentials(environment, address), "AWS_LAMBDA_RUNTIME_API": address},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        os.sched_setaffinity(own, os_cores)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stderr:
            self._process.stderr.close()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]  # they are all sockets
        self._selector.close()

    def terminate(self) -> None:
        """Ask it to end, and wait until it has: what counts for it writes down what it counted."""
        os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(self._patience)

    def wait_ready(self) -> int:
        """Nanoseconds from the start until it asked for its first event."""
        self._until(lambda: self.ready is not None)
        return (self.ready or 0) - self.spawned

    def wait_snapshot(self) -> None:
        """Wait until it is ready to be copied, and stop it, as the platform does."""
        self._until(lambda: self._snapshot is not None)
        os.killpg(self._process.pid, signal.SIGSTOP)

    def restore(self) -> int:
        """Let it go on as a copy; returns when."""
        assert self._snapshot is not None
        now = time.monotonic_ns()
        os.killpg(self._process.pid, signal.SIGCONT)
        self._snapshot.raw.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        return now

    def invoke(self, event: bytes) -> Answer:
        """One event, and its answer to the end."""
        return self.invoke_all([event])[0]

    def invoke_all(self, events: Sequence[bytes]) -> list[Answer]:
        """As many events at once as there are, on as many pending requests for one."""
        answers = self.begin(events)
        self.finish(answers)
        return answers

    def begin(self, events: Sequence[bytes]) -> list[Answer]:
        """Send them, and wait for nothing."""
        self._until(lambda: len(self._waiting) >= len(events))
        return [self._send(event) for event in events]

    def finish(self, answers: Sequence[Answer]) -> None:
        self._until(lambda: all(answer.ended for answer in answers))

    def listen(self, seconds: float) -> None:
        """Take what comes for so long."""
        end = time.monotonic() + seconds
        self._until(lambda: time.monotonic() >= end)

    def _send(self, event: bytes) -> Answer:
        self._count += 1
        name = f"{self._count:08d}-0000-4000-8000-000000000000"
        deadline = int(time.time() * 1000) + 900_000
        head = INVOCATION.format(length=len(event), id=name, deadline=deadline).encode()
        link = self._waiting.pop()
        answer = self._asked[name] = Answer(time.monotonic_ns())
        link.sendall(head + event)
        return answer

    def _until(self, done: Callable[[], bool]) -> None:
        end = time.monotonic() + self._patience
        while not done():
            if self._process.poll() is not None or time.monotonic() > end:
                raise Gone(self._complaint())
            for key, _ in self._selector.select(0.1):
                if key.fileobj is self._server:
                    self._accept()
                else:
                    self._read(key.data)

    def _complaint(self) -> str:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        told = self._process.stderr.read() if self._process.stderr else b""
        return f"the function has ended or is silent:\n{told.decode(errors='replace')[-4000:]}"

    def _accept(self) -> None:
        raw, _ = self._server.accept()
        self._selector.register(raw, selectors.EVENT_READ, Connection(raw))

    def _read(self, connection: Connection) -> None:
        data = connection.raw.recv(1 << 20)
        now = time.monotonic_ns()
        if not data:
            self._selector.unregister(connection.raw)
            connection.raw.close()
            return
        for request in connection.received(data, now):
            if request.target.endswith("/invocation/next"):
                self.ready = self.ready or now
                self._waiting.append(connection.raw)
            elif request.target.endswith("/restore/next"):
                self._snapshot = connection
            elif request.target == CREDENTIALS:
                connection.raw.sendall(GIVEN % (len(KEYS), KEYS))
            else:
                self._answered(request, now)
                connection.raw.sendall(ACCEPTED)

    def _answered(self, request: Incoming, now: int) -> None:
        name = request.target.split("/")[-2]
        answer = self._asked.pop(name, None)
        if answer is None or not request.target.endswith("/response") or request.trailers:
            told = b"".join(data for _, data in request.pieces) + request.trailers
            raise Gone(f"{request.target}: {told[:2000].decode(errors='replace')}")
        if request.streamed:
            answer.prelude, answer.pieces = _split(request.pieces)
        else:
            body = json.loads(b"".join(data for _, data in request.pieces))
            answer.prelude = json.dumps({"statusCode": body["statusCode"]}).encode()
            answer.pieces = [(now, body["body"].encode())]
        if json.loads(answer.prelude)["statusCode"] != 200 or not answer.pieces:
            raise Gone(f"answered with {answer.prelude!r} {answer.body[:1000]!r}")
        answer.ended = now

    # ---- what it uses

    @property
    def processes(self) -> list[int]:
        """It and all its descendants."""
        return [self._process.pid, *_children(self._process.pid)]

    def cpu(self) -> int:
        """Nanoseconds of CPU that its processes have used, all threads together."""
        return sum(time.clock_gettime_ns((~pid << 3) | 2) for pid in self.processes)

    def memory(self) -> int:
        """Bytes of memory, pages that are shared counted in part (PSS)."""
        return sum(_pss(pid) for pid in self.processes)


def _with_credentials(environment: Mapping[str, str], address: str) -> dict[str, str]:
    """With SnapStart the platform puts no keys into the environment: a copy asks for them.

    https://docs.aws.amazon.com/lambda/latest/dg/snapstart-activate.html#snapstart-credentials
    """
    if environment.get("AWS_LAMBDA_INITIALIZATION_TYPE") != "snap-start":
        return dict(environment)
    kept = {name: value for name, value in environment.items() if "ACCESS_KEY" not in name}
    return kept | {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://{address}{CREDENTIALS}"}


def _split(pieces: list[Piece]) -> tuple[bytes, list[Piece]]:
    """The prelude, and the pieces of the body behind the delimiter."""
    head = b""
    for index, (came, data) in enumerate(pieces):
        head += data
        if DELIMITER in head:
            prelude, _, rest = head.partition(DELIMITER)
            return prelude, [*([(came, rest)] if rest else []), *pieces[index + 1 :]]
    raise Gone("a streamed answer without its delimiter")


def _children(pid: int) -> list[int]:
    told = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # a thread that has just ended
            told += [int(child) for child in (task / "children").read_text().split()]
    return told + [grandchild for child in told for grandchild in _children(child)]


def _pss(pid: int) -> int:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(rollup.partition("Pss:")[2].split()[0]) * 1024
