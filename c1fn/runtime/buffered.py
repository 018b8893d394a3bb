"""Answers in the form that each door expects: the metadata of a stream, or a buffered answer as JSON.

Mangum writes the buffered answer for each door. It gets only the form of the event, so that events are read
only in ``request``. Bodies are UTF-8 in JSON without escapes, which would make text in most non-Latin scripts
up to three times larger. If an answer is too large for its door, an error says so.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html#function-configuration-deployment-and-execution
"""

import json
import logging
from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from c1fn.runtime.asgi import HOP_BY_HOP, App, AppError, Cycle, Headers, Scope, State
from c1fn.runtime.doors import ALB, DIRECT, REST_API, ROOM, BadEvent, Door, Event, door_of
from c1fn.runtime.request import CONTROL

if TYPE_CHECKING:
    from mangum.types import LambdaConfig, LambdaHandler

log = logging.getLogger(__name__)

PROBLEM = "application/problem+json"

TEXTS = ("text/", "json", "xml", "javascript", "yaml", "charset=utf-8")
"""Parts of a content type that is text; any other body is base64, as all doors but a REST API take it."""

SWELLS = 6
"""Bytes of JSON that one character of text may need."""

MAX_HEADERS = 64 * 1024
"""Bytes that an answer's headers stay below: doors take 10 KB."""

Answer = dict[str, Any]


class NoJson(Exception):
    """An answer cannot be JSON. The text names types and quotes no value."""


class Whole:
    """An ``asgi.Sink`` that keeps the response."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: Headers = []
        self.body = bytearray()

    async def begin(self, status: int, headers: Headers) -> None:
        self.status = status
        self.headers = [pair for pair in headers if pair[0].lower() not in HOP_BY_HOP]

    async def write(self, body: bytes, *, last: bool) -> None:  # noqa: ARG002 - the sink's shape
        self.body += body


async def whole(app: App, scope: Scope, body: bytes) -> Whole:
    """What the app answers to one request. What fails after that is logged, and the answer stays.

    :raises Exception: the app failed before it had answered.
    """
    sink = Whole()
    cycle = Cycle(scope, body, sink)
    try:
        await cycle.run(app)
    except Exception:
        if cycle.state is not State.COMPLETE:
            raise
        log.exception("the app failed after it had answered")
    return sink


def metadata(event: Event, status: int, headers: Iterable[tuple[bytes, bytes]]) -> Answer:
    """A streamed response's status, headers and cookies, as the door that sent the event expects them.

    :raises AppError: a header has control characters.
    """
    fields = _fields(headers)
    door = door_of(event) or DIRECT
    if door.payload == "1.0":
        return {
            "statusCode": status,
            "headers": {name: values[0] for name, values in fields.items() if len(values) == 1},
            "multiValueHeaders": {name: values for name, values in fields.items() if len(values) > 1},
            "cookies": [],  # always sent; for this door they are headers
        }
    cookies = fields.pop("set-cookie", [])
    joined = {name: ", ".join(values) for name, values in fields.items()}
    return {"statusCode": status, "headers": joined, "cookies": cookies}


def _fields(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, list[str]]:
    """The values of each header, without those of the connection."""
    fields: dict[str, list[str]] = {}
    for name, value in headers:
        if name.lower() not in HOP_BY_HOP:
            fields.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    if CONTROL.search("".join(text for name, values in fields.items() for text in (name, *values))):
        raise AppError("a response header has control characters")
    return fields


def written(event: Event, answered: Whole, *, escaped: bool = False) -> Answer:
    """A whole answer for the door that sent the event, or what is said where it does not fit.

    :param escaped: the JSON will be ASCII: AWS's runtime of Python 3.11 and older writes it so.
    :raises AppError: a header has control characters.
    """
    door = door_of(event) or DIRECT
    answer = _form(event, door, answered)
    size = _size(answer, door.limit - ROOM, escaped=escaped)
    if size <= door.limit - ROOM:
        return answer
    return _told(
        event,
        502,  # what the door itself would say, without a word why
        "too_large_for_door",
        "The answer is too large for this way in",
        f"The answer needs {size} bytes, and {door.title} carries {door.limit}. A function URL or a REST API "
        "that streams carries 200 MB, and so does a direct invocation that asks for a stream.",
    )


def refusal(event: Event, error: BadEvent) -> Answer:
    """The whole answer to an event that nothing can be done with, in its door's form."""
    return _told(event, 400, "bad_event", "Bad event", str(error))


