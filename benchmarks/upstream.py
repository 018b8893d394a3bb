"""The model and DynamoDB, as far away as one likes: a TLS server on loopback, in a process of its own.

The base URL tells how the model answers: ``https://localhost:PORT/wait=50,deltas=40,size=16,pace=1/v1/``
waits 50 ms and then says 40 deltas of 16 characters, one each millisecond (``pace=0``: all in one piece). A
delta begins with the nanosecond at which it was sent, so that its receiver can tell how long it took.

A prompt with the word ``briefly`` gets at most ten deltas.

Any other path is DynamoDB's: it answers after ``--store-wait`` milliseconds, and as for a thread that nobody
has written to. That is all the benchmarks ask: each turn is a new thread's first. What a store costs is
measured on an emulator that keeps what it is given (store_cost.py).

Strategy: a thread for each connection, blocking sockets, everything prepared beforehand. So a delta leaves at
its time, in one TLS record, and costs little next to what is measured.

    python -m benchmarks.upstream --certificates FOLDER --store-wait 5 --handshake-wait 0

prints its port. ``POST /log`` returns what was asked since the last time: the kind and the times, in ns.
"""

import argparse
import json
import socket
import ssl
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

STAMP = 20
"""Characters of a delta's time: nanoseconds of the machine's monotonic clock."""

BRIEF = 10
"""Deltas."""

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
JSON_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: %d\r\n\r\n%s"
MARK = "@" * STAMP


class Way(NamedTuple):
    """How the model answers: milliseconds of waiting and of pace, number and size of its deltas."""

    wait: float = 50
    deltas: int = 40
    size: int = 32
    pace: float = 0

    @classmethod
    def of(cls, path: str) -> "Way":
        told = dict(part.split("=") for part in path.split("/")[1].split(","))
        return cls(*(kind(told[name]) for name, kind in cls.__annotations__.items()))

    def path(self) -> str:
        return ",".join(f"{name}={value:g}" for name, value in self._asdict().items())


class Asked(NamedTuple):
    kind: str
    came: int
    left: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--certificates", type=Path, required=True, help="where make_certificates() put them")
    parser.add_argument("--store-wait", type=float, default=5, help="milliseconds")
    parser.add_argument("--handshake-wait", type=float, default=0, help="milliseconds before each handshake")
    args = parser.parse_args()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(args.certificates / "server.pem")
    shared = Shared(context, args.store_wait / 1000, args.handshake_wait / 1000)
    with socket.create_server(("127.0.0.1", 0), backlog=512) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            raw, _ = server.accept()
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=Connection(shared, raw).run, daemon=True).start()


class Shared:
    """What the connections have in common. Times are in seconds."""

    def __init__(self, context: ssl.SSLContext, store_wait: float, handshake_wait: float) -> None:
        self.context, self.store_wait, self.handshake_wait = context, store_wait, handshake_wait
        self.table = Table()
        self.asked: list[Asked] = []


class Connection:
    def __init__(self, shared: Shared, raw: socket.socket) -> None:
        self._shared, self._raw = shared, raw

    def run(self) -> None:
        time.sleep(self._shared.handshake_wait)
        with suppress(OSError), self._shared.context.wrap_socket(self._raw, server_side=True) as self._socket:
            self._shared.asked.append(Asked("handshake", time.monotonic_ns(), 0))
            self._buffer = b""
            while request := self._request():
                self._serve(*request)
        self._raw.close()

    def _request(self) -> tuple[str, bytes, bytes] | None:
        """The path, the head and the body of the next one."""
        while b"\r\n\r\n" not in self._buffer:
            if not self._more():
                return None
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        if b"expect: 100-continue" in head.lower():
            self._socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        while len(self._buffer) < length:
            if not self._more():
                return None
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return head.split(b" ", 2)[1].decode(), head, body

    def _more(self) -> bool:
        data = self._socket.recv(65536)
        self._buffer += data
        return bool(data)

    def _serve(self, path: str, head: bytes, body: bytes) -> None:
        came = time.monotonic_ns()
        if path == "/log":
            told, self._shared.asked[:] = json.dumps(self._shared.asked).encode(), []
            self._socket.sendall(JSON_HEAD % (len(told), told))
        elif path == "/":
            time.sleep(self._shared.store_wait)
            operation = head.partition(b"DynamoDB_20120810.")[2].partition(b"\r\n")[0].decode()
            told = json.dumps(self._shared.table.answer(operation, json.loads(body))).encode()
            self._socket.sendall(JSON_HEAD % (len(told), told))
            self._shared.asked.append(Asked(operation, came, time.monotonic_ns()))
        else:
            way = Way.of(path)
            self._say(way._replace(deltas=min(BRIEF, way.deltas)) if b"briefly" in body else way)
            self._shared.asked.append(Asked("model", came, time.monotonic_ns()))

    def _say(self, way: Way) -> None:
        time.sleep(way.wait / 1000)
        first, delta, last = _chunk({"role": "assistant", "content": ""}), _delta(way.size), _end()
        if not way.pace:
            now = b"%0*d" % (STAMP, time.monotonic_ns())
            self._socket.sendall(HEAD + first + delta.replace(MARK.encode(), now) * way.deltas + last)
            return
        self._socket.sendall(HEAD + first)
        before, _, after = delta.partition(MARK.encode())
        due = time.monotonic_ns()
        for _ in range(way.deltas):
            due += int(way.pace * 1e6)
            if (ahead := due - time.monotonic_ns()) > 0:
                time.sleep(ahead / 1e9)
            self._socket.sendall(before + b"%0*d" % (STAMP, time.monotonic_ns()) + after)
        self._socket.sendall(last)


def _event(document: object) -> bytes:
    return b"data: " + json.dumps(document, separators=(",", ":")).encode() + b"\n\n"


def _http_chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


_ENVELOPE = {
    "id": "chatcmpl-8f1e2d3c4b5a",
    "object": "chat.completion.chunk",
    "created": 1_760_000_000,
    "model": "c1-nightly",
}


def _chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
    choices = [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
    return _http_chunk(_event({**_ENVELOPE, "choices": choices, "usage": None}))


def _delta(size: int) -> bytes:
    return _chunk({"content": MARK.ljust(size, "x")})


def _end() -> bytes:
    counts = {"prompt_tokens": 2000, "completion_tokens": 1500, "total_tokens": 3500}
    usage = _http_chunk(_event({**_ENVELOPE, "choices": [], "usage": counts}))
    return _chunk({}, "stop") + usage + _http_chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"


class Table:
    """As much of DynamoDB as a thread's first turn sees: no turn is there, and a row that was set is read."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, Any]] = {}

    def answer(self, operation: str, asked: dict[str, Any]) -> dict[str, Any]:
        match operation:
            case "Query":
                return {"Count": 0, "Items": [], "ScannedCount": 0}
            case "GetItem":
                row = self._rows.get(json.dumps(asked["Key"]))
                return {"Item": row} if row else {}
            case "UpdateItem":
                return self._update(json.dumps(asked["Key"]), asked)
        return {}

    def _update(self, key: str, asked: dict[str, Any]) -> dict[str, Any]:
        values = asked["ExpressionAttributeValues"]
        given = {name.removeprefix(":new_"): value for name, value in values.items() if ":new_" in name}
        row = self._rows.get(key, asked["Key"]) | given
        if "REMOVE" in asked["UpdateExpression"] and "run" not in given:
            self._rows.pop(key, None)  # the turn is over, and nobody asks for its thread again
        else:
            self._rows[key] = row
        return {"Attributes": row} if asked.get("ReturnValues") == "ALL_NEW" else {}


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
    sys.exit(0)
