"""The application as it is put together."""

import re
from pathlib import Path

from c1fn.api.app import build_app
from c1fn.api.openapi import OPENED
from c1fn.chat.converse import Chat
from c1fn.chat.tools import Tools
from c1fn.identity.callers import by_key
from c1fn.stores.memory import MemoryStore
from tests.api.scene import Stage
from tests.asgi import client_of
from tests.scripted import LIMITS, ScriptedModel, says


async def test_the_page_posts_to_this_server_and_asks_nothing_of_the_internet(stage: Stage) -> None:
    page = await (await stage(says("a"))).client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert b'fetch("api/chat"' in page.body
    assert b"//" not in page.body.replace(b"<!--", b"")


async def test_health_and_openapi_answer(stage: Stage) -> None:
    scene = await stage(says("a"))
    assert (await scene.client.get("/healthz")).json["status"] == "ok"
    schema = (await scene.client.get("/openapi.json")).json
    assert schema["paths"]["/api/chat"]["post"]["requestBody"]["required"]


async def test_every_endpoint_is_documented_and_no_other(stage: Stage) -> None:
    schema = (await (await stage(says("a"))).client.get("/openapi.json")).json
    told = (Path(__file__).parents[2] / "docs/http.md").read_text("utf-8")
    served = {f"{verb.upper()} {path}" for path, verbs in schema["paths"].items() for verb in verbs}
    assert {
        found.partition("?")[0] for found in re.findall(r"^\| `([A-Z]+ /[^`]*)`", told, re.MULTILINE)
    } == served


async def test_a_stranger_learns_nothing_from_any_endpoint() -> None:
    """Whatever is wrong with the request besides, it is told 401: no limit, no field, no id. Two endpoints
    ask nobody: the health check, and what opens a shared link (test_shares).
    """
    public = {("get", "/healthz"), ("get", OPENED)}
    chat = Chat(MemoryStore(), ScriptedModel(says("a")), Tools(), LIMITS, lambda _: None)
    app = build_app(lambda: chat, max_body=1024, identify=by_key({"ann": "k"}))
    async with client_of(app) as client:
        for path, methods in app.openapi()["paths"].items():
            for method in [method for method in methods if (method, path) not in public]:
                url = f"{path.replace('{threadId}', '%00').replace('{responseId}', '%00')}?limit=none"
                answer = await client.request(method.upper(), url, b"x" * 2000).whole()
                assert (answer.status, answer.json["code"]) == (401, "unauthorized"), (method, path)
