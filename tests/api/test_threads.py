import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest

from c1fn.api.app import build_app
from c1fn.api.wires.c1 import error_card
from c1fn.chat.converse import Chat
from c1fn.chat.tools import Tools
from c1fn.errors import AnswerCut
from c1fn.events import Called, Delta, Ended
from c1fn.stores.memory import MemoryStore
from c1fn.turn import ToolCall, Usage
from tests.asgi import Client, Exchange, client_of
from tests.scripted import LIMITS, ScriptedModel, Step, says


@dataclass
class Scene:
    client: Client

    async def say(self, prompt: str, thread_id: str = "t", response_id: str = "r1") -> Exchange:
        message = {"id": f"p-{response_id}", "role": "user", "content": prompt}
        return await self.client.post(
            "/api/chat", {"prompt": message, "threadId": thread_id, "responseId": response_id}
        )

    async def call(self, method: str, path: str, body: object = b"") -> Exchange:
        return await self.client.request(method, f"/api/threads{path}", body).whole()

    async def titles(self) -> list[str]:
        return [thread["title"] for thread in (await self.call("GET", "")).json["threads"]]


Stage = Callable[..., Any]


@pytest.fixture
async def stage() -> AsyncGenerator[Stage, None]:
    async with AsyncExitStack() as stack:
        ticks = iter(range(1_800_000_000, 2_000_000_000))

        async def make(*rounds: list[Step]) -> Scene:
            store = MemoryStore(clock=lambda: float(next(ticks)))
            chat = Chat(store, ScriptedModel(*rounds), Tools(), LIMITS, lambda _: None)
            return Scene(await stack.enter_async_context(client_of(build_app(lambda: chat, max_body=10_000))))

        yield make


async def test_a_thread_is_created_by_its_first_turn_and_named_by_its_prompt(stage: Stage) -> None:
    scene = await stage(says("a"))
    await scene.say('<content thesys="true">Revenue &amp; costs</content>')
    (thread,) = (await scene.call("GET", "")).json["threads"]
    assert (thread["threadId"], thread["title"], thread["isRunning"]) == ("t", "Revenue & costs", False)
    assert thread["createdAt"].startswith("2027-01-15T")
    assert thread["createdAt"].endswith("Z")


async def test_a_thread_created_before_its_first_turn_keeps_its_name(stage: Stage) -> None:
    scene = await stage(says("a"))
    created = await scene.call("POST", "", {"prompt": {"role": "user", "content": "Hello there"}})
    assert (created.status, created.json["title"]) == (201, "Hello there")
    await scene.say("something else", created.json["threadId"])
    assert await scene.titles() == ["Hello there"]


async def test_a_thread_may_be_created_with_a_name_and_title_of_the_clients(stage: Stage) -> None:
    scene = await stage(says("a"))
    made = [
        await scene.call("POST", "", body)
        for body in ({"threadId": "x", "title": "T"}, {"threadId": "x"}, b"")
    ]
    assert [m.json["title"] for m in made[:2]] == ["T", "T"]
    assert made[2].json["threadId"] != "x"


async def test_the_newest_thread_comes_first_page_by_page(stage: Stage) -> None:
    scene = await stage(says("a"))
    for n in range(5):
        await scene.say(f"thread {n}", f"t{n}")
    await scene.say("again", "t1", "r2")
    assert await scene.titles() == ["thread 1", "thread 4", "thread 3", "thread 2", "thread 0"]
    page, seen = (await scene.call("GET", "?limit=2")).json, []
    while page["cursor"]:
        seen += page["threads"]
        page = (await scene.call("GET", f"?limit=2&cursor={quote(page['cursor'])}")).json
    assert [t["threadId"] for t in [*seen, *page["threads"]]] == ["t1", "t4", "t3", "t2", "t0"]


async def test_people_see_prompts_and_answers_and_no_tool_messages(stage: Stage) -> None:
    call = Called((ToolCall("c1", "hidden", "{}"),))
    scene = await stage([Delta("a"), call, Ended("tool_calls", Usage())], says("b"))
    await scene.say("hi")
    assert (await scene.call("GET", "/t/messages")).json == [
        {"id": "p-r1", "role": "user", "content": "hi"},
        {"id": "r1", "role": "assistant", "content": "ab"},
    ]


async def test_a_failed_turn_shows_its_partial_answer_and_its_card(stage: Stage) -> None:
    scene = await stage([Delta("par"), AnswerCut()])
    shown = (await scene.say("hi")).body.decode()
    assert (
        (await scene.call("GET", "/t/messages")).json[1]["content"]
        == shown
        == "par" + error_card(AnswerCut())
    )


