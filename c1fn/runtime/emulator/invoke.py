"""Lambda's own API, as far as it invokes: buffered, streaming, and asynchronous; and API Gateway's, as far as
it tests a method.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html
"""

import base64
import json
import re
from urllib.parse import unquote

from c1fn.identity import same_origin
from c1fn.runtime.emulator import console, doors, eventstream
from c1fn.runtime.emulator.call import Begun, Call, Ended
from c1fn.runtime.emulator.function import Function, Throttled
from c1fn.runtime.emulator.http import Exchange, TooLarge
from c1fn.runtime.emulator.options import MAX_BUFFERED
from c1fn.runtime.fault import Fault
from c1fn.runtime.protocol import OCTETS

_PATHS = re.compile(
    r"/2015-03-31/functions/(?P<buffered>[^/]+)/invocations"
    r"|/2021-11-15/functions/(?P<streaming>[^/]+)/response-streaming-invocations"
)


class Refusal(Exception):
    """An error of the Invoke API."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status, self.kind = status, kind


class InvokeApi:
    """https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html"""

    def __init__(self, function: Function) -> None:
        self._function = function

    async def handle(self, exchange: Exchange) -> None:
        try:
            await self._invoke(exchange)
        except Refusal as error:
            body = json.dumps({"Type": "User", "Message": str(error)}).encode()
            headers = [("content-type", "application/json"), ("x-amzn-errortype", error.kind)]
            await exchange.respond(error.status, headers, body)

    async def _invoke(self, exchange: Exchange) -> None:
        if same_origin.is_foreign(exchange.headers):
            raise Refusal(403, "AccessDeniedException", "a page of another site may not invoke the function")
        if exchange.method == "POST" and (test := console.PATH.fullmatch(exchange.path)):
            await self._test(exchange, test[1])
            return
        path = _PATHS.fullmatch(exchange.path)
        name = self._function.options.name
        if path is None or exchange.method != "POST":
            raise Refusal(404, "UnknownOperationException", "no such operation")
        if unquote(path["buffered"] or path["streaming"]).split(":function:")[-1].split(":")[0] != name:
            raise Refusal(404, "ResourceNotFoundException", f"there is only the function {name}")
        call = await _call(exchange)
        if exchange.headers.get("x-amz-invocation-type") == "DryRun":
            await exchange.respond(204)
            return
        try:
            self._function.call(call)
        except Throttled:
            raise Refusal(429, "TooManyRequestsException", "Rate Exceeded.") from None
        try:
            await self._answer(exchange, call, streaming=path["streaming"] is not None)
        finally:
            self._function.abandon(call)  # nothing is left of it, unless the client left

    async def _test(self, exchange: Exchange, method: str) -> None:
        door = doors.console(self._function.options)
        try:
            await console.test_invoke(exchange, self._function, door, method)
        except (TooLarge, ValueError, TypeError):
            raise Refusal(400, "BadRequestException", "the request is no test of a method") from None

    async def _answer(self, exchange: Exchange, call: Call, *, streaming: bool) -> None:
        if streaming:
            await _stream(exchange, call)
        elif exchange.headers.get("x-amz-invocation-type") == "Event":
            await exchange.respond(202)
        else:
            await _buffer(exchange, call)


async def _call(exchange: Exchange) -> Call:
    """The call a request asks for; an empty body is an empty object."""
    try:
        event = await exchange.body(MAX_BUFFERED) or b"{}"
        json.loads(event)
    except TooLarge:
        raise Refusal(413, "RequestTooLargeException", "the event is larger than 6 MB") from None
    except ValueError:
        raise Refusal(400, "InvalidRequestContentException", "the event is not JSON") from None
    context = exchange.headers.get("x-amz-client-context")
    try:
        told = None if context is None else base64.b64decode(context, validate=True).decode()
    except ValueError:
        raise Refusal(400, "InvalidRequestContentException", "the client context is not base64") from None
    return Call(event, client_context=told, tenant_id=exchange.headers.get("x-amz-tenant-id"))


async def _stream(exchange: Exchange, call: Call) -> None:
    """Pass the pieces on as they come; a fault is told by the last event."""
    first = await call.take()
    content_type = first.content_type if isinstance(first, Begun) else OCTETS
    await exchange.begin(
        200,
        [
            ("content-type", eventstream.CONTENT_TYPE),
            ("x-amzn-requestid", call.request_id),
            ("x-amz-executed-version", "$LATEST"),
            ("x-amzn-lambda-response-stream-content-type", content_type),
        ],
    )
    piece = first
    while not isinstance(piece, Ended):
        if isinstance(piece, bytes):
            await exchange.write(eventstream.encode("PayloadChunk", piece, OCTETS))
        piece = await call.take()
    complete = {} if piece.fault is None else _error(piece.fault)
    await exchange.write(
        eventstream.encode("InvokeComplete", json.dumps(complete).encode(), "application/json")
    )
    await exchange.end()


def _error(fault: Fault) -> dict[str, str]:
    return {"ErrorCode": fault.type, "ErrorDetails": fault.body().decode()}


async def _buffer(exchange: Exchange, call: Call) -> None:
    body, large = bytearray(), False
    while not isinstance(piece := await call.take(), Ended):
        body += piece if isinstance(piece, bytes) else b""
        if len(body) > MAX_BUFFERED:
            body.clear()
            large = True
    fault = Fault("Function.ResponseSizeTooLarge", "more than 6 MB") if large else piece.fault
    headers = [("content-type", "application/json"), ("x-amzn-requestid", call.request_id)]
    headers += [("x-amz-executed-version", "$LATEST")]
    if fault is not None:
        headers.append(("x-amz-function-error", "Unhandled"))
        body = bytearray(fault.body())
    await exchange.respond(200, headers, bytes(body))
