"""The AWS endpoints (doors): how to recognise a door from its event, and the limits of each.

Only the event decides, because any door can be added to a function at any time. An event that is not an HTTP
request is a warmer's ping or a foreign event. A foreign event fails its invocation: an error inside a
successful invocation would delete a queue's message and set off no alarm.

https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

Event = Mapping[str, Any]
Payload = Literal["2.0", "1.0", "none"]
Mode = Literal["stream", "raw", "buffer"]
"""How an answer goes out: as a streamed HTTP response, as a bare stream of bytes, or whole as JSON."""

MEGABYTE = 1024 * 1024

ROOM = 1024
"""Bytes of a limit that are left free: AWS's own runtime puts more blanks into JSON than ours."""

BASE_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+")
"""A path prefix as API Gateway and load balancers take one; nothing in it needs an escape."""


@dataclass(frozen=True, slots=True)
class Door:
    """A kind of event. ``limit`` is the bytes of a whole answer's JSON.

    ``decoded`` paths have lost their percent-encoding, an encoded slash included. ``encoded`` parameters of a
    query are as they were sent; other doors decode them.
    """

    name: str
    title: str
    payload: Payload
    streams: bool = False
    limit: int = 6 * MEGABYTE
    decoded: bool = False
    encoded: bool = False


FUNCTION_URL = Door("function-url", "a function URL", "2.0", streams=True)
HTTP_API = Door("http-api", "an HTTP API", "2.0", decoded=True)
HTTP_API_1 = Door("http-api", "an HTTP API", "1.0", decoded=True)
REST_API = Door("rest-api", "a REST API", "1.0", streams=True)
ALB = Door("alb", "a load balancer", "1.0", limit=MEGABYTE, encoded=True)


DIRECT = Door("direct", "a direct invocation", "none")
"""Whatever is invoked without an HTTP request."""


class BadEvent(Exception):
    """A part of the event is not what its door sends. The text says why and quotes no value."""


class ForeignEvent(Exception):
    """The event is nothing that this function answers. The text names its keys and quotes no value."""


def door_of(event: Any) -> Door | None:
    """The door an HTTP event came through; None when it is no HTTP event."""
    context = event.get("requestContext") if isinstance(event, dict) else None
    if not isinstance(context, dict):
        return None
    if event.get("version") == "2.0" and isinstance(context.get("http"), dict):
        return FUNCTION_URL if _of_a_url(context) else HTTP_API
    if not isinstance(event.get("httpMethod"), str) or "path" not in event:
        return None
    if context.get("elb") is not None:
        return ALB
    return HTTP_API_1 if "version" in event else REST_API


def _of_a_url(context: Event) -> bool:
    """A function URL's domain; cargo-lambda stands for one, and names no domain of AWS's."""
    domain = str(context.get("domainName"))
    return ".lambda-url." in domain or (
        domain == "localhost" and context["http"].get("userAgent") == "cargo-lambda"
    )


def is_ping(event: Any) -> bool:
    """Somebody keeps this function warm: a warmer of the common kinds, or a schedule without an input."""
    if not isinstance(event, dict) or "requestContext" in event:
        return False
    scheduled = event.get("detail-type") == "Scheduled Event" and not event.get("detail")
    return scheduled or event.get("warmer") is True or event.get("source") in _WARMERS


_WARMERS = ("serverless-plugin-warmup", "serverless-plugin-lambda-warmup")

PONG = {"warm": True}
"""The answer to a ping."""


def foreign(event: Any) -> ForeignEvent:
    """The failure that an event which is no request ends in."""
    if not isinstance(event, dict):
        return ForeignEvent(f"the event is no HTTP request: it is no object but a {type(event).__name__}")
    context = event.get("requestContext")
    if isinstance(context, dict) and "connectionId" in context:
        return ForeignEvent("the event is of a WebSocket API, and the function is served over HTTP alone")
    named = [name if _NAME.fullmatch(name) else "…" for name in list(event)[:_NAMES]]
    more = "" if len(event) <= _NAMES else f" and {len(event) - _NAMES} more"
    return ForeignEvent(f"the event is no HTTP request; its keys are: {', '.join(named) or 'none'}{more}")


_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,40}")
_NAMES = 8
"""Keys that are named: no event of AWS's needs more to be recognised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """How the doors before this function are set up.

    ``base_path`` is what a custom domain or a load balancer puts before every path. ``rest_streams`` is
    whether a REST API's integration is of the kind STREAM. Under ``sam_local`` every answer is whole: SAM's
    emulator takes nothing else.
    """

    base_path: str = ""
    rest_streams: bool = True
    sam_local: bool = False

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Self:
        """:raises ValueError: a variable has a value of another form."""
        base_path = environ.get("C1FN_BASE_PATH", "").rstrip("/")
        if base_path and not BASE_PATH.fullmatch(base_path):
            raise ValueError("C1FN_BASE_PATH must be a path such as /chat: letters, digits, . _ ~ -")
        if (rest := environ.get("C1FN_REST_API") or "streaming") not in ("streaming", "buffered"):
            raise ValueError("C1FN_REST_API must be streaming or buffered")
        return cls(
            base_path=base_path,
            rest_streams=rest == "streaming",
            sam_local=environ.get("AWS_SAM_LOCAL") == "true",
        )

    def mode(self, event: Any) -> Mode:
        """How this event is answered."""
        door = door_of(event)
        if door is None or not door.streams or self.sam_local:
            return "buffer"
        return "stream" if door is not REST_API or self.rest_streams else "buffer"
