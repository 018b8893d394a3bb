"""The Runtime API that the emulator offers to one process.

Calls wait in a queue until a worker requests one. A reply is read while it arrives, throttled, and passed to
the caller. A request that violates the API's rules is rejected with the same status as on Lambda.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import asyncio
import base64
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Protocol

from c1fn.runtime.emulator.call import Begun, Call
from c1fn.runtime.emulator.http import Exchange, Gone, Server, TooLarge, named
from c1fn.runtime.emulator.options import MAX_BUFFERED, MAX_STREAMED, Options
from c1fn.runtime.emulator.throttle import Throttle
from c1fn.runtime.fault import Fault
from c1fn.runtime.protocol import VERSION

TOO_LARGE = Fault("Function.ResponseSizeTooLarge", "the response is larger than Lambda allows")
CUT = Fault("Runtime.TruncatedResponse", "the response broke off without its end")


class Watcher(Protocol):
    """Who wants to know what the process does."""

    def asked(self) -> None:
        """A worker is ready for a call."""

    def began(self, call: Call) -> None:
        """A worker gets this call."""

    def over(self, call: Call) -> None:
        """The call has ended."""


class RuntimeApi:
    """One for each process."""

    def __init__(self, options: Options, watcher: Watcher) -> None:
        self._options = options
        self._watcher = watcher
        self._base = options.prefix + VERSION
        self._waiting: asyncio.Queue[Call] = asyncio.Queue()
        self._server: Server | None = None
        self.running: dict[str, Call] = {}
        self.restored = asyncio.Event()
        self.snapshot_ready = asyncio.Event()
        self.init_fault: Fault | None = None
        self.failed = ""  # the phase that the fault belongs to: init or restore

    async def listen(self) -> str:
        """Begin to serve; returns the value for AWS_LAMBDA_RUNTIME_API."""
        self._server = await Server.listen(named(self._handle))
        return f"127.0.0.1:{self._server.port}{self._options.prefix}"

    async def close(self) -> None:
        if self._server is not None:
            await self._server.close()

    def submit(self, call: Call) -> None:
        self.running[call.request_id] = call
        self._waiting.put_nowait(call)

    def over(self, call: Call, fault: Fault | None) -> None:
        """End a call, by its response or by the platform. What is still said of it is stale."""
        if self.running.pop(call.request_id, None) is not None:
            call.end(fault)
            self._watcher.over(call)

    async def _handle(self, exchange: Exchange) -> None:
        path = exchange.path.removeprefix(self._base)
        match exchange.method, path.strip("/").split("/"):
            case "GET", ["invocation", "next"]:
                await self._next(exchange)
            case "POST", ["invocation", request_id, "response"]:
                await self._post(exchange, request_id, self._response)
            case "POST", ["invocation", request_id, "error"]:
                await self._post(exchange, request_id, self._error)
            case "GET", ["restore", "next"]:
                await self._restore_next(exchange)
            case "POST", [("init" | "restore") as phase, "error"]:
                self.failed = phase
                self.init_fault = _fault(exchange.headers, await exchange.body(MAX_BUFFERED))
                await exchange.respond(202)
            case _:
                await _refuse(exchange, 404, "NotFound")

    async def _next(self, exchange: Exchange) -> None:
        await exchange.body(0)
        self._watcher.asked()
        call = await exchange.unless_gone(self._waiting.get())
        self._watcher.began(call)
        await exchange.begin(200, _headers(call, self._options))
        await exchange.write(call.event)
        await exchange.end()

    async def _post(self, exchange: Exchange, request_id: str, take: "_Take") -> None:
        call = self.running.get(request_id)
        if call is None or exchange.headers.get("lambda-runtime-invocation-id") not in (
            None,
            call.invocation_id,
        ):
            await _refuse(exchange, 410, "InvalidRequestID")
            return
        try:
            await take(exchange, call)
        except TooLarge:
            self.over(call, TOO_LARGE)
            await _refuse(exchange, 413, "RequestEntityTooLarge")
        except Gone:
            self.over(call, CUT)
            raise

    async def _response(self, exchange: Exchange, call: Call) -> None:
        streaming = exchange.headers.get("lambda-runtime-function-response-mode") == "streaming"
        begun = Begun(exchange.headers.get("content-type", ""), streaming)
        fault = None
        if streaming:
            await call.put(begun)
            await self._stream(exchange, call)
            if "lambda-runtime-function-error-type" in exchange.trailers:
                body = exchange.trailers.get("lambda-runtime-function-error-body", "")
                fault = _fault(exchange.trailers, base64.b64decode(body))
        else:
            payload = await exchange.body(MAX_BUFFERED)
            await call.put(begun)
            await call.put(payload)
        self.over(call, fault)
        await exchange.respond(202)

    async def _stream(self, exchange: Exchange, call: Call) -> None:
        throttle, size = Throttle(self._options.burst, self._options.rate), 0
        async for chunk in exchange.chunks():
            size += len(chunk)
            if size > MAX_STREAMED:
                raise TooLarge
            await call.put(chunk)
            delay = throttle.delay(len(chunk), time.monotonic())
            if delay > 0:
                await asyncio.sleep(delay)

    async def _error(self, exchange: Exchange, call: Call) -> None:
        fault = _fault(exchange.headers, await exchange.body(MAX_BUFFERED))
        self.over(call, fault)
        await exchange.respond(202)

    async def _restore_next(self, exchange: Exchange) -> None:
        await exchange.body(0)
        self.snapshot_ready.set()
        await self.restored.wait()
        await exchange.respond(200)


_Take = Callable[[Exchange, Call], Awaitable[None]]


def _headers(call: Call, options: Options) -> list[tuple[str, str]]:
    deadline = int((time.time() + options.timeout) * 1000)
    told = {
        "Content-Type": "application/json",
        "Lambda-Runtime-Aws-Request-Id": call.request_id,
        "Lambda-Runtime-Invocation-Id": call.invocation_id,
        "Lambda-Runtime-Deadline-Ms": str(deadline),
        "Lambda-Runtime-Invoked-Function-Arn": options.arn,
        "Lambda-Runtime-Trace-Id": call.trace_id,
        "Lambda-Runtime-Client-Context": call.client_context,
        "Lambda-Runtime-Aws-Tenant-Id": call.tenant_id,
        "Content-Length": str(len(call.event)),
    }
    return [(name, value) for name, value in told.items() if value is not None]


async def _refuse(exchange: Exchange, status: int, error_type: str) -> None:
    body = json.dumps({"errorMessage": error_type, "errorType": error_type}).encode()
    await exchange.respond(status, [("content-type", "application/json")], body)
    async for _ in exchange.chunks():
        pass  # so that the answer is read before the connection breaks


def _fault(headers: Mapping[str, str], body: bytes) -> Fault:
    told: dict[str, object] = {}
    with suppress(ValueError, TypeError):
        told = dict(json.loads(body))
    trace = told.get("stackTrace")
    return Fault(
        headers.get("lambda-runtime-function-error-type") or str(told.get("errorType", "Runtime.Unknown")),
        str(told.get("errorMessage", "")),
        tuple(map(str, trace)) if isinstance(trace, list) else (),
    )
