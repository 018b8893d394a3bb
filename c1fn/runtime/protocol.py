"""The Lambda Runtime API without I/O: commands become bytes to send, and received bytes become events.

http1 implements HTTP's rules, this module Lambda's. It uses no socket and no clock, so input may arrive in
one piece, byte by byte, or with extra bytes. A connection has one state, and one table (``MOVES``) lists
every legal transition; all others are illegal.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming
"""

import base64
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Literal, NamedTuple

from c1fn.runtime import http1
from c1fn.runtime.fault import Fault
from c1fn.runtime.http1 import Broken
from c1fn.runtime.messages import (
    DELIMITER,
    Acknowledgement,
    Incoming,
    Invocation,
    Restored,
    error_type,
    invocation,
)

VERSION = "/2018-06-01/runtime"

MAX_EVENT = 8 * 1024 * 1024
"""Bytes of one event. Lambda's own limit is 6 MB; what is larger does not come from Lambda."""

MAX_HEADERS = 64 * 1024
"""Bytes of one answer's head: a client context (3.5 KB) and an identity stand in headers."""

INTEGRATION = "application/vnd.awslambda.http-integration-response"
OCTETS = "application/octet-stream"


_ADDRESS = re.compile(r"(?:http://)?([A-Za-z0-9._-]+|\[[0-9a-fA-F:]+\]):([0-9]{1,5})((?:/[!-.0-~]+)*)/?")