def problem(error: BadEvent) -> bytes:
    """What is told of a refused event (RFC 9457)."""
    return _problem(400, "bad_event", "Bad event", str(error))


def encoded(answer: Any) -> bytes:
    """JSON in UTF-8. Half a character, which UTF-8 does not have, stays the escape that JSON has for it.

    :raises NoJson: it cannot be JSON. A Decimal can, as in AWS's own runtime.
    """
    try:
        return _JSON.encode(answer).encode("utf-8", "backslashreplace")
    except (TypeError, ValueError, RecursionError) as error:
        raise NoJson(f"Unable to marshal response: {error}") from error


def _number(value: Any) -> float:
    if not isinstance(value, Decimal):
        raise TypeError(f"a {type(value).__name__} cannot be JSON")
    return float(value)


_JSON = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, default=_number)


def _told(event: Event, status: int, code: str, title: str, detail: str) -> Answer:
    whole = Whole()
    whole.status, whole.headers = status, [(b"content-type", PROBLEM.encode())]
    whole.body += _problem(status, code, title, detail)
    return _form(event, door_of(event) or DIRECT, whole)


def _problem(status: int, code: str, title: str, detail: str) -> bytes:
    told = {
        "type": f"urn:c1fn:error:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
    }
    return encoded(told)


def _size(answer: Answer, limit: int, *, escaped: bool) -> int:
    """Bytes of the answer as JSON; not counted where it fits in any case."""
    if SWELLS * len(answer["body"]) + MAX_HEADERS <= limit:
        return 0
    return len(json.dumps(answer) if escaped else encoded(answer))


def _form(event: Event, door: Door, whole: Whole) -> Answer:
    fields = _fields(whole.headers)
    cookies = fields.pop("set-cookie", [])
    pairs = [(name, ", ".join(values)) for name, values in fields.items()]
    if door is DIRECT:
        return {
            "statusCode": whole.status,
            "headers": dict(pairs),
            "body": whole.body.decode(errors="replace"),
        }
    pairs += [("set-cookie", cookie) for cookie in cookies]
    answer = _mangum(event, door, untyped="content-type" not in fields)(
        {
            "status": whole.status,
            "headers": [[name.encode(), value.encode()] for name, value in pairs],
            "body": bytes(whole.body),
        }
    )
    if "content-type" not in fields:
        answer.get("headers", {}).pop("content-type", None)  # Mangum's guess
    if door.payload == "2.0":
        answer = {"headers": {}, "cookies": [], **answer}  # cargo-lambda asks for both, be they empty
    return answer


def _mangum(event: Event, door: Door, *, untyped: bool) -> "LambdaHandler":
    """Who writes the door's form. Imported late: streams do without it."""
    from mangum import handlers

    config: LambdaConfig = {
        "api_gateway_base_path": "/",
        "text_mime_types": [*TEXTS, ""] if untyped else [*TEXTS],
        "exclude_headers": [],
    }
    if door is REST_API:
        return handlers.APIGateway({}, _NO_CONTEXT, config)
    if door is ALB:
        several = "multiValueHeaders" if event.get("multiValueHeaders") is not None else "headers"
        return handlers.ALB({**_FORM_1, several: {}}, _NO_CONTEXT, config)
    form = _FORM_2 if door.payload == "2.0" else _FORM_1
    return handlers.HTTPGateway({**form, "version": door.payload}, _NO_CONTEXT, config)


_NO_CONTEXT: Any = None
_FORM_1 = {"path": "/", "httpMethod": "GET", "headers": {}, "requestContext": {}}
_FORM_2 = {"headers": {}, "requestContext": {"http": {"sourceIp": "", "path": "/", "method": "GET"}}}
"""The least of an event that Mangum needs to know the form of an answer to it."""
