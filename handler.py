"""The Lambda entry: the ASGI `app`, and one `handler` for every front door.

Under c1fn's own runtime loop (`c1fn/bootstrap`) a function URL and a REST API are streamed. Without it, on
Lambda's managed Python runtime, every door is answered whole: `handler(event, context)`. Which door an event
came through is decided by the event alone, but for SAM's local emulator, which buffers whatever it is sent.

https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads
https://docs.aws.amazon.com/lambda/latest/dg/services-alb.html
"""

import asyncio
import json
import logging
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from c1fn import compose
from c1fn.runtime import asgi
from c1fn.runtime.asgi import HOP_BY_HOP, BadEvent, Cycle, Headers, Scope, State
from c1fn.runtime.handler import Door
from c1fn.runtime.lifespan import Lifespan
from c1fn.settings import Settings
from c1fn.telemetry.log import TRACE, Origin

if TYPE_CHECKING:
    from mangum.types import LambdaConfig, LambdaHandler

log = logging.getLogger(__name__)

Event = Mapping[str, Any]


class InvocationFailed(Exception):
    """What the managed runtime is told: the kind of the error. Its text may quote a request."""


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


class Handler:
    """c1fn behind Lambda's doors; a ``c1fn.runtime.handler.Handler`` that can also be called."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """:raises SettingsError: the environment is not what c1fn can run with."""
        settings = compose.settle(Settings.read(environ), environ)
        # Not before a snapshot, and not where nobody knows when the first turn comes.
        awaited = environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "on-demand"
        self.app = Lifespan(compose.web_app(settings, log=compose.log(environ), awaited=awaited))
        self._rest: Door = "stream" if settings.rest_api == "streaming" else "buffer"
        self._local = environ.get("AWS_SAM_LOCAL") == "true"
        # Started ahead of time, a process answers its first request as fast as any.
        self._cold = environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") != "provisioned-concurrency"
        self._runner: asyncio.Runner | None = None

    def door(self, event: Any) -> Door:
        """How this event is answered; what nobody knows is refused in the plainest way."""
        if self._local or not isinstance(event, dict):
            return "buffer"
        return next(
            (self._rest if door is None else door for knows, _, door in _DOORS if knows(event)), "buffer"
        )

    def request(self, event: Any, context: Any) -> tuple[Scope, bytes]:
        """The HTTP request an event stands for; a direct invocation stands for a POST of its event.

        :raises BadEvent: it stands for none.
        """
        if not _is_direct(event):
            scope, body = asgi.request(event, context)
            return self._from(event, context, scope), body
        chat = {name: value for name, value in event.items() if name != "stream"}
        scope, body = asgi.request({**_CHAT, "body": json.dumps(chat)}, context)
        scope["aws.event"] = event
        return self._from(event, context, scope), body

    def _from(self, event: Any, context: Any, scope: Scope) -> Scope:
        """The scope, with where it came from. Only the first of a process is cold."""
        cold, self._cold = self._cold, False
        # Lambda's managed runtime tells it in the environment, our loop in the context.
        trace = getattr(context, "trace_id", None) or os.environ.get("_X_AMZN_TRACE_ID")
        scope["c1fn.origin"] = Origin(
            request_id=getattr(context, "aws_request_id", None),
            door=next((name for knows, name, _ in _DOORS if knows(event)), "unknown"),
            cold=cold,
            trace=trace[:TRACE] if trace else None,
        )
        return scope

    async def buffered(self, event: Any, context: Any) -> dict[str, Any]:
        """The whole answer in the form of the event's door.

        :raises BadEvent: the event cannot be understood.
        """
        scope, body = self.request(event, context)  # checks it, too
        if _is_direct(event):
            whole = await self._whole(scope, body)
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in whole.headers}
            return {"statusCode": whole.status, "headers": headers, "body": whole.body.decode()}
        adapter = _adapter(event, context)
        whole = await self._whole({**_scope(adapter), "c1fn.origin": scope["c1fn.origin"]}, body)
        response: dict[str, Any] = adapter(
            {
                "status": whole.status,
                "headers": [list(pair) for pair in whole.headers],
                "body": bytes(whole.body),
            }
        )
        return response

    def __call__(self, event: Any, context: Any) -> dict[str, Any]:
        """What Lambda's managed runtime calls. One event loop lives as long as the process."""
        if self._runner is None:
            self._runner = asyncio.Runner()
            self._runner.run(self.app.startup())
        try:
            return self._runner.run(self.buffered(event, context))
        except BadEvent as error:
            log.warning("the event was refused: %s", error)
            return asgi.refusal(error)
        except Exception as error:  # noqa: BLE001 - told by its kind alone, whatever it is
            raise InvocationFailed(type(error).__name__) from None

    def close(self) -> None:
        """Shut the app down, if ``handler(event, context)`` has started it."""
        if self._runner is not None:
            self._runner.run(self.app.shutdown())
            self._runner.close()
            self._runner = None

    async def _whole(self, scope: Scope, body: bytes) -> Whole:
        whole = Whole()
        cycle = Cycle(scope, body, whole)
        try:
            await cycle.run(self.app)
        except Exception:
            if cycle.state is not State.COMPLETE:
                raise
            log.exception("the app failed after it had answered")
        return whole