async def test_a_prompt_names_its_failed_answer_until_it_is_answered(stage: Stage) -> None:
    scene = await stage([AnswerCut()], says("a"))
    await scene.say("hi")
    assert (await scene.call("GET", "/t/messages")).json[0]["failed"] == "r1"
    await scene.say("hi")
    assert "failed" not in (await scene.call("GET", "/t/messages")).json[0]


async def test_a_failed_answer_that_was_saved_shows_its_card_once(stage: Stage) -> None:
    scene = await stage([Delta("par"), AnswerCut()])
    shown = (await scene.say("hi")).body.decode()
    assert (await scene.call("PUT", "/t/messages/r1", {"content": shown})).status == 204
    assert (await scene.call("GET", "/t/messages")).json[1]["content"] == shown


async def test_a_running_turn_shows_its_prompt_and_marks_its_thread(stage: Stage) -> None:
    gate = asyncio.Event()
    scene = await stage([Delta("a"), gate, *says("b")])
    answer = asyncio.create_task(scene.say("hi"))
    while not (await scene.call("GET", "")).json["threads"]:
        pass
    assert (await scene.call("GET", "")).json["threads"][0]["isRunning"]
    prompt = (await scene.call("GET", "/t/messages")).json[0]
    assert (prompt["role"], prompt["running"]) == ("user", "r1")
    gate.set()
    await answer
    assert "running" not in (await scene.call("GET", "/t/messages")).json[0]


async def test_a_stopped_answer_keeps_what_was_said(stage: Stage) -> None:
    gate = asyncio.Event()
    scene = await stage([Delta("a"), gate])
    answer = scene.client.request(
        "POST",
        "/api/chat",
        {"prompt": {"role": "user", "content": "hi"}, "threadId": "t", "responseId": "r1"},
    )
    await anext(answer)
    assert (await scene.call("POST", "/t/stop", {"responseId": "r9"})).json == {"stopping": False}
    assert (await scene.call("POST", "/t/stop")).json == {"stopping": True}
    assert (await answer.whole()).body == b"a"
    prompt, answer = (await scene.call("GET", "/t/messages")).json
    assert (answer["content"], prompt["stopped"]) == ("a", "r1")


async def test_a_thread_is_renamed(stage: Stage) -> None:
    scene = await stage(says("a"))
    await scene.say("hi")
    assert (await scene.call("PUT", "/t", {"title": "New"})).json["title"] == "New"
    assert await scene.titles() == ["New"]


async def test_a_deleted_thread_is_gone(stage: Stage) -> None:
    scene = await stage(says("a"))
    await scene.say("hi")
    assert (await scene.call("DELETE", "/t")).status == 204
    assert [(await scene.call(*c)).status for c in (("GET", "/t/messages"), ("DELETE", "/t"))] == [404, 404]


async def test_the_state_of_a_form_is_kept(stage: Stage) -> None:
    scene = await stage(says("<content>form</content>"))
    await scene.say("hi")
    saved = "<content>form</content><context>{}</context>"
    assert (await scene.call("PUT", "/t/messages/r1", {"content": saved})).status == 204
    assert (await scene.call("GET", "/t/messages")).json[1]["content"] == saved
    assert (await scene.call("PUT", "/t/messages/r2", {"content": saved})).status == 404


