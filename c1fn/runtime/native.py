"""c1fn's handler for AWS's own runtime, for when that runtime can stream.

No release can yet (awslambdaric 4.2.2). AWS's Node runtime can, and this is the same interface in Python: a
decorator ``streamify_response`` around a function of an event, a stream and a context, and
``http_response_stream``, which sends status and headers before the body. If these names do not exist, nothing
changes. If AWS chooses other names, only this module must change.

https://docs.aws.amazon.com/lambda/latest/dg/config-rs-write-functions.html
https://github.com/aws/aws-lambda-roadmap/issues/39
"""

import asyncio
from collections.abc import Callable
from types import ModuleType
from typing import Any, Protocol

from c1fn.runtime.asgi import Cycle, Headers
from c1fn.runtime.buffered import encoded, metadata, problem
from c1fn.runtime.doors import BadEvent, Event
from c1fn.runtime.lifespan import Lifespan
from c1fn.runtime.load_handler import Handler

NEEDED = ("streamify_response", "http_response_stream")


class Stream(Protocol):
    """Where AWS's runtime takes an answer."""

    def write(self, data: bytes) -> None:
        """Send a piece of the body."""
        ...

    def end(self) -> None:
        """End the response."""
        ...


def can_stream(runtime: ModuleType | None) -> bool:
    """Whether AWS's runtime client is of the kind that streams."""
    return runtime is not None and all(callable(getattr(runtime, name, None)) for name in NEEDED)


class Sink:
    """An ``asgi.Sink`` on a stream of AWS's runtime, as an HTTP response or as bare bytes."""

    def __init__(self, runtime: Any, event: Event, stream: Stream, *, bare: bool) -> None:
        self._runtime = runtime
        self._event = event
        self._stream = stream
        self._bare = bare

    async def begin(self, status: int, headers: Headers) -> None:
        if not self._bare:
            told = metadata(self._event, status, headers)
            self._stream = self._runtime.http_response_stream(self._stream, told)

    async def write(self, body: bytes, *, last: bool) -> None:
        if body:
            self._stream.write(body)
        if last:
            self._stream.end()


def streamed(runtime: Any, handler: Handler) -> Callable[..., Any]:
    """The function that AWS's runtime calls. One event loop lives as long as the process."""
    runner = asyncio.Runner()
    app = handler.app if isinstance(handler.app, Lifespan) else Lifespan(handler.app)
    runner.run(app.startup())

    async def answer(event: Any, stream: Stream, context: Any) -> None:
        mode = handler.mode(event)
        if mode == "buffer":
            stream.write(encoded(await handler.buffered(event, context)))
            stream.end()
            return
        sink = Sink(runtime, event, stream, bare=mode == "raw")
        try:
            scope, body = handler.request(event, context)
        except BadEvent as error:
            await sink.begin(400, [(b"content-type", b"application/problem+json")])
            await sink.write(problem(error), last=True)
            return
        await Cycle(scope, body, sink).run(app)

    def function(event: Any, stream: Stream, context: Any) -> None:
        runner.run(answer(event, stream, context))

    found: Callable[..., Any] = runtime.streamify_response(function)
    return found
