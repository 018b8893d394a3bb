"""A small ASGI app for the tests: each path does one thing that a function can do, or do wrong.

Gates are loopback sockets that the test owns: ``gate=<port>`` says where, and reading one byte opens it.
"""

import asyncio
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

log = logging.getLogger("plain")


class Boom(Exception):
    """What the app raises when told to."""


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(scope, receive, send)
        return
    message = await receive()
    await PATHS[scope["path"].removeprefix(scope["root_path"])](Request(scope, message["body"], send))


class Request:
    def __init__(self, scope: Any, body: bytes, send: Any) -> None:
        self.scope, self.body, self._send = scope, body, send
        self.query = {name: values[-1] for name, values in parse_qs(scope["query_string"].decode()).items()}

    async def start(self, status: int = 200, *headers: tuple[str, str]) -> None:
        pairs = [(name.encode(), value.encode()) for name, value in headers]
        await self._send({"type": "http.response.start", "status": status, "headers": pairs})

    async def say(self, body: bytes, *, more: bool = True) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def gate(self) -> None:
        """Tell the test that we are here; go on when it says so."""
        reader, writer = await asyncio.open_connection("127.0.0.1", int(self.query["gate"]))
        await reader.read(1)
        writer.close()
        await writer.wait_closed()


async def _lifespan(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    scope["state"]["started"] = os.environ.get("STARTED", "yes")
    if os.environ.get("FAIL_STARTUP"):
        await send({"type": "lifespan.startup.failed", "message": "no table"})
        return
    mark("startup")
    await send({"type": "lifespan.startup.complete"})
    await receive()
    mark("shutdown")
    await send({"type": "lifespan.shutdown.complete"})


def mark(what: str) -> None:
    """Append a line to the file that the test named."""
    if "MARKS" in os.environ:
        with Path(os.environ["MARKS"]).open("a") as file:
            file.write(what + "\n")


async def echo(request: Request) -> None:
    scope, context = request.scope, request.scope["aws.context"]
    log.info("echo")
    seen = {
        "method": scope["method"],
        "path": scope["path"],
        "query": scope["query_string"].decode(),
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
        "body": request.body.decode("latin-1"),
        "state": scope["state"],
        "request_id": context.aws_request_id,
        "remaining": context.get_remaining_time_in_millis(),
        "arn": context.invoked_function_arn,
        "tenant": context.tenant_id,
        "trace": os.environ.get("_X_AMZN_TRACE_ID"),
        "pid": os.getpid(),
    }
    await request.start(
        200, ("content-type", "application/json"), ("set-cookie", "a=1"), ("set-cookie", "b=2")
    )
    await request.say(json.dumps(seen).encode(), more=False)


async def gated(request: Request) -> None:
    await request.start(200, ("content-type", "text/plain"))
    await request.say(b"first ")
    await request.gate()
    await request.say(b"second")
    await request.say(b"", more=False)
    mark("finished")


async def midway(request: Request) -> None:
    await request.start()
    await request.say(b"half")
    raise Boom("secret words")


async def early(request: Request) -> None:
    del request
    raise Boom("secret words")


async def silent(request: Request) -> None:
    await request.start()


async def empty(request: Request) -> None:
    await request.start(int(request.query.get("status", "200")))
    await request.say(b"", more=False)


async def big(request: Request) -> None:
    await request.start()
    for _ in range(int(request.query["mb"]) * 16):
        await request.say(b"x" * 65536)
    mark("big is out")
    await request.say(b"", more=False)


async def chorus(request: Request) -> None:
    """Log in three ways, after others have begun: in the app, in a task of its own, in a thread."""
    await request.gate()
    number = request.query["n"]

    async def task() -> None:
        log.info("task %s", number)

    log.info("app %s", number)
    await asyncio.create_task(task())
    await asyncio.to_thread(log.info, "thread %s", number)
    await empty(request)


async def die(request: Request) -> None:
    del request
    os._exit(3)


async def leave(request: Request) -> None:
    """Ends the process as a library does that takes itself for a program."""
    if "begun" in request.query:
        await request.start()
        await request.say(b"begun")
    sys.exit(3)


async def shout(request: Request) -> None:
    print("x" * 300_000, flush=True)  # noqa: T201 - what a careless function does
    await empty(request)


PATHS = {
    "/leave": leave,
    "/shout": shout,
    "/chorus": chorus,
    "/echo": echo,
    "/gated": gated,
    "/midway": midway,
    "/early": early,
    "/silent": silent,
    "/empty": empty,
    "/big": big,
    "/die": die,
}
