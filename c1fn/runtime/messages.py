"""The Runtime API's messages as values: an invocation, an acknowledgement, the end of a snapshot; and the
metadata of a streamed response, as JSON.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NamedTuple

from c1fn.runtime import http1
from c1fn.runtime.http1 import Broken

MAX_PRELUDE = 16 * 1024
"""Bytes of metadata and delimiter; Lambda refuses a response whose delimiter comes later."""

DELIMITER = b"\0" * 8
"""Ends the metadata of a streamed HTTP response."""

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
class Acknowledgement:
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

Incoming = Invocation | Acknowledgement | Restored

_COMPACT = json.JSONEncoder(separators=(",", ":"))


def prelude(metadata: Mapping[str, Any]) -> bytes:
    """The metadata of a streamed HTTP response: statusCode, headers, cookies.

    :raises PreludeTooLarge: Lambda would refuse it.
    """
    text = _COMPACT.encode(metadata).encode()
    if len(text) + len(DELIMITER) > MAX_PRELUDE:
        raise PreludeTooLarge(f"the response's headers need {len(text)} bytes of {MAX_PRELUDE}")
    return text


def error_type(body: bytes) -> str:
    """The platform's word for a refusal; empty where it gave none."""
    if b"errorType" not in body:
        return ""  # nearly always: an answer that accepts
    try:
        return str(json.loads(body)["errorType"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def invocation(response: http1.HttpResponse) -> Invocation:
    """The event of an answer to `next`.

    :raises Broken: it has no request id, or one that cannot be sent back.
    """

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
