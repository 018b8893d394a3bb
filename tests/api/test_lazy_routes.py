"""Endpoints that are imported late are there for every first request of theirs."""

import re
import subprocess
import sys
from importlib import import_module

import pytest

from c1fn.api.app import build_app
from c1fn.api.lazy_routes import PATHS
from tests.api.scene import Stage
from tests.scripted import says

LAZY = {f"c1fn.api.{module}" for module in PATHS}


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
        assert not {LAZY | {"c1fn.api.wires.agui"}} & sys.modules.keys()
        assert (await client.get("/api/threads/t/messages")).status == 200
        assert {LAZY} & sys.modules.keys() == {{"c1fn.api.threads"}}
asyncio.run(main())
"""
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/api/threads/t", {"title": "T"}),
        ("POST", "/api/threads/t/fork", {}),
        ("PUT", "/api/threads/t/messages/r1/feedback", {"value": "up"}),
        ("POST", "/api/threads/t/shares", {}),
    ],
)
async def test_the_first_request_may_be_any_of_theirs(
    stage: Stage, method: str, path: str, body: object
) -> None:
    scene = await stage(says("one"))
    await scene.ask("hi")
    other = await scene.client.get(path)
    assert (other.status, method in other.headers["allow"]) == (405, True)
    first = await scene.client.request(method, path, body).whole()
    assert first.status in {200, 201, 204}


@pytest.mark.parametrize("module", PATHS)
def test_a_modules_paths_are_known(module: str) -> None:
    """Its pattern finds the paths of all its endpoints, and no other endpoint's."""
    app = build_app(lambda: None, max_body=1)  # type: ignore[arg-type, return-value]  # never started
    paths = app.openapi()["paths"]  # which loads all
    theirs = {route.path for route in import_module(f"c1fn.api.{module}").routes.routes}
    assert theirs
    assert {path for path in paths if re.fullmatch(PATHS[module], path)} == theirs
