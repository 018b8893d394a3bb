"""The Lambda Runtime API without I/O: a command gives the bytes to send, bytes that came give an event.

Strategy: http1 keeps HTTP's rules; this module keeps Lambda's. It never looks at a socket or a clock, so it
can be fed whole, byte by byte, or with bytes too many.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming
"""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal, NamedTuple, assert_never

from c1fn.runtime import http1
from c1fn.runtime.fault import Fault
from c1fn.runtime.http1 import Broken

VERSION = "/2018-06-01/runtime"

MAX_EVENT = 8 * 1024 * 1024
"""Bytes of one event. Lambda's own limit is 6 MB; what is larger does not come from Lambda."""

MAX_HEADERS = 64 * 1024
"""Bytes of one answer's head: a client context (3.5 KB) and an identity stand in headers."""

MAX_PRELUDE = 16 * 1024
"""Bytes of metadata and delimiter; Lambda refuses a response whose delimiter comes later."""

DELIMITER = b"\0" * 8
"""Ends the metadata of a streamed HTTP response."""

INTEGRATION = "application/vnd.awslambda.http-integration-response"
OCTETS = "application/octet-stream"

REFUSALS: Mapping[int, str] = {
    400: "the body was cut or malformed",
    403: "the request is not allowed in this state",
    410: "the invocation is over and no longer ours",
    413: "the response is too large",
    500: "the sandbox is broken",
}
"""What an answer other than 200 or 202 means."""


class PreludeTooLarge(Exception):
    """The response's headers do not fit into ``MAX_PRELUDE``."""


class Address(NamedTuple):
    """Where the Runtime API is. ``prefix`` is empty or starts with a slash."""

    host: str
    port: int
    prefix: str

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read ``host:port`` or ``host:port/some/prefix``, the value of AWS_LAMBDA_RUNTIME_API.

        :raises ValueError: it is neither.
        """
        found = re.fullmatch(r"([A-Za-z0-9._-]+|\[[0-9a-fA-F:]+\]):([0-9]{1,5})((?:/[!-.0-~]+)*)/?", text)
        if found is None:
            raise ValueError(f"AWS_LAMBDA_RUNTIME_API is {text!r}; it must be host:port[/prefix]")
        return cls(found[1].strip("[]"), int(found[2]), found[3])


class Invocation(NamedTuple):
    """One event to be answered; ``event`` is its JSON as it came. ``deadline_ms`` is in epoch milliseconds.

    ``client_context`` and ``cognito_identity`` are JSON texts. ``invocation_id`` is to be echoed. A tuple,
    since one is made on the way of every request.
    """

    request_id: str
    event: bytes
    deadline_ms: int = 0
    function_arn: str = ""
    trace_id: str | None = None
    client_context: str | None = None
    cognito_identity: str | None = None
    tenant_id: str | None = None
    invocation_id: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the platform said to a response or an error; ``error_type`` is its word for a refusal."""

    status: int
    error_type: str = ""

    @property
    def accepted(self) -> bool:
        """Lambda says 202; others say another status of success."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    def __str__(self) -> str:
        meaning = "ok" if self.accepted else REFUSALS.get(self.status, "unexpected")
        return f"{self.status} {self.error_type} ({meaning})".replace("  ", " ")


@dataclass(frozen=True, slots=True)
class Restored:
    """The snapshot was restored: this process is a copy, and its sockets are dead."""


_ID = re.compile(r"[A-Za-z0-9._~:=+-]{1,256}")
"""What may stand in the path and in a header of our answer; Lambda's ids are UUIDs."""

_MILLISECONDS = re.compile(r"[0-9]{1,15}")

Incoming = Invocation | Answer | Restored
_Asked = Literal["next", "restore", "post"]


_COMPACT = json.JSONEncoder(separators=(",", ":"))


def prelude(metadata: Mapping[str, Any]) -> bytes:
    """The metadata of a streamed HTTP response: statusCode, headers, cookies.

    :raises PreludeTooLarge: Lambda would refuse it.
    """
    text = _COMPACT.encode(metadata).encode()
    if len(text) + len(DELIMITER) > MAX_PRELUDE:
        raise PreludeTooLarge(f"the response's headers need {len(text)} bytes of {MAX_PRELUDE}")
    return text


