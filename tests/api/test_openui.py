"""What OpenUI's `restStorage` (@openuidev/react-headless 0.9.13) calls; tests/e2e has that client itself."""

import asyncio
from typing import Any

import pytest

from c1fn.errors import AnswerCut
from c1fn.events import Delta
from tests.api.scene import PROBLEM, Scene, Stage
from tests.asgi import Exchange
from tests.scripted import says

BASE = "/api/openui/threads"


def first(words: str = "Show revenue") -> dict[str, Any]:
    return {"messages": [{"id": "m1", "role": "user", "content": words}]}


async def call(scene: Scene, method: str, path: str, body: object = b"") -> Exchange:
    return await scene.client.request(method, f"{BASE}{path}", body).whole()


async def run(scene: Scene, thread: str, run_id: str, words: str) -> None:
    message = {"id": f"{run_id}-p", "role": "user", "content": words}
    body = {"threadId": thread, "runId": run_id, "messages": [message], "tools": [], "context": []}
    assert (await scene.client.post("/api/agui", body)).status == 200


async def test_a_thread_is_created_answered_listed_loaded_renamed_and_deleted(stage: Stage) -> None:
    scene = await stage(says('root = Card([TextContent("8.4 %")])'))
    created = await call(scene, "POST", "/create", first())
    thread = created.json
    assert (created.status, thread["title"], set(thread)) == (
        201,
        "Show revenue",
        {"id", "title", "createdAt"},
    )
    await run(scene, thread["id"], "r1", "Show revenue")
    assert (await call(scene, "GET", "/get")).json == {
        "threads": [thread]
    }  # no nextCursor: it is the last page
    assert (await call(scene, "GET", f"/get/{thread['id']}")).json == [
        {"id": "r1-p", "role": "user", "content": "Show revenue"},
        {"id": "r1", "role": "assistant", "content": 'root = Card([TextContent("8.4 %")])'},
    ]
    renamed = await call(
        scene, "PATCH", f"/update/{thread['id']}", {**thread, "title": "A", "isPending": True}
    )
    assert (renamed.status, renamed.json) == (200, {**thread, "title": "A"})
    assert (await call(scene, "DELETE", f"/delete/{thread['id']}")).status == 204
    assert (await call(scene, "GET", "/get")).json == {"threads": []}
    assert (await call(scene, "GET", f"/get/{thread['id']}")).status == 404


async def test_the_list_is_read_page_by_page_until_there_is_no_cursor(stage: Stage) -> None:
    scene = await stage(says("a"))
    made = {(await call(scene, "POST", "/create", first())).json["id"] for _ in range(51)}
    page = (await call(scene, "GET", "/get")).json
    rest = (await call(scene, "GET", f"/get?cursor={page['nextCursor']}")).json
    assert {thread["id"] for thread in [*page["threads"], *rest["threads"]]} == made
    assert (len(page["threads"]), set(rest)) == (50, {"threads"})


async def test_a_failure_is_openuis_callout_after_the_partial_answer(stage: Stage) -> None:
    scene = await stage([Delta("root = Card(["), AnswerCut()], [AnswerCut('It said "no".')])
    await run(scene, "t", "r1", "one")
    body = {"threadId": "t", "runId": "r2", "messages": [{"id": "p", "role": "user", "content": "two"}]}
    assert (await scene.client.post("/api/agui", body)).status == AnswerCut.status
    answers = [m["content"] for m in (await call(scene, "GET", "/get/t")).json if m["role"] == "assistant"]
    assert answers == [
        "root = Card([",
        f'root = Card([TextCallout("danger", "{AnswerCut.title}", "{AnswerCut.detail}")])',
        f'root = Card([TextCallout("danger", "{AnswerCut.title}", "It said \\"no\\".")])',
    ]


async def test_a_prompt_whose_answer_is_being_written_has_its_run(stage: Stage) -> None:
    gate = asyncio.Event()
    scene = await stage([Delta("a"), gate, *says("b")])
    answer = scene.post_chat("hi", "r1", "t")
    await anext(answer)
    (prompt,) = [m for m in (await call(scene, "GET", "/get/t")).json if m["role"] == "user"]
    assert prompt["running"] == "r1"
    gate.set()
    await answer.whole()


C1_PROMPT = '<content thesys="true">show &lt;b&gt;</content><context>[&quot;User clicked&quot;,{}]</context>'
OPENUI_PROMPT = ']]>openui:content\nshow <b>\n]]>openui:context\n["User clicked: show",{"a":{"value":1}}]'


async def test_a_thread_of_c1s_client_is_read_in_words_and_one_of_openuis_too(stage: Stage) -> None:
    """Each client gets its own form back, and of the other's what a person typed."""
    scene = await stage(says("a"))
    await scene.ask(C1_PROMPT, "r1", "t")
    await run(scene, "t", "r2", OPENUI_PROMPT)
    by_openui = (await call(scene, "GET", "/get/t")).json
    assert [m["content"] for m in by_openui if m["role"] == "user"] == ["show <b>", OPENUI_PROMPT]
    by_c1 = (await scene.client.get("/api/threads/t/messages")).json
    assert [m["content"] for m in by_c1 if m["role"] == "user"] == [C1_PROMPT, "show <b>"]
    assert [m.content for m in scene.model.asked[1]][
        -1
    ] == OPENUI_PROMPT  # the model gets what the form holds
    created = await call(scene, "POST", "/create", first(OPENUI_PROMPT))
    assert created.json["title"] == "show <b>"


@pytest.mark.parametrize(
    ("sent", "body", "status", "field"),
    [
        ("POST /create", [], 400, None),
        ("POST /create", {"messages": "x"}, 422, "messages"),
        ("POST /create", {"messages": [{"role": "assistant", "content": "a"}]}, 422, "messages"),
        ("POST /create", first("  "), 422, "messages.0.content"),
        ("GET /get?cursor=x", b"", 422, "cursor"),
        ("GET /get/none", b"", 404, None),
        ("PATCH /update/none", {"title": "a"}, 404, None),
        ("PATCH /update/t", {"title": " "}, 422, "title"),
        ("PATCH /update/t", {"id": "t"}, 422, "title"),
    ],
)
async def test_what_is_wrong_is_told_with_its_place(
    stage: Stage, sent: str, body: object, status: int, field: str | None
) -> None:
    method, path = sent.split()
    answer = await call(await stage(says("a")), method, path, body)
    assert (answer.status, answer.json.get("field")) == (status, field)
    assert answer.headers["content-type"] == PROBLEM
