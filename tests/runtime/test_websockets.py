"""Nobody waits for a WebSocket that never opens: the refusal says what to use instead."""

import json
from typing import Any

from c1fn.runtime import buffered, request
from c1fn.runtime.load_handler import Plain
from tests.runtime.bench import sample

SCOPES: list[str] = []


async def app(scope: Any, receive: Any, send: Any) -> None:
    SCOPES.append(scope["type"])
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


async def test_an_upgrade_is_refused_and_the_app_is_not_asked() -> None:
    SCOPES.clear()
    event = sample("function-url")
    event["headers"] = {**event["headers"], "upgrade": "WebSocket", "connection": "Upgrade"}
    told = await buffered.whole(Plain(app).app, *request.read(event, None))
    assert (told.status, json.loads(told.body)["code"]) == (501, "no_websockets")
    assert SCOPES == []


async def test_another_upgrade_is_passed_over_as_http_allows() -> None:
    event = sample("function-url")
    event["headers"] = {**event["headers"], "upgrade": "h2c"}
    told = await buffered.whole(Plain(app).app, *request.read(event, None))
    assert (told.status, bytes(told.body)) == (200, b"hello")