@pytest.mark.parametrize("name", ["a/b", "a/turns/b", "__proto__", "😀", "100%", "a b", "?#&=", "/messages"])
async def test_any_name_of_a_thread_can_stand_in_a_path(stage: Stage, name: str) -> None:
    scene = await stage(says("a"))
    await scene.say("hi", name, name)
    part = quote(name, safe="")
    assert (await scene.call("GET", f"/{part}/messages")).json[0]["content"] == "hi"
    assert (await scene.call("GET", f"/{part}/turns/{part}")).body == b"a"
    assert (await scene.call("PUT", f"/{part}", {"title": "New"})).status == 200
    assert (await scene.call("DELETE", f"/{part}")).status == 204


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("GET", f"/{'a' * 129}/messages", b"", "threadId"),
        ("GET", "/%00/messages", b"", "threadId"),
        ("GET", "/t/turns/%0a", b"", "responseId"),
        ("GET", "?limit=0", b"", "limit"),
        ("GET", "?limit=x", b"", "limit"),
        ("GET", "?cursor=x", b"", "cursor"),
        ("PUT", "/t", {"title": ""}, "title"),
        ("PUT", "/t", {"title": "a\nb"}, "title"),
        ("PUT", "/t", {"title": "\u200b\u2060 \u3164"}, "title"),
        ("PUT", "/t", {"title": "a" * 201}, "title"),
        ("PUT", "/t/messages/r1", {"content": 5}, "content"),
        ("POST", "", {"threadId": "\0"}, "threadId"),
        ("POST", "", {"prompt": {"role": "system", "content": "x"}}, "prompt.role"),
        ("POST", "", {"title": "T", "prompt": {"role": "user", "content": " "}}, "prompt.content"),
        ("POST", "/t/stop", {"responseId": 5}, "responseId"),
    ],
)
async def test_a_wrong_field_is_named(stage: Stage, method: str, path: str, body: object, field: str) -> None:
    scene = await stage(says("a"))
    await scene.say("hi")
    answer = await scene.call(method, path, body)
    assert (answer.status, answer.json["field"]) == (422, field)


async def test_what_does_not_exist_is_not_found(stage: Stage) -> None:
    scene = await stage(says("a"))
    calls = [("GET", "/x/messages", b""), ("PUT", "/x", {"title": "T"}), ("DELETE", "/x", b"")]
    assert [(await scene.call(*call)).status for call in calls] == [404, 404, 404]
    assert (await scene.call("POST", "/x/stop")).json == {"stopping": False}


@pytest.mark.parametrize("root", ["", "/prod", "/v1/chat"])
@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_slash_at_the_end_and_a_prefix_change_nothing(stage: Stage, root: str, slash: str) -> None:
    """No redirect: it would lose the stage, which the app never saw, and often the body."""
    scene = await stage(says("a"))
    message = {"id": "p", "role": "user", "content": "hi"}
    turn = {"prompt": message, "threadId": "a/b", "responseId": "r1"}
    said = await scene.client.post(f"{root}/api/chat{slash}", turn, root_path=root)
    assert (said.status, said.body) == (200, b"a")
    for path in ("/api/threads", "/api/threads/a%2Fb/messages", "/api/threads/a%2Fb/turns/r1", "/healthz"):
        assert (await scene.client.get(f"{root}{path}{slash}", root_path=root)).status == 200
    other = await scene.client.get(f"{root}/api/chat{slash}", root_path=root)
    assert (other.status, other.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("root", ["", "/prod"])
@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_browsers_card_comes_below_a_prefix_too(stage: Stage, root: str, slash: str) -> None:
    scene = await stage([AnswerCut()])
    message = {"id": "p", "role": "user", "content": "hi"}
    turn = {"prompt": message, "threadId": "t", "responseId": "r1"}
    path, browser = f"{root}/api/chat{slash}", {"origin": "https://a.example", "host": "a.example"}
    said = await scene.client.post(path, turn, headers=browser, root_path=root)
    assert (said.status, said.headers["c1fn-error"]) == (200, "answer_cut")


async def test_the_openapi_document_names_the_prefix_as_its_server(stage: Stage) -> None:
    scene = await stage()
    assert "servers" not in (await scene.client.get("/openapi.json")).json
    below = await scene.client.get("/prod/openapi.json", root_path="/prod")
    assert below.json["servers"] == [{"url": "/prod"}]


async def test_messages_come_in_pages(stage: Stage) -> None:
    """Each page links to the one before it, and the first turns' links to none."""
    scene = await stage(*[says(f"answer {number}") for number in range(5)])
    for number in range(5):
        message = {"id": f"p{number}", "role": "user", "content": f"question {number}"}
        turn = {"prompt": message, "threadId": "a b", "responseId": f"r{number}"}
        await scene.client.post("/api/chat", turn)
    query, pages = "?limit=2", []
    while query:
        answer = await scene.client.get(f"/api/threads/a%20b/messages{query}")
        pages.append([message["id"] for message in answer.json])
        link = answer.headers.get("link")
        query = link.removeprefix("<").partition(">")[0] if link else ""
    assert pages == [["p3", "r3", "p4", "r4"], ["p1", "r1", "p2", "r2"], ["p0", "r0"]]
    assert "link" not in (await scene.client.get("/api/threads/a%20b/messages")).headers
    assert (await scene.client.get("/api/threads/a%20b/messages?limit=0")).status == 422
    assert (await scene.client.get("/api/threads/a%20b/messages?before=0")).status == 422
