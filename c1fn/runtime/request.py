"""Converts an HTTP event into an ASGI scope and a body, with the same code for every door and both modes.

First the path is normalised to one percent-encoded form, and split into the prefix of the door or the
deployment and the app's own part; ``path`` and ``raw_path`` are both made from that. So a request cannot be
checked under one path and answered under another. Every value of an event is validated before use, because
everyone who may invoke the function can write an event.

https://asgi.readthedocs.io/en/latest/specs/www.html
"""

import base64
import binascii
import itertools
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, unquote, urlencode

from c1fn.runtime.asgi import SPEC_VERSION, Headers, Scope
from c1fn.runtime.doors import ALB, REST_API, BadEvent, Door, Event, door_of

CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

_PATH = "/:@!$&'()*+,;=~-._"
_QUERY = "%&=+/?:@!$'()*,;~-._[]"
PORT = 5
"""Digits of a port, at most; Python refuses to read a few thousand of them."""
_HOST = re.compile(r"(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?")


def read(event: Event, context: Any, base_path: str = "") -> tuple[Scope, bytes]:
    """The request that an event of an HTTP door stands for.

    :param base_path: a prefix of every path that the routes of the app do not know.
    :raises BadEvent: the event came through no HTTP door, or a part of it is not of its type.
    """
    door = door_of(event)
    if door is None:
        raise BadEvent("the event came through no HTTP door")
    try:
        scope = (
            _scope_2(event, door, base_path) if door.payload == "2.0" else _scope_1(event, door, base_path)
        )
    except UnicodeEncodeError:
        raise BadEvent("the path or the query has half a character") from None
    scope["aws.event"], scope["aws.context"] = event, context
    return scope, _body(event)


def _scope_2(event: Event, door: Door, base_path: str) -> Scope:
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
    mounted = _mounted(path, event["requestContext"], door, base_path)
    return _scope(method, mounted, query, headers, http.get("sourceIp"))


def _scope_1(event: Event, door: Door, base_path: str) -> Scope:
    headers = _headers(_pairs(event, "multiValueHeaders") or _pairs(event, "headers"))
    told = _pairs(event, "multiValueQueryStringParameters") or _pairs(event, "queryStringParameters")
    parameters = [(name, "" if value is None else value) for name, value in told]  # null: a name alone, ?name
    if door.encoded:
        query = "&".join(f"{name}={_text(value, 'a parameter')}" for name, value in parameters)
    else:
        query = urlencode(parameters)
    path = _text(event["path"] or "/", "path")
    mounted = _mounted(path, event["requestContext"], door, base_path)
    return _scope(event["httpMethod"], mounted, query, headers, _client(event, door, headers))


def _client(event: Event, door: Door, headers: Headers) -> Any:
    if door is ALB:  # it adds the address that it sees to those that the client claims
        return dict(headers).get(b"x-forwarded-for", b"").decode("latin-1").rpartition(",")[2].strip() or None
    identity = event["requestContext"].get("identity")
    return identity.get("sourceIp") if isinstance(identity, dict) else None


def _mounted(path: str, context: Event, door: Door, base_path: str) -> tuple[str, str]:
    """The prefix that the client sees and the app does not, and the app's own path; both percent-encoded.

    A named stage stands in the path of an HTTP API's event, also behind a custom domain, whose clients never
    see it. A REST API takes the stage out, with an API mapping the base path too, and tells the whole path
    beside.
    """
    encoded = quote(path, safe=_PATH if door.decoded else _PATH + "%")
    own = "/" + encoded.lstrip("/")
    domain = context.get("domainName")
    public = isinstance(domain, str) and ".execute-api." not in domain
    root = _taken_out(context.get("path"), own) if door is REST_API else ""
    stage = f"/{context['stage']}" if context.get("stage") else ""  # a load balancer has none
    rest = None if root or not stage or (door is REST_API and public) else _after(stage, own)
    if rest:
        own, root = rest, "" if public else stage
    if base_path and (below := _after(base_path, own)):
        own, root = below, root + base_path
    elif base_path and public and rest:
        root = base_path
    return root, "/" + own.lstrip("/")


def _taken_out(whole: Any, own: str) -> str:
    """What a REST API took out of the whole path."""
    path, rest = str(whole or "").rstrip("/"), own.rstrip("/")
    return quote(path.removesuffix(rest), safe=_PATH + "%") if path.endswith(rest) else ""


def _after(prefix: str, path: str) -> str | None:
    """What follows a prefix of whole segments; None where the path does not begin with it."""
    rest = path[len(prefix) :]
    return (rest or "/") if path.startswith(prefix) and rest[:1] in ("", "/") else None


def _scope(method: str, mounted: tuple[str, str], query: str, headers: Headers, client: Any) -> Scope:
    fields = dict(headers)
    scheme = fields.get(b"x-forwarded-proto", b"https").decode("latin-1")
    root, raw = mounted[0], mounted[0] + mounted[1]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": SPEC_VERSION},
        "http_version": "1.1",
        "method": method.upper(),
        "scheme": scheme,
        "path": unquote(raw),
        "raw_path": raw.encode(),
        "query_string": quote(query, safe=_QUERY).encode(),
        "root_path": unquote(root),
        "headers": headers,
        "client": (client, 0) if isinstance(client, str) else None,
        "server": _server(fields, 80 if scheme == "http" else 443),
    }


def _server(fields: Mapping[bytes, bytes], default: int) -> tuple[str, int]:
    """The host that was asked for, as far as it can be understood."""
    host = fields.get(b"host", b"").decode("latin-1")
    found = _HOST.fullmatch(host)
    if found is None:
        return host.partition(":")[0], default
    port = found[3] or fields.get(b"x-forwarded-port", b"").decode("latin-1")
    return found[1] or found[2] or "", int(port) if port.isdecimal() and len(port) <= PORT else default


def _headers(fields: Iterable[tuple[str, Any]]) -> Headers:
    found = list(fields)
    try:
        text = "".join(itertools.chain.from_iterable(found))  # all at once: this is the way of every request
    except TypeError:
        told = [pair for pair in found if pair[1] is not None]  # null is none
        if len(told) == len(found):
            raise BadEvent("the value of a header is not a string") from None
        return _headers(told)
    if CONTROL.search(text):
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


def _body(event: Event) -> bytes:
    body = _text(event.get("body") or "", "body")
    if not event.get("isBase64Encoded"):
        return body.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise BadEvent("the body is said to be base64 and is not") from None


def _pairs(event: Event, name: str) -> list[tuple[str, Any]]:
    """Names and values; a name may have several."""
    return [
        (field, value)
        for field, values in _mapping(event, name).items()
        for value in (values if isinstance(values, list) else [values])
    ]


def _mapping(event: Event, name: str) -> dict[str, Any]:
    value = event.get(name) or {}
    if not isinstance(value, dict):
        raise BadEvent(f"{name} is not an object")
    return value


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise BadEvent(f"{what} is not a string")
    return value
