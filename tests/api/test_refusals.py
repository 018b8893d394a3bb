"""How a request is refused, and the line that it leaves in the log."""

import asyncio

import pytest

from c1fn.api.app import build_app
from c1fn.api.wires.c1 import error_card
from c1fn.chat.converse import Chat
from c1fn.chat.tools import Tools
from c1fn.errors import Busy, ModelBusy, ModelUnavailable, TooManyAtOnce
from c1fn.events import Delta
from c1fn.stores import Opened
from c1fn.stores.memory import MemoryStore
from c1fn.stores.memory.turns import MemoryTurns
from c1fn.telemetry.log import Origin, RefusedLine, TurnLine, pseudonym, to_nobody
from c1fn.turn import Ask
from tests.api.scene import BROWSER, PROBLEM, Stage, body
from tests.asgi import client_of
from tests.scripted import LIMITS, ScriptedModel, says


async def test_a_malformed_request_is_told_with_its_field(stage: Stage) -> None:
    scene = await stage(says("a"))
    answer = await scene.client.post("/api/chat", {**body(), "threadId": "a\nb"}, headers=BROWSER)
    assert (answer.status, answer.headers["content-type"]) == (422, PROBLEM)
    assert answer.json == {
        "type": "urn:c1fn:error:bad_field",
        "title": "A field is missing or wrong",
        "status": 422,
        "detail": "must not contain control characters",
        "code": "bad_field",
        "field": "threadId",
    }


async def test_a_busy_thread_has_a_true_status_for_every_client_but_a_browser(stage: Stage) -> None:
    gate = asyncio.Event()
    scene = await stage([Delta("a"), gate, *says("b")])
    await anext(scene.post_chat())
    plain = await scene.ask("other", "r2")
    assert (plain.status, plain.headers["content-type"], plain.json["code"]) == (409, PROBLEM, "thread_busy")
    assert plain.headers["retry-after"] == "2"
    assert plain.headers["c1fn-error"] == "thread_busy"
    gate.set()


async def test_a_browser_is_shown_the_same_refusal_as_a_card(stage: Stage) -> None:
    gate = asyncio.Event()
    scene = await stage([Delta("a"), gate, *says("b")])
    await anext(scene.post_chat())
    shown = await scene.client.post("/api/chat", body("other", "r2"), headers=BROWSER)
    assert (shown.status, shown.headers["c1fn-error"]) == (200, "thread_busy")
    assert shown.body.decode() == error_card(Busy())
    gate.set()


async def test_a_browser_that_asks_for_json_gets_it(stage: Stage) -> None:
    scene = await stage([ModelUnavailable()])
    answer = await scene.client.post("/api/chat", body(), headers={**BROWSER, "accept": "application/json"})
    assert (answer.status, answer.json["code"]) == (503, "model_unavailable")


async def test_an_unknown_path_and_a_wrong_method_are_told_in_the_same_form(stage: Stage) -> None:
    scene = await stage(says("a"))
    nowhere, wrong = await scene.client.get("/nowhere"), await scene.client.get("/api/chat")
    assert (nowhere.status, nowhere.headers["content-type"]) == (404, PROBLEM)
    assert (wrong.status, wrong.headers["content-type"], wrong.headers["allow"]) == (405, PROBLEM, "POST")
    assert wrong.start
    assert [name.lower() for name, _ in wrong.start["headers"]].count(b"allow") == 1


async def test_a_wait_without_measure_is_cut_to_a_day(stage: Stage) -> None:
    answer = await (await stage([ModelBusy(retry_after=1e300)])).ask()
    assert answer.headers["retry-after"] == "86400"


async def test_a_refused_request_is_a_line_that_names_no_path(stage: Stage) -> None:
    """Whose it was is told as a pseudonym, and where it was sent by the path's pattern alone."""
    scene = await stage(says("a"))
    origin = Origin("req-1", "rest-api")
    await scene.client.get("/api/threads/planted/messages", **{"c1fn.origin": origin})
    await scene.client.get("/planted")
    assert scene.lines == [
        RefusedLine(
            origin, pseudonym("anybody"), "GET", "/api/threads/{threadId}/messages", 404, "not_found"
        ),
        RefusedLine(Origin(), None, "GET", None, 404, "not_found"),
    ]


async def test_a_busy_thread_is_a_refused_request(stage: Stage) -> None:
    gate = asyncio.Event()
    scene = await stage([Delta("a"), gate, *says("b")])
    first = scene.post_chat()
    await anext(first)
    await scene.ask("other", "r2")
    gate.set()
    await first.whole()
    assert [(line.event, line.error) for line in scene.lines] == [("refused", "thread_busy"), ("turn", None)]


async def test_a_turn_that_failed_before_its_first_word_is_one_line(stage: Stage) -> None:
    scene = await stage([ModelBusy()])
    assert (await scene.ask()).status == 429
    (line,) = scene.lines
    assert isinstance(line, TurnLine)
    assert line.error == "model_rate_limited"


async def test_a_bug_in_a_turn_is_one_line(stage: Stage) -> None:
    """Told by the turn; the platform gets the exception itself."""
    scene = await stage([ZeroDivisionError()])
    with pytest.raises(ZeroDivisionError):
        await scene.ask()
    assert [(line.event, line.error) for line in scene.lines] == [("turn", "internal")]


async def test_an_answer_that_cannot_be_followed_is_a_refused_request(stage: Stage) -> None:
    scene = await stage(says("a"))
    await scene.client.get("/api/threads/t/turns/r")
    assert [(line.event, line.error) for line in scene.lines] == [("refused", "not_found")]


async def test_what_a_refusal_leaves_for_later_is_done_before_the_end() -> None:
    """A platform freezes the process then: a lock that is not given back stands until its lease ends."""
    gate, settling = asyncio.Event(), asyncio.Event()

    class Full(MemoryTurns):
        async def open(self, ask: Ask, *, history: int) -> Opened:
            del ask, history
            raise TooManyAtOnce

    class Settling(MemoryStore):
        async def settle(self) -> None:
            settling.set()
            await gate.wait()

    store = Settling()
    store.turns = Full(store.memory, asyncio.sleep, lambda: "attempt")
    chat = Chat(store, ScriptedModel(), Tools(), LIMITS, to_nobody)
    async with client_of(build_app(lambda: chat, max_body=10_000)) as client:
        exchange = client.request("POST", "/api/chat", body())
        assert exchange.task
        await asyncio.wait(
            {exchange.task, asyncio.ensure_future(settling.wait())}, return_when="FIRST_COMPLETED"
        )
        assert not exchange.task.done()
        gate.set()
        assert (await exchange.whole()).status == TooManyAtOnce.status