class Connection:
    """One keep-alive connection. Commands and events alternate; a response may be answered early."""

    def __init__(self, address: Address) -> None:
        self._reader = http1.Reader(max_head=MAX_HEADERS, max_body=MAX_EVENT)
        self._base = address.prefix + VERSION
        host = f"[{address.host}]" if ":" in address.host else address.host
        self._host = f"{host}:{address.port}"
        self._asked: _Asked = "next"
        self._sending = False  # a request of ours has begun and not ended
        self._waiting = False  # its answer has not come

    @property
    def usable(self) -> bool:
        """A new command can be given: nothing is under way, nothing unasked has come."""
        return self._reader.clean and not (self._sending or self._waiting)

    # Commands. Each returns the bytes to send.

    def next(self) -> bytes:
        """Ask for an invocation; answered when there is one, be it tomorrow."""
        return self._get("next", "/invocation/next")

    def restore_next(self) -> bytes:
        """Say that all is ready for the snapshot; answered after it was restored."""
        return self._get("restore", "/restore/next")

    def begin(self, invocation: Invocation, prelude: bytes | None) -> bytes:
        """Begin a streamed response: with the HTTP metadata, or None for a bare stream of bytes."""
        head = self._post(
            f"/invocation/{invocation.request_id}/response",
            ("Content-Type", OCTETS if prelude is None else INTEGRATION),
            ("Lambda-Runtime-Function-Response-Mode", "streaming"),
            ("Transfer-Encoding", "chunked"),
            ("Trailer", "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"),
            *_echo(invocation),
        )
        # Two chunks: some platforms look for the delimiter at the start of one.
        return head + self.data(prelude) + self.data(DELIMITER) if prelude else head

    def data(self, payload: bytes) -> bytes:
        """A piece of the streamed response; an empty one is nothing."""
        return http1.chunk(payload)

    def end(self) -> bytes:
        self._sending = False
        return http1.last_chunk()

    def fail(self, fault: Fault) -> bytes:
        """End a streamed response that went wrong midway: the trailers tell."""
        self._sending = False
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
        return self._whole("/init/error", fault.body(), *_fault_headers(fault))

    def restore_error(self, fault: Fault) -> bytes:
        return self._whole("/restore/error", fault.body(), *_fault_headers(fault))

    # Events.

    def receive(self, data: bytes | memoryview) -> Incoming | None:
        """Take bytes that came (``b""``: the other side closed) and give the event they complete.

        :raises Broken: they are not what was to come.
        """
        if not self._waiting:
            raise Broken("bytes that nobody asked for" if data else "the other side closed the connection")
        response = self._reader.receive(data)
        if response is None:
            return None
        self._waiting = False
        if self._asked == "post" or response.status != 200:  # noqa: PLR2004 - HTTP's OK
            return Answer(response.status, _error_type(response.body))
        if self._asked == "restore":
            return Restored()
        if self._asked == "next":
            return _invocation(response)
        assert_never(self._asked)

    def _get(self, asked: _Asked, path: str) -> bytes:
        request = self._request(asked, "GET", path)
        self._sending = False
        return request

    def _post(self, path: str, *fields: tuple[str, str]) -> bytes:
        return self._request("post", "POST", path, *fields)

    def _whole(self, path: str, payload: bytes, *fields: tuple[str, str]) -> bytes:
        head = self._post(path, ("Content-Length", str(len(payload))), *fields)
        self._sending = False
        return head + payload

    def _request(self, asked: _Asked, method: str, path: str, *fields: tuple[str, str]) -> bytes:
        self._asked = asked
        self._sending = self._waiting = True
        return http1.head(method, self._base + path, ("Host", self._host), *fields)


def _echo(invocation: Invocation) -> list[tuple[str, str]]:
    if invocation.invocation_id is None:
        return []
    return [("Lambda-Runtime-Invocation-Id", invocation.invocation_id)]


def _fault_headers(fault: Fault) -> list[tuple[str, str]]:
    return [("Content-Type", "application/json"), ("Lambda-Runtime-Function-Error-Type", fault.type)]


def _error_type(body: bytes) -> str:
    if b"errorType" not in body:
        return ""  # nearly always: an answer that accepts
    try:
        return str(json.loads(body)["errorType"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def _invocation(response: http1.Response) -> Invocation:
    def header(name: bytes) -> str | None:
        value = response.fields.get(name)
        return None if value is None else value.decode(errors="replace")

    request_id = header(b"lambda-runtime-aws-request-id") or ""
    deadline = header(b"lambda-runtime-deadline-ms") or "0"
    invocation_id = header(b"lambda-runtime-invocation-id")
    if not _ID.fullmatch(request_id) or not _ID.fullmatch(invocation_id or "-"):
        raise Broken("an invocation without a request id, or with one that cannot be sent back")
    if not _MILLISECONDS.fullmatch(deadline):
        raise Broken("an invocation with a deadline that is no number")
    return Invocation(
        request_id=request_id,
        event=response.body,
        deadline_ms=int(deadline),
        function_arn=header(b"lambda-runtime-invoked-function-arn") or "",
        trace_id=header(b"lambda-runtime-trace-id"),
        client_context=header(b"lambda-runtime-client-context"),
        cognito_identity=header(b"lambda-runtime-cognito-identity"),
        tenant_id=header(b"lambda-runtime-aws-tenant-id"),
        invocation_id=invocation_id,
    )
