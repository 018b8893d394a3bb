"""FastAPI's application is made late, and is there for every first request."""

import subprocess
import sys

import pytest

from c1fn import compose
from c1fn.api.app import build_app
from c1fn.api.endpoints import MODULES
from c1fn.chat.converse import Chat
from c1fn.chat.tools import Tools
from c1fn.settings import Settings
from c1fn.startup import VARIABLE
from c1fn.stores.memory import MemoryStore
from tests.api.scene import Stage, body
from tests.asgi import client_of
from tests.scripted import LIMITS, ScriptedModel, says

LATE = {f"c1fn.api.{module}" for module in MODULES}


def test_a_prompt_needs_neither_fastapi_nor_the_other_endpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does a prompt that is refused, nor a browser's preflight for a page of another origin."""
    monkeypatch.delenv(VARIABLE, raising=False)
    script = f"""
import asyncio, sys
from c1fn import compose
from c1fn.settings import Settings
from tests.asgi import client_of
LATE = {LATE | {"fastapi", "opentelemetry", "c1fn.api.wires.agui"}}
async def main():
    settings = {{"C1FN_MODEL": "offline", "C1FN_ALLOWED_ORIGINS": "https://a.example"}}
    app = compose.web_app(Settings.read(settings), awaited=lambda: True)
    async with client_of(app) as client:
        preflight = {{"origin": "https://a.example", "access-control-request-method": "POST"}}
        asked = await client.request("OPTIONS", "/api/chat", headers=preflight).whole()
        assert (asked.status, asked.headers["access-control-allow-origin"]) == (200, "https://a.example")
        prompt = {{"role": "user", "content": "hi"}}
        body = {{"prompt": prompt, "threadId": "t", "responseId": "r"}}
        assert (await client.post("/api/chat", body)).status == 200
        assert (await client.post("/api/chat/", {{**body, "prompt": 1}})).status == 422
        assert not LATE & sys.modules.keys(), LATE & sys.modules.keys()
        assert (await client.get("/api/threads/t/messages")).status == 200
        assert "fastapi" in sys.modules
asyncio.run(main())
"""
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize("awaited", [True, False])
def test_a_process_that_waits_for_its_first_request_makes_them_at_once(
    monkeypatch: pytest.MonkeyPatch, *, awaited: bool
) -> None:
    """A snapshot, a process that is started ahead of time, a server on one's own machine."""
    monkeypatch.delenv(VARIABLE, raising=False)
    app = compose.web_app(Settings.read({"C1FN_MODEL": "offline"}), awaited=lambda: awaited)
    assert ("endpoints" in vars(app)) is not awaited


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


@pytest.mark.parametrize("plain", ["1", "0"])
async def test_in_a_plain_start_fastapi_answers_prompts_as_well(
    plain: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, plain)
    chat = Chat(MemoryStore(), ScriptedModel(says("one")), Tools(), LIMITS, lambda _: None)
    app = build_app(lambda: chat, max_body=1024)
    async with client_of(app) as client:
        answer = await client.post("/api/chat", body("hi"))
    assert (answer.status, answer.body) == (200, b"one")
    assert ("endpoints" in vars(app)) is (plain == "1")


async def test_another_method_at_the_prompts_path_is_told_what_is_allowed(stage: Stage) -> None:
    scene = await stage()
    answer = await scene.client.get("/api/chat")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
