"""Shared links through HTTP, by two owners and by strangers, on the memory store and on DynamoDB."""

from typing import Any

import pytest

from c1fn.api.app import build_app
from c1fn.chat.converse import Chat
from c1fn.chat.tools import Tools
from c1fn.events import Called, Delta, Ended
from c1fn.identity.callers import Identify, Trust, anybody, by_jwt, by_key
from c1fn.identity.iam import DOORS, by_iam
from c1fn.identity.oidc import Issuer, Verifier
from c1fn.stores.memory import MemoryStore
from c1fn.turn import ToolCall, Usage
from tests.api.owners import ANN, BOB, Meet, Owners
from tests.asgi import Exchange, client_of
from tests.scripted import LIMITS, ScriptedModel, says

NOBODY: dict[str, str] = {}
TOOL = [Delta("a"), Called((ToolCall("c1", "hidden", "{}"),)), Ended("tool_calls", Usage())]


async def opened(scene: Owners, token: str, query: str = "") -> Exchange:
    return await scene.client.request("GET", f"/api/shares/{token}{query}", b"", NOBODY).whole()


async def listed(scene: Owners, who: dict[str, str] = ANN) -> list[dict[str, Any]]:
    shares: list[dict[str, Any]] = (await scene.client.get("/api/shares", headers=who)).json["shares"]
    return shares


async def test_whoever_has_the_link_sees_peoples_messages_alone(meet: Meet) -> None:
    """No tool calls, no ids, no later turns, no state of forms, no feedback."""
    scene = await meet(TOOL, says("b"), says("secret"))
    await scene.say("t", "r1", "first")
    made = await scene.call("POST", "/t/shares")
    assert (made.status, made.json["threadId"], made.json["title"]) == (201, "t", "first")
    await scene.call("PUT", "/t/messages/r1", {"content": "my address"})
    await scene.call("PUT", "/t/messages/r1/feedback", {"value": "up"})
    await scene.say("t", "r2", "second")
    shown = await opened(scene, made.json["token"])
    assert shown.status == 200
    assert shown.json["title"] == "first"
    assert shown.json["messages"] == [
        {"id": "1-prompt", "role": "user", "content": "first"},
        {"id": "1", "role": "assistant", "content": "ab"},
    ]
    assert shown.headers["cache-control"] == "no-store"
    assert (shown.headers["referrer-policy"], shown.headers["x-robots-tag"]) == ("no-referrer", "noindex")
    for secret in ("r1", "p-r1", "hidden", "ann", "threadId", "address", "secret"):
        assert secret not in shown.body.decode()


async def test_a_link_is_listed_and_revoked_by_its_owner_alone(meet: Meet) -> None:
    scene = await meet(says("one"))
    await scene.say("t", "r1", "first")
    made = (await scene.call("POST", "/t/shares")).json
    assert await listed(scene) == [made]
    assert await listed(scene, BOB) == []
    path = f"/api/shares/{made['token']}"
    for who, status in ((NOBODY, 401), (BOB, 404), (ANN, 204), (ANN, 404)):
        assert (await scene.client.request("DELETE", path, b"", who).whole()).status == status
    assert (await opened(scene, made["token"])).status == 404
    assert await listed(scene) == []


async def test_every_token_that_opens_nothing_gets_the_same_answer(meet: Meet) -> None:
    """Guessed, revoked, or of a deleted thread: nobody learns which."""
    scene = await meet(says("one"))
    for thread in ("t", "d"):
        await scene.say(thread, "r1", "first")
    revoked, dead = [(await scene.call("POST", f"/{thread}/shares")).json["token"] for thread in ("t", "d")]
    await scene.client.request("DELETE", f"/api/shares/{revoked}", b"", ANN).whole()
    await scene.call("DELETE", "/d")
    answers = [await opened(scene, token) for token in ("guessed", "x" * 32, "%23", revoked, dead)]
    assert {(one.status, one.body) for one in answers} == {(404, answers[0].body)}


async def test_a_stranger_makes_and_lists_nothing(meet: Meet) -> None:
    scene = await meet(says("one"))
    await scene.say("t", "r1", "first")
    assert (await scene.call("POST", "/t/shares", who=NOBODY)).status == 401
    assert (await scene.call("POST", "/t/shares", who=BOB)).status == 404
    assert (await scene.client.get("/api/shares")).status == 401


async def test_a_long_thread_comes_in_pages(meet: Meet) -> None:
    scene = await meet(says("a"))
    for number in range(5):
        await scene.say("t", f"r{number}", f"question {number}")
    token = (await scene.call("POST", "/t/shares")).json["token"]
    page = await opened(scene, token, "?limit=2")
    assert [one["id"] for one in page.json["messages"]] == ["4-prompt", "4", "5-prompt", "5"]
    assert page.headers["link"] == '<?limit=2&before=4>; rel="prev"'
    page = await opened(scene, token, "?limit=9&before=4")
    assert [one["id"] for one in page.json["messages"]][::2] == ["1-prompt", "2-prompt", "3-prompt"]
    assert "link" not in page.headers
    assert (await opened(scene, token, "?limit=101")).status == 422


MODES: dict[str, Identify] = {
    "none": anybody,
    "key": by_key({"ann": "k1"}),
    "iam": by_iam(DOORS),
    "jwt": by_jwt(
        Trust("https://issuer.example", frozenset({"a"})), Verifier(Issuer("https://issuer.example"))
    ),
}


@pytest.mark.parametrize("mode", MODES)
async def test_a_link_opens_in_every_mode_without_a_caller(mode: str) -> None:
    """The issuer is never asked, and what a stranger sends as a key or a token is not looked at."""
    store = MemoryStore()
    chat = Chat(store, ScriptedModel(says("one")), Tools(), LIMITS, lambda _: None)
    async with client_of(build_app(lambda: chat, max_body=1000)) as client:
        prompt = {"prompt": {"role": "user", "content": "hi"}, "threadId": "t", "responseId": "r"}
        await client.post("/api/chat", prompt)
        token = (await client.post("/api/threads/t/shares", b"")).json["token"]
    async with client_of(build_app(lambda: chat, max_body=1000, identify=MODES[mode])) as client:
        for headers in (NOBODY, {"authorization": "Bearer x"}, {"x-api-key": "y"}):
            shown = await client.get(f"/api/shares/{token}", headers=headers)
            assert (shown.status, len(shown.json["messages"])) == (200, 2)


async def test_nothing_is_shared_where_the_days_are_none() -> None:
    """Links that were made before do not open either."""
    store = MemoryStore()
    chat = Chat(store, ScriptedModel(says("one")), Tools(), LIMITS, lambda _: None)
    thread = await store.threads.create("anybody", "t", "Plans")
    share = await store.shares.create("anybody", thread.id, 1000.0)
    async with client_of(build_app(lambda: chat, max_body=1000, share_days=0)) as client:
        for method, path in (("POST", "/api/threads/t/shares"), ("GET", f"/api/shares/{share.token}")):
            assert (await client.request(method, path).whole()).status == 404
        assert len((await client.get("/api/shares")).json["shares"]) == 1
        assert (await client.request("DELETE", f"/api/shares/{share.token}").whole()).status == 204