class Address(NamedTuple):
    """Where the Runtime API is. ``prefix`` is empty or starts with a slash."""

    host: str
    port: int
    prefix: str

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read ``host:port`` or ``host:port/some/prefix``, the value of AWS_LAMBDA_RUNTIME_API; cargo-lambda
        puts ``http://`` before it.

        :raises ValueError: it is neither.
        """
        found = _ADDRESS.fullmatch(text)
        if found is None:
            raise ValueError(f"AWS_LAMBDA_RUNTIME_API is {text!r}; it must be host:port[/prefix]")
        return cls(found[1].strip("[]"), int(found[2]), found[3])


State = Literal["idle", "polling", "restoring", "streaming", "posted", "answered early", "broken"]
"""Where a connection stands. ``idle``: nothing is under way. ``polling``, ``restoring``: the next invocation,
or the end of the snapshot, was asked for. ``streaming``: a response has begun and not ended. ``posted``: all
was sent, the acknowledgement has not come. ``answered early``: it came before the response had ended.
``broken``: no more events come; what is still sent goes nowhere.
"""

Move = Literal["next", "restore", "post", "begin", "data", "end", "answer", "break"]
"""What can happen: our commands; ``answer`` (a whole answer has come); ``break`` (what came is not one)."""

MOVES: Mapping[State, Mapping[Move, State]] = {
    "idle": {
        "next": "polling",
        "restore": "restoring",
        "post": "posted",
        "begin": "streaming",
        "break": "broken",
    },
    "polling": {"answer": "idle", "break": "broken"},
    "restoring": {"answer": "idle", "break": "broken"},
    "streaming": {"data": "streaming", "end": "posted", "answer": "answered early", "break": "broken"},
    "posted": {"answer": "idle", "break": "broken"},
    "answered early": {"data": "answered early", "end": "idle", "break": "broken"},
    # An app goes on writing to a platform that is gone, and is not disturbed.
    "broken": {"post": "broken", "begin": "broken", "data": "broken", "end": "broken", "break": "broken"},
}
"""Every legal move; a missing one is illegal."""


class IllegalMove(Exception):
    """A command in a state that does not allow it: a bug of this process. See ``MOVES``."""


class Connection:
    """One keep-alive connection. Commands and events alternate; a response may be answered early.

    Each command returns the bytes to send.

    :raises IllegalMove: from a command that ``MOVES`` does not allow now.
    """

    def __init__(self, address: Address) -> None:
        self._reader = http1.Reader(max_head=MAX_HEADERS, max_body=MAX_EVENT)
        self._base = address.prefix + VERSION
        host = f"[{address.host}]" if ":" in address.host else address.host
        self._host = f"{host}:{address.port}"
        self.state: State = "idle"

    @property
    def usable(self) -> bool:
        """A new command can be given: nothing is under way, nothing unasked has come."""
        return self.state == "idle" and self._reader.clean

    def next(self) -> bytes:
        """Ask for an invocation; answered when there is one, be it tomorrow."""
        return self._request("next", "GET", "/invocation/next")

    def restore_next(self) -> bytes:
        """Say that all is ready for the snapshot; answered after it was restored."""
        return self._request("restore", "GET", "/restore/next")

    def begin(self, invocation: Invocation, prelude: bytes | None) -> bytes:
        """Begin a streamed response: with the HTTP metadata, or None for a bare stream of bytes."""
        head = self._request(
            "begin",
            "POST",
            f"/invocation/{invocation.request_id}/response",
            ("Content-Type", OCTETS if prelude is None else INTEGRATION),
            ("Lambda-Runtime-Function-Response-Mode", "streaming"),
            ("Transfer-Encoding", "chunked"),
            ("Trailer", "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"),
            *_echo(invocation),
        )
        # Two chunks: some platforms look for the delimiter at the start of one.
        return head + http1.chunk(prelude) + http1.chunk(DELIMITER) if prelude else head

    def data(self, payload: bytes) -> bytes:
        """A piece of the streamed response; an empty one is nothing."""
        self._move("data")
        return http1.chunk(payload)

    def end(self) -> bytes:
        """The end of a streamed response."""
        self._move("end")
        return http1.last_chunk()

    def fail(self, fault: Fault) -> bytes:
        """End a streamed response that went wrong midway: the trailers tell."""
        self._move("end")
        return http1.last_chunk(
            ("Lambda-Runtime-Function-Error-Type", fault.type),
            ("Lambda-Runtime-Function-Error-Body", base64.b64encode(fault.body()).decode()),
        )

    def respond(self, invocation: Invocation, payload: bytes) -> bytes:
        """Send a whole response: ``payload`` is JSON."""
        path = f"/invocation/{invocation.request_id}/response"
        return self._whole(path, payload, ("Content-Type", "application/json"), *_echo(invocation))

    def error(self, invocation: Invocation, fault: Fault) -> bytes:
        """Say that there will be no response. Legal only before one has begun."""
        path = f"/invocation/{invocation.request_id}/error"
        return self._whole(path, fault.body(), *_fault_headers(fault), *_echo(invocation))

    def init_error(self, fault: Fault) -> bytes:
        """The process cannot start.

        https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-initerror
        """
        return self._whole("/init/error", fault.body(), *_fault_headers(fault))

    def restore_error(self, fault: Fault) -> bytes:
        """The process cannot go on after a snapshot was restored.

        https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks.html
        """
        return self._whole("/restore/error", fault.body(), *_fault_headers(fault))

    def receive(self, data: bytes | memoryview) -> Incoming | None:
        """Take bytes that came (``b""``: the other side closed) and give the event they complete.

        :raises Broken: they are not what was to come.
        """
        try:
            event = self._understood(data)
        except Broken:
            self._move("break")
            raise
        if event is not None:
            self._move("answer")
        return event

    def _understood(self, data: bytes | memoryview) -> Incoming | None:
        if "answer" not in MOVES[self.state]:
            raise Broken("bytes that nobody asked for" if data else "the other side closed the connection")
        response = self._reader.receive(data)
        return None if response is None else _event(self.state, response)

    def _whole(self, path: str, payload: bytes, *fields: tuple[str, str]) -> bytes:
        return self._request("post", "POST", path, ("Content-Length", str(len(payload))), *fields) + payload

    def _request(self, move: Move, method: str, path: str, *fields: tuple[str, str]) -> bytes:
        self._move(move)
        return http1.head(method, self._base + path, ("Host", self._host), *fields)

    def _move(self, move: Move) -> None:
        try:
            self.state = MOVES[self.state][move]
        except KeyError:
            raise IllegalMove(f"{move!r} while the connection is {self.state}") from None


def _echo(invocation: Invocation) -> list[tuple[str, str]]:
    if invocation.invocation_id is None:
        return []
    return [("Lambda-Runtime-Invocation-Id", invocation.invocation_id)]


def _fault_headers(fault: Fault) -> list[tuple[str, str]]:
    return [("Content-Type", "application/json"), ("Lambda-Runtime-Function-Error-Type", fault.type)]


def _event(asked: State, response: http1.HttpResponse) -> Incoming:
    """What an answer means to a connection that asked this."""
    if asked == "polling" and response.status == HTTPStatus.OK:
        return invocation(response)
    if asked == "restoring" and response.status == HTTPStatus.OK:
        return Restored()
    return Acknowledgement(response.status, error_type(response.body))
