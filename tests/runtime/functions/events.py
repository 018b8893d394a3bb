"""Plain functions of an event and a context, as they are written for AWS's own runtime, and what is none."""

import asyncio
import base64
import functools
import logging
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any


def handler(event: Any, context: Any) -> Any:
    """Answer what the event asks for."""
    match event.get("do"):
        case "raise":
            raise KeyError("the user's own words")
        case "exit":
            raise SystemExit(3)
        case "loop":
            return asyncio.get_event_loop().run_until_complete(awaited({"do": "echo"}, context))
        case "thread":
            return threading.current_thread().name
        case "decimal":
            return {"sum": Decimal("1.50")}
        case "log":
            logging.getLogger("user").info("said by the user")
            return "logged"
    if "requestContext" in event:
        return {
            "statusCode": 201,
            "headers": {"Content-Type": "text/plain", "X-A": "b"},
            "cookies": ["a=1", "b=2"],
            "body": base64.b64encode(b"\xff whole").decode(),
            "isBase64Encoded": True,
        }
    return {"event": event, "id": context.aws_request_id, "left": context.get_remaining_time_in_millis() > 0}


async def awaited(event: Any, context: Any) -> Any:
    await asyncio.sleep(0)
    return {"awaited": event, "id": context.aws_request_id}


def _hiding(function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(*arguments: Any, **named: Any) -> Any:
        return function(*arguments, **named)

    return wrapper


def _telling(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*arguments: Any, **named: Any) -> Any:
        return function(*arguments, **named)

    return wrapper


decorated = _telling(handler)
nothing_told = _hiding(handler)


class Called:
    def __call__(self, event: Any, context: Any) -> Any:
        return handler(event, context)

    def bound(self, event: Any, context: Any) -> Any:
        return handler(event, context)


called = Called()
bound = called.bound


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    raise NotImplementedError


async def with_extras(scope: Any, receive: Any, send: Any, extra: Any = None) -> None:
    raise NotImplementedError


class _Asgi:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        raise NotImplementedError


Asgi = _Asgi()


def wsgi(environ: Any, start_response: Any) -> Any:
    raise NotImplementedError


def alone(event: Any) -> Any:
    raise NotImplementedError


class Class:
    def __init__(self, scope: Any, receive: Any, send: Any) -> None:
        raise NotImplementedError
