"""The Lambda entry point: the ASGI `app`, and one `handler` for every kind of AWS endpoint (door).

With c1fn's own runtime loop (`c1fn/runtime/bootstrap`) answers through a function URL and a REST API are
streamed. Without it, on Lambda's managed Python runtime, every answer is buffered: `handler(event, context)`.
The door is recognised from the event alone, except under SAM's local emulator, which buffers every answer. A
warmer's ping is answered at once, without a call of the model or the store.
"""

import asyncio
import json
import logging
import os
import sys
from collections.abc import Mapping
from typing import Any, cast

from c1fn import compose
from c1fn.runtime import buffered, request
from c1fn.runtime.asgi import Scope
from c1fn.runtime.doors import DIRECT, PONG, BadEvent, Doors, ForeignEvent, Mode, door_of, foreign, is_ping
from c1fn.runtime.lifespan import Lifespan
from c1fn.settings import Settings
from c1fn.telemetry.log import TRACE, ForeignLine, Origin

log = logging.getLogger(__name__)

ESCAPED = sys.version_info < (3, 12)
"""Whether AWS's own runtime of this Python writes JSON in ASCII."""


AHEAD = {"provisioned-concurrency", "lambda-managed-instances"}
"""Kinds of a start that nobody waits for.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
"""


class InvocationFailed(Exception):
    """The error for the managed runtime. It contains only the kind of the error, because the text may quote a
    request.
    """


class Handler:
    """c1fn behind Lambda's doors; a ``c1fn.runtime.load_handler.Handler`` that can also be called."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """:raises SettingsError: the settings in the environment are not valid."""
        settings = compose.settle(Settings.read(environ), environ)
        # Not before a snapshot, and not where nobody knows when the first turn comes.
        self._awaited = environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "on-demand"
        self._log = compose.log(environ)
        self.app = Lifespan(compose.web_app(settings, log=self._log, awaited=lambda: self._awaited))
        self._doors = Doors(
            base_path=settings.base_path or "",
            rest_streams=settings.rest_api == "streaming",
            sam_local=environ.get("AWS_SAM_LOCAL") == "true",
        )
        # Started ahead of time, a process answers its first request as fast as any.
        self._cold = environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") not in AHEAD
        self._runner: asyncio.Runner | None = None
        self._aws = settings.runtime == "aws"

    async def after_restore(self) -> None:
        """A copy is made because somebody waits: it opens its connections at once."""
        self._awaited = True

    def served(self) -> "Handler":
        """What AWS's own runtime calls: this, or where it can stream and is to run the function, its form."""
        runtime = sys.modules.get("awslambdaric") if self._aws else None
        if runtime is None:
            return self
        from c1fn.runtime import native

        return cast("Handler", native.streamed(runtime, self)) if native.can_stream(runtime) else self

    def mode(self, event: Any) -> Mode:
        """The mode of the answer to this event. A direct invocation is streamed, without HTTP metadata, on
        request.
        """
        if _is_chat(event):
            return "raw" if event.get("stream") is True and not self._doors.sam_local else "buffer"
        return self._doors.mode(event)

    def request(self, event: Any, context: Any) -> tuple[Scope, bytes]:
        """The HTTP request that an event represents; a direct invocation becomes a POST with the event as
        body.

        :raises BadEvent: the event represents no HTTP request.
        """
        if _is_chat(event):
            chat = {name: value for name, value in event.items() if name != "stream"}
            scope, body = request.read({**_CHAT, "body": json.dumps(chat)}, context)
            scope["aws.event"] = event
        else:
            scope, body = request.read(event, context, self._doors.base_path)
        scope["c1fn.origin"] = self._origin(event, context)
        return scope, body

    def _origin(self, event: Any, context: Any) -> Origin:
        """Where an event came from. Only the first of a process is cold."""
        cold, self._cold = self._cold, False
        # Lambda's managed runtime tells it in the environment, our loop in the context.
        trace = getattr(context, "trace_id", None) or os.environ.get("_X_AMZN_TRACE_ID")
        return Origin(
            request_id=getattr(context, "aws_request_id", None),
            door=(door_of(event) or DIRECT).name,
            cold=cold,
            trace=trace[:TRACE] if trace else None,
        )

    async def buffered(self, event: Any, context: Any, *, escaped: bool = False) -> dict[str, Any]:
        """The buffered answer in the form that the event's door expects.

        :param escaped: it will be written as JSON in ASCII.
        :raises BadEvent: the event cannot be understood.
        :raises ForeignEvent: the event is neither an HTTP request nor a chat.
        """
        if not _is_chat(event) and door_of(event) is None:
            return self._pong(event, context)
        scope, body = self.request(event, context)
        return buffered.written(event, await buffered.whole(self.app, scope, body), escaped=escaped)

    def _pong(self, event: Any, context: Any) -> dict[str, Any]:
        """The answer to an event that is no request."""
        origin = self._origin(event, context)
        if is_ping(event):
            return PONG
        error = foreign(event)
        self._log(ForeignLine(origin, str(error)))
        raise error

    def __call__(self, event: Any, context: Any) -> dict[str, Any]:
        """What Lambda's managed runtime calls. One event loop lives as long as the process."""
        if self._runner is None:
            self._runner = asyncio.Runner()
            self._runner.run(self.app.startup())
        try:
            return self._runner.run(self.buffered(event, context, escaped=ESCAPED))
        except BadEvent as error:
            log.warning("the event was refused: %s", error)
            return buffered.refusal(event, error)
        except ForeignEvent:
            raise
        except Exception as error:  # noqa: BLE001 - told by its kind alone, whatever it is
            raise InvocationFailed(type(error).__name__) from None

    def close(self) -> None:
        """Shut the app down, if ``handler(event, context)`` has started it."""
        if self._runner is not None:
            self._runner.run(self.app.shutdown())
            self._runner.close()
            self._runner = None


def _is_chat(event: Any) -> bool:
    """An invocation with a chat body as its event."""
    return isinstance(event, dict) and "requestContext" not in event and "prompt" in event


_CHAT: Mapping[str, Any] = {
    "version": "2.0",
    "rawPath": "/api/chat",
    "headers": {"content-type": "application/json", "host": "lambda"},
    "requestContext": {"http": {"method": "POST"}},
}


_handler = Handler(os.environ)
app = _handler.app
handler = _handler.served()