def _is_direct(event: Any) -> bool:
    """An invocation with a chat body as its event."""
    return isinstance(event, dict) and "requestContext" not in event and "prompt" in event


def _has(event: Event, field: str) -> Any:
    context = event.get("requestContext")
    return context.get(field) if isinstance(context, dict) else None


_DOORS: list[tuple[Callable[[Event], bool], str, Door | None]] = [
    # direct invocation, streamed as bare bytes where its caller asks for it
    (lambda event: _is_direct(event) and event.get("stream") is True, "direct", "raw"),
    (_is_direct, "direct", "buffer"),
    # application load balancer
    (lambda event: _has(event, "elb") is not None, "alb", "buffer"),
    # function URL; an HTTP API has the same payload and another domain
    (
        lambda event: event.get("version") == "2.0" and ".lambda-url." in str(_has(event, "domainName")),
        "function-url",
        "stream",
    ),
    # HTTP API, payload 2.0 or 1.0
    (lambda event: "version" in event, "http-api", "buffer"),
    # REST API: as its integration is set up (None: the setting tells)
    (lambda event: _has(event, "resourcePath") is not None, "rest-api", None),
]
"""The first that knows the event tells its name, for the log, and how it is answered."""

_CHAT: Event = {
    "version": "2.0",
    "rawPath": "/api/chat",
    "headers": {"content-type": "application/json", "host": "lambda"},
    "requestContext": {"http": {"method": "POST"}},
}


def _adapter(event: Any, context: Any) -> "LambdaHandler":
    """Mangum's reading of the event, and its writing of the answer. Imported late: streams do without it."""
    from mangum.adapter import DEFAULT_TEXT_MIME_TYPES, HANDLERS

    config: LambdaConfig = {
        "api_gateway_base_path": "/",
        "text_mime_types": [*DEFAULT_TEXT_MIME_TYPES, asgi.PROBLEM],
        "exclude_headers": [],
    }
    for kind in HANDLERS:
        if kind.infer(event, context, config):
            return kind(event, context, config)
    raise BadEvent("the event is of no known shape")


def _scope(adapter: "LambdaHandler") -> Scope:
    try:
        scope = adapter.scope
        scope["path"].encode()  # half a character has no path
    except (AttributeError, KeyError, TypeError, ValueError):
        raise BadEvent("the event lacks a part, or has one of another type") from None
    scope["asgi"] = {"version": "3.0", "spec_version": asgi.SPEC_VERSION}
    return scope


handler = Handler(os.environ)
app = handler.app
