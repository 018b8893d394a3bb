"""Endpoints that are imported late are there for every first request of theirs."""

import subprocess
import sys

import pytest

from c1fn.api.app import build_app
from c1fn.api.late import PATHS
from tests.api.scene import Stage
from tests.scripted import says

LATE = "c1fn.api.conversation"


def test_they_are_not_imported_at_the_start_and_not_by_a_prompt() -> None:
    script = f"""
import asyncio, sys
from c1fn import compose
from c1fn.settings import Settings
from tests.asgi import client_of
async def main():
    app = compose.web_app(Settings.read({{"C1FN_MODEL": "offline"}}))
    async with client_of(app) as client:
        prompt = {{"role": "user", "content": "hi"}}
        body = {{"prompt": prompt, "threadId": "t", "responseId": "r"}}
        assert (await client.post("/api/chat", body)).status == 200
        assert (await client.get("/api/threads/t/messages")).status == 200
        assert not {{"{LATE}", "c1fn.api.agui", "c1fn.api.wires.agui"}} & sys.modules.keys()
        assert (await client.post("/api/threads/t/fork", {{}})).status == 201
        assert "{LATE}" in sys.modules
asyncio.run(main())
"""
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_the_first_request_may_be_any_of_theirs(stage: Stage, method: str) -> None:
    scene = await stage(says("one"))
    await scene.ask("hi")
    path = {"POST": "/api/threads/t/fork", "PUT": "/api/threads/t/messages/r1/feedback"}[method]
    body = {"POST": {}, "PUT": {"value": "up"}}[method]
    first = await scene.client.request(method, path, body).whole()
    assert first.status in {201, 204}
    other = await scene.client.get(path)
    assert (other.status, other.headers["allow"]) == (405, method)


def test_every_path_of_theirs_is_known() -> None:
    """The pattern finds all of them, and no other endpoint's."""
    app = build_app(lambda: None, max_body=1)  # type: ignore[arg-type, return-value]  # never started
    from c1fn.api import agui, conversation, openui, shares

    rooms = (agui, openui, conversation, shares)
    routes = [route for room in rooms for route in room.routes.routes]
    late = {route.path for route in routes}
    assert late
    assert {path for path in app.openapi()["paths"] if PATHS.search(path)} == late
