"""A stand-in for AWS's Python runtime on the day on which it streams: `python -m awslambdaric module.name`.

Written after Node's: a decorated handler gets a stream, and what it writes goes out at once, chunked, to the
Runtime API. Any other handler is answered whole, as today.
"""

import http.client
import importlib
import json
import os
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

API = "/2018-06-01/runtime/invocation"


def streamify_response(function: Callable[[Any, Any, Any], None]) -> Callable[[Any, Any, Any], None]:
    function.streams = True  # type: ignore[attr-defined] - how the loop below knows it
    return function


class Stream:
    def __init__(self, connection: http.client.HTTPConnection, request: str) -> None:
        self._connection = connection
        self._request = request
        self._begun = False

    def _begin(self, kind: str = "application/octet-stream") -> None:
        self._begun = True
        self._connection.putrequest("POST", f"{API}/{self._request}/response")
        self._connection.putheader("Lambda-Runtime-Function-Response-Mode", "streaming")
        self._connection.putheader("Transfer-Encoding", "chunked")
        self._connection.putheader("Content-Type", kind)
        self._connection.endheaders()

    def write(self, data: bytes) -> None:
        if not self._begun:
            self._begin()
        self._connection.send(b"%x\r\n%b\r\n" % (len(data), data))

    def end(self) -> None:
        self._connection.send(b"0\r\n\r\n")
        self._connection.getresponse().read()


def http_response_stream(stream: Stream, metadata: dict[str, Any]) -> Stream:
    stream._begin("application/vnd.awslambda.http-integration-response")
    stream.write(json.dumps(metadata).encode() + b"\0" * 8)
    return stream


def main() -> None:
    sys.modules["awslambdaric"] = sys.modules["__main__"]  # as AWS's own loads before the handler
    module, _, name = sys.argv[1].rpartition(".")
    handler = getattr(importlib.import_module(module), name)
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    while True:
        connection.request("GET", f"{API}/next")
        taken = connection.getresponse()
        event, request = json.loads(taken.read()), taken.headers["Lambda-Runtime-Aws-Request-Id"]
        context = SimpleNamespace(
            aws_request_id=request,
            tenant_id=None,
            client_context=None,
            identity=None,
            deadline_ms=0,
            get_remaining_time_in_millis=lambda: 60_000,
            invoked_function_arn=taken.headers["Lambda-Runtime-Invoked-Function-Arn"],
        )
        try:
            if getattr(handler, "streams", False):
                handler(event, Stream(connection, request), context)
                continue
            where, told = "response", handler(event, context)
        except Exception as error:  # noqa: BLE001 - told as AWS's own tells it
            where, told = "error", {"errorType": type(error).__name__, "errorMessage": str(error)}
        connection.request("POST", f"{API}/{request}/{where}", json.dumps(told))
        connection.getresponse().read()


if __name__ == "__main__":
    main()
