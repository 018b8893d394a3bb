"""API Gateway's TestInvokeMethod, which the test button of its console calls.

https://docs.aws.amazon.com/apigateway/latest/api/API_TestInvokeMethod.html
"""

import json
import re
import time
from typing import Any

from c1fn.runtime.emulator.call import Call
from c1fn.runtime.emulator.door import Door, Unanswered, answer
from c1fn.runtime.emulator.events import HttpRequest
from c1fn.runtime.emulator.function import Function, Throttled
from c1fn.runtime.emulator.http import Exchange
from c1fn.runtime.emulator.options import MAX_BUFFERED
from c1fn.runtime.emulator.prelude import Metadata, NoPrelude

PATH = re.compile(r"/restapis/[^/]+/resources/[^/]+/methods/([A-Z]+)")


async def test_invoke(exchange: Exchange, function: Function, door: Door, method: str) -> None:
    """Answer with what the function answered, as the console shows it.

    :raises TooLarge: the request is larger than an event may be. :raises ValueError: it is no JSON object.
    """
    told = dict(json.loads(await exchange.body(MAX_BUFFERED) or b"{}"))
    call, began = Call(b""), time.monotonic()
    call.event = json.dumps(door.event(_request(told, method), call.request_id)).encode()
    metadata, body = await _answered(function, door, call)
    shown = {
        "status": metadata.status,
        "body": body.decode(errors="replace"),
        "headers": dict(metadata.headers),
        "multiValueHeaders": {
            name: [value for each, value in metadata.headers if each == name] for name, _ in metadata.headers
        },
        "log": f"Execution log for request {call.request_id}",
        "latency": int(1000 * (time.monotonic() - began)),
    }
    await exchange.respond(200, [("content-type", "application/json")], json.dumps(shown).encode())


async def _answered(function: Function, door: Door, call: Call) -> tuple[Metadata, bytes]:
    try:
        function.call(call)
        return await answer(call, door)
    except (Throttled, Unanswered, NoPrelude):
        return Metadata(500, ()), b'{"message": "Internal server error"}'
    finally:
        function.abandon(call)


def _request(told: dict[str, Any], method: str) -> HttpRequest:
    path, _, query = str(told.get("pathWithQueryString") or "/").partition("?")
    several = told.get("multiValueHeaders") or {}
    fields = [(name, value) for name, values in several.items() for value in values]
    fields += (told.get("headers") or {}).items()
    body = str(told.get("body") or "").encode()
    return HttpRequest(method, path, query, fields, body, "test-invoke-source-ip")
