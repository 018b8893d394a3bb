"""A plain ``def handler(event, context)``, served as AWS's own runtime serves it.

Many functions have this form, and monitoring layers put such a function in front of ours. It gets the event
unchanged. Its return value is the answer; on a door that streams, the answer is sent as a stream of one
piece.

On such a door the function is wrapped as an ASGI app that answers in one piece. A function that is not async
runs in a thread, so that it may block and may run its own event loop. With one invocation at a time it is
always the same thread.

https://docs.aws.amazon.com/lambda/latest/dg/python-handler.html
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads
"""

import asyncio
import base64
import contextvars
import inspect
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from c1fn.runtime.asgi import AppError, Headers, Receive, Scope, Send
from c1fn.runtime.buffered import encoded
from c1fn.runtime.doors import Doors, Mode
from c1fn.runtime.fault import MAX_FRAMES, Fault


class FunctionFailed(Exception):
    """The function raised an error; ``fault`` tells it as AWS's runtime does."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.type)
        self.fault = fault


class Function:
    """The function as a ``handler.Handler``."""

    def __init__(self, function: Callable[[Any, Any], Any], doors: Doors, concurrency: int = 1) -> None:
        self._concurrency = concurrency
        self._function = function
        self._doors = doors
        self._async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
            getattr(function, "__call__", None)  # noqa: B004 - an object's own way of being called
        )
        self._loops: list[asyncio.AbstractEventLoop] = []
        self._threads = self._executor()

    def mode(self, event: Any) -> Mode:
        return self._doors.mode(event)

    def request(self, event: Any, context: Any) -> tuple[Scope, bytes]:
        return {"type": "http", "aws.event": event, "aws.context": context}, b""

    async def buffered(self, event: Any, context: Any) -> Any:
        """What the function returns.

        :raises FunctionFailed: the function raised an error.
        """
        try:
            if self._async:
                return await self._function(event, context)
            call = contextvars.copy_context().run
            value, error = await asyncio.get_running_loop().run_in_executor(
                self._threads, call, self._called, event, context
            )
        except Exception as error:
            raise FunctionFailed(_fault(error)) from error
        if error is not None:
            raise FunctionFailed(_fault(error)) from error
        return value

    def _called(self, event: Any, context: Any) -> tuple[Any, Exception | None]:
        """What the function returns, or its error as a value: a future cannot carry a StopIteration, and
        before Python 3.12 who awaits it would wait for ever.
        """
        try:
            return self._function(event, context), None
        except Exception as error:  # noqa: BLE001 - told as AWS's runtime tells it
            return None, error

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One answer in one piece."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        answer = await self.buffered(scope["aws.event"], scope["aws.context"])
        status, headers, body = response(answer)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        threads, self._threads = self._threads, self._executor()  # a snapshot's copies start once more
        await asyncio.to_thread(threads.shutdown)
        while self._loops:
            self._loops.pop().close()
        await send({"type": "lifespan.shutdown.complete"})

    def _executor(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._concurrency, "handler", self._with_a_loop)

    def _with_a_loop(self) -> None:
        """As in AWS's runtime, ``asyncio.get_event_loop()`` gives one before any is running."""
        loop = asyncio.new_event_loop()
        self._loops.append(loop)
        asyncio.set_event_loop(loop)


def response(answer: Any) -> tuple[int, Headers, bytes]:
    """Status, headers and body of an answer. One without a status is the body of a 200.

    :raises AppError: it is not of the form that doors read.
    """
    try:
        if not isinstance(answer, dict) or "statusCode" not in answer:
            body = answer.encode() if isinstance(answer, str) else encoded(answer)
            return 200, [(b"content-type", b"application/json")], body
        headers = {name: [value] for name, value in (answer.get("headers") or {}).items()}
        headers |= answer.get("multiValueHeaders") or {}
        headers |= {"set-cookie": [*headers.get("set-cookie", []), *(answer.get("cookies") or [])]}
        pairs = [(name.lower(), str(value)) for name, values in headers.items() for value in values]
        text = answer.get("body") or ""
        text = text if isinstance(text, str) else encoded(text).decode()
        body = base64.b64decode(text, validate=True) if answer.get("isBase64Encoded") else text.encode()
        return int(answer["statusCode"]), [(name.encode(), _latin(value)) for name, value in pairs], body
    except (AttributeError, OverflowError, TypeError, ValueError):
        raise AppError("the function's answer is not of the form that doors read") from None


def _latin(text: str) -> bytes:
    return text.encode("latin-1", "replace")


def _fault(error: Exception) -> Fault:
    """AWS's words for it: the class, the message and the lines. The function's own text is the caller's."""
    frames = [each for each in traceback.extract_tb(error.__traceback__) if each.filename != __file__]
    trace = tuple(traceback.format_list(frames[-MAX_FRAMES:]))
    return replace(Fault.of(error, reveal=True), name=type(error).__name__, trace=trace)
