"""Forks through HTTP, by two owners, on the memory store and on DynamoDB."""

import asyncio

from c1fn.errors import ModelUnavailable
from c1fn.events import Delta
from tests.api.owners import ANN, BOB, Meet
from tests.scripted import says


async def test_try_again(meet: Meet) -> None:
    """The model is asked what it was asked the first time; the first answer stays in its thread."""
    scene = await meet(says("one"), says("two"), says("better"))
    await scene.say("t", "r1", "first")
    await scene.say("t", "r2", "second")
    asked = [message.content for message in scene.model.asked[-1]]
    made = await scene.call("POST", "/t/fork", {"threadId": "u", "before": "r2"})
    assert (made.status, made.json["threadId"], made.json["title"]) == (201, "u", "first")
    assert made.json["forkedFrom"] == {"threadId": "t", "responseId": "r1"}
    assert await scene.say("u", "r3", "second") == "better"
    assert [message.content for message in scene.model.asked[-1]] == asked
    assert await scene.texts("t") == ["first", "one", "second", "two"]
    assert await scene.texts("u") == ["first", "one", "second", "better"]


async def test_edit_a_prompt(meet: Meet) -> None:
    scene = await meet(says("one"), says("edited"))
    await scene.say("t", "r1", "first")
    made = await scene.call("POST", "/t/fork", {"threadId": "u", "before": "r1"})
    assert made.json["forkedFrom"] == {"threadId": "t", "responseId": None}
    assert await scene.texts("u") == []
    await scene.say("u", "r1", "first, edited")
    assert await scene.texts("u") == ["first, edited", "edited"]


async def test_the_list_tells_where_a_thread_came_from(meet: Meet) -> None:
    scene = await meet(says("one"))
    await scene.say("t", "r1", "first")
    made = (await scene.call("POST", "/t/fork")).json
    listed = {thread["threadId"]: thread for thread in (await scene.call("GET", "")).json["threads"]}
    assert listed.keys() == {"t", made["threadId"]}
    assert "forkedFrom" not in listed["t"]
    assert listed[made["threadId"]]["forkedFrom"] == {"threadId": "t", "responseId": "r1"}


async def test_the_same_request_again_returns_the_same_thread(meet: Meet) -> None:
    scene = await meet(says("one"), says("two"))
    await scene.say("t", "r1", "first")
    made = [await scene.call("POST", "/t/fork", {"threadId": "u"}) for _ in range(2)]
    assert [one.status for one in made] == [201, 201]
    assert made[0].json == made[1].json
    other = await scene.call("POST", "/t/fork", {"threadId": "u", "through": "r1"})
    assert (other.status, other.headers["c1fn-error"]) == (409, "thread_exists")
    assert (await scene.call("DELETE", "/u")).status == 204
    gone = await scene.call("POST", "/t/fork", {"threadId": "u"})
    assert (gone.status, gone.json["detail"]) == (404, "This conversation was deleted.")


async def test_a_running_turn_is_not_forked(meet: Meet) -> None:
    gate = asyncio.Event()
    scene = await meet(says("one"), [Delta("tw"), gate, *says("o")])
    await scene.say("t", "r1", "first")
    answer = scene.start("t", "r2", "second")
    await anext(answer)
    refused = [await scene.call("POST", "/t/fork", body) for body in ({}, {"through": "r2"})]
    assert [(one.status, one.headers["c1fn-error"]) for one in refused] == [(409, "thread_busy")] * 2
    assert "retry-after" in refused[0].headers
    assert (await scene.call("POST", "/t/fork", {"threadId": "u", "before": "r2"})).status == 201
    gate.set()
    await answer.whole()
    assert await scene.texts("u") == ["first", "one"]
    assert (await scene.call("POST", "/t/fork", {"through": "r2"})).status == 201


async def test_what_cannot_be_forked(meet: Meet) -> None:
    """Another's thread, a deleted one, an unknown answer, both ends: a clear error, and no thread."""
    scene = await meet(says("one"), says("his"))
    await scene.say("t", "r1", "first")
    await scene.say("d", "r1", "first")
    await scene.call("DELETE", "/d")
    for who, path, body, status, detail in (
        (BOB, "/t/fork", {}, 404, "no such conversation"),
        (ANN, "/d/fork", {}, 404, "no such conversation"),
        (ANN, "/x/fork", {}, 404, "no such conversation"),
        (ANN, "/t/fork", {"through": "r9"}, 404, "no such answer"),
        (ANN, "/t/fork", {"before": "r9"}, 404, "no such answer"),
        (ANN, "/t/fork", {"threadId": "t"}, 409, "another conversation"),
        (ANN, "/t/fork", {"through": "r1", "before": "r1"}, 422, "give one of them"),
        (ANN, "/t/fork", {"threadId": ""}, 422, "at least 1"),
        (ANN, "/t/fork", [], 400, "JSON object"),
    ):
        refused = await scene.call("POST", path, body, who)
        assert (refused.status, detail in refused.json["detail"]) == (status, True), refused.json
    assert [one["threadId"] for one in (await scene.call("GET", "")).json["threads"]] == ["t"]
    assert (await scene.call("GET", "", who=BOB)).json["threads"] == []


async def test_two_owners_fork_under_the_same_ids(meet: Meet) -> None:
    scene = await meet(says("hers"), says("his"))
    await scene.say("t", "r1", "ann asks")
    await scene.say("t", "r1", "bob asks", BOB)
    for who in (ANN, BOB):
        assert (await scene.call("POST", "/t/fork", {"threadId": "u"}, who)).status == 201
    assert (await scene.call("DELETE", "/t")).status == 204
    assert await scene.texts("u") == ["ann asks", "hers"]
    assert await scene.texts("u", BOB) == ["bob asks", "his"]


async def test_a_failed_answer_is_tried_again_in_a_fork(meet: Meet) -> None:
    """The failed turn is left out, and stays where it was."""
    scene = await meet(says("one"), [ModelUnavailable()], says("two"))
    await scene.say("t", "r1", "first")
    await scene.say("t", "r2", "second")
    await scene.call("POST", "/t/fork", {"threadId": "u", "before": "r2"})
    assert await scene.say("u", "r3", "second") == "two"
    assert await scene.texts("u") == ["first", "one", "second", "two"]
    assert len(await scene.texts("t")) == 4
