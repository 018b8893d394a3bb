"""Events of HTTP front doors become ASGI scopes; what the app sends becomes a response's metadata and body.

Payload 2.0 is what function URLs and HTTP APIs send, payload 1.0 what REST APIs (and, nearly, load
balancers) send. Everything in an event is looked at before it is used: a door can be called by anyone who
may invoke the function.

https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
https://asgi.readthedocs.io/en/latest/specs/www.html
"""

import asyncio
import base64
import binascii
import enum
import itertools
import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any, Literal, Protocol
from urllib.parse import quote, unquote, urlencode

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
Payload = Literal["2.0", "1.0"]

SPEC_VERSION = "2.4"
"""A server of ASGI 2.4 need not be listened to for a disconnect, so Starlette streams in one task."""

HOP_BY_HOP = frozenset({b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade"})
"""Headers that belong to a connection the app does not own (RFC 9110 section 7.6.1)."""

PORT = 5
"""Digits of a port, at most; Python refuses to read a few thousand of them."""

PROBLEM = "application/problem+json"

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class BadEvent(Exception):
    """The event is not what a front door sends. The text says why and quotes no value."""


class AppError(Exception):
    """The app broke the rules of ASGI."""


def payload(event: Any) -> Payload | None:
    """The version of an HTTP event's payload; None when it is no HTTP event."""
    context = event.get("requestContext") if isinstance(event, dict) else None
    if not isinstance(context, dict):
        return None
    if event.get("version") == "2.0" and isinstance(context.get("http"), dict):
        return "2.0"
    return "1.0" if isinstance(event.get("httpMethod"), str) and "path" in event else None


def request(event: Any, context: Any) -> tuple[Scope, bytes]:
    """The scope and the body of an HTTP event.

    :raises BadEvent: it is none, or a part of it is not of its type.
    """
    version = payload(event)
    if version is None:
        raise BadEvent("the event is of no known shape")
    try:
        scope = _SCOPES[version](event)
    except UnicodeEncodeError:
        raise BadEvent("the path or the query has half a character") from None
    scope.update({"aws.event": event, "aws.context": context})
    return scope, _body(event)


def metadata(event: Mapping[str, Any], status: int, headers: Iterable[tuple[bytes, bytes]]) -> dict[str, Any]:
    """A streamed response's status, headers and cookies, as the door that sent the event expects them.

    :raises AppError: a header has control characters.
    """
    fields: dict[str, list[str]] = {}
    for name, value in headers:
        if name.lower() not in HOP_BY_HOP:
            fields.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    if _CONTROL.search("".join(itertools.chain(fields, *fields.values()))):
        raise AppError("a response header has control characters")
    if payload(event) == "1.0":
        return {
            "statusCode": status,
            "headers": {name: values[0] for name, values in fields.items() if len(values) == 1},
            "multiValueHeaders": {name: values for name, values in fields.items() if len(values) > 1},
            "cookies": [],  # always sent; for this door they are headers
        }
    cookies = fields.pop("set-cookie", [])
    joined = {name: ", ".join(values) for name, values in fields.items()}
    return {"statusCode": status, "headers": joined, "cookies": cookies}


def problem(error: BadEvent) -> str:
    """What is told of a refused event (RFC 9457)."""
    told = {"type": "about:blank", "title": "Bad event", "status": 400, "detail": str(error)}
    return json.dumps(told | {"code": "bad_event"})


def refusal(error: BadEvent) -> dict[str, Any]:
    """The whole answer to an event that nothing can be done with; each door understands it."""
    return {"statusCode": 400, "headers": {"content-type": PROBLEM}, "body": problem(error)}


class Sink(Protocol):
    """Where a response goes. ``write`` is called at least once, the last time with ``last``."""

    async def begin(self, status: int, headers: Headers) -> None: ...

    async def write(self, body: bytes, *, last: bool) -> None: ...


class State(enum.Enum):
    """How far the app's response is."""

    EXPECTED = enum.auto()
    BEGUN = enum.auto()
    COMPLETE = enum.auto()


class Cycle:
    """One request through an app. The app runs to its own end, also when nobody listens any more."""

    def __init__(self, scope: Scope, body: bytes, sink: Sink) -> None:
        self._scope = scope
        self._body: bytes | None = body
        self._sink = sink
        self._complete = asyncio.Event()
        self.state = State.EXPECTED

    async def run(self, app: App) -> None:
        """:raises AppError: the app returned before its response was complete, or sent what it must not."""
        await app(self._scope, self._receive, self._send)
        if self.state is not State.COMPLETE:
            raise AppError("the app returned before its response was complete")

    async def _receive(self) -> Message:
        if self._body is None:
            await self._complete.wait()  # the platform does not tell that a client has left
            return {"type": "http.disconnect"}
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def _send(self, message: Message) -> None:
        match self.state, message["type"]:
            case State.EXPECTED, "http.response.start":
                self.state = State.BEGUN
                await self._sink.begin(message["status"], list(message.get("headers", ())))
            case State.BEGUN, "http.response.body":
                last = not message.get("more_body", False)
                if last:
                    self.state = State.COMPLETE
                await self._sink.write(bytes(message.get("body", b"")), last=last)
                if last:
                    self._complete.set()
            case state, kind:
                raise AppError(f"{kind} when the response is {state.name}")


def _scope_2(event: Mapping[str, Any]) -> Scope:
    http = event["requestContext"]["http"]
    headers = _headers(_mapping(event, "headers").items())
    cookies = event.get("cookies") or []
    if not isinstance(cookies, list):
        raise BadEvent("cookies is not a list")
    if cookies:
        headers += _headers([("cookie", "; ".join(_text(cookie, "a cookie") for cookie in cookies))])
    query = _text(event.get("rawQueryString") or "", "rawQueryString")
    path = _text(event.get("rawPath") or http.get("path") or "/", "rawPath")
    method = _text(http.get("method"), "requestContext.http.method")
    return _scope(method, path, query, headers, http.get("sourceIp"))


def _scope_1(event: Mapping[str, Any]) -> Scope:
    several = _mapping(event, "multiValueHeaders")
    fields = (
        [(name, value) for name, values in several.items() for value in _several(values)]
        if several
        else _mapping(event, "headers").items()
    )
    headers = _headers(fields)
    query = _mapping(event, "multiValueQueryStringParameters") or _mapping(event, "queryStringParameters")
    identity = event["requestContext"].get("identity")
    client = identity.get("sourceIp") if isinstance(identity, dict) else None
    path = _text(event["path"] or "/", "path")
    return _scope(event["httpMethod"], path, urlencode(query, doseq=True), headers, client)


def _scope(method: str, path: str, query: str, headers: Headers, client: Any) -> Scope:
    fields = dict(headers)
    scheme = fields.get(b"x-forwarded-proto", b"https").decode("latin-1")
    name, _, port = fields.get(b"host", b"").decode("latin-1").partition(":")
    default = 80 if scheme == "http" else 443
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": SPEC_VERSION},
        "http_version": "1.1",
        "method": method.upper(),
        "scheme": scheme,
        "path": unquote(path),
        "raw_path": quote(path, safe="/%:@!$&'()*+,;=~-._").encode(),
        "query_string": quote(query, safe="%&=+/?:@!$'()*,;~-._[]").encode(),
        "root_path": "",
        "headers": headers,
        "client": (client, 0) if isinstance(client, str) else None,
        "server": (name, int(port) if port.isdecimal() and len(port) <= PORT else default),
    }


def _headers(fields: Iterable[tuple[str, Any]]) -> Headers:
    found = list(fields)
    try:
        text = "".join(itertools.chain.from_iterable(found))  # all at once: this is the way of every request
    except TypeError:
        raise BadEvent("the value of a header is not a string") from None
    if _CONTROL.search(text):
        raise BadEvent("a header has control characters")
    try:
        return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in found]
    except UnicodeEncodeError:
        return [(_encode(name.lower()), _encode(value)) for name, value in found]


def _encode(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _body(event: Mapping[str, Any]) -> bytes:
    body = _text(event.get("body") or "", "body")
    if not event.get("isBase64Encoded"):
        return body.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise BadEvent("the body is said to be base64 and is not") from None


def _mapping(event: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = event.get(name) or {}
    if not isinstance(value, dict):
        raise BadEvent(f"{name} is not an object")
    return value


def _several(values: Any) -> list[Any]:
    return values if isinstance(values, list) else [values]


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise BadEvent(f"{what} is not a string")
    return value


_SCOPES: Mapping[Payload, Callable[[Mapping[str, Any]], Scope]] = {"2.0": _scope_2, "1.0": _scope_1}
