import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import pytest

from c1fn.api.app import build_app
from c1fn.chat.converse import Chat
from c1fn.chat.tools import Tools
from c1fn.errors import AnswerCut, Busy, ModelBusy, ModelUnavailable, TooManyAtOnce
from c1fn.events import Delta
from c1fn.identity.callers import by_key
from c1fn.stores import Opened
from c1fn.stores.memory import MemoryStore
from c1fn.telemetry.log import Line, Origin, RefusedLine, TurnLine, pseudonym, to_nobody
from c1fn.turn import Ask, State
from c1fn.wires.c1 import error_card
from tests.asgi import Client, Exchange, client_of
from tests.scripted import LIMITS, ScriptedModel, Step, says

BROWSER = {"sec-fetch-mode": "cors", "origin": "http://127.0.0.1", "accept": "*/*"}
PROBLEM = "application/problem+json"


def body(prompt: str = "hi", response_id: str = "r1", thread_id: str = "t") -> dict[str, Any]:
    message = {"id": "p1", "role": "user", "content": prompt}
    return {"prompt": message, "threadId": thread_id, "responseId": response_id}


@dataclass
class Scene:
    client: Client
    model: ScriptedModel
    store: MemoryStore
    lines: list[Line]

    async def ask(self, *about: Any, **headers: str) -> Exchange:
        return await self.client.post(
            "/api/chat", body(*about), headers={k.replace("_", "-"): v for k, v in headers.items()}
        )

    def post_chat(self, *about: Any, **scope: Any) -> Exchange:
        return self.client.request("POST", "/api/chat", body(*about), **scope)


Stage = Callable[..., Any]


@pytest.fixture
async def stage() -> AsyncGenerator[Stage, None]:
    async with AsyncExitStack() as stack:

        async def make(*rounds: list[Step], max_body: int = 10_000) -> Scene:
            model, store = ScriptedModel(*rounds), MemoryStore()
            lines: list[Line] = []
            chat = Chat(store, model, Tools(), LIMITS, lines.append)
            client = await stack.enter_async_context(client_of(build_app(lambda: chat, max_body=max_body)))
            return Scene(client, model, store, lines)

        yield make


# --- the quickstart's eight rows


async def test_the_deltas_leave_unframed_with_the_quickstarts_headers(stage: Stage) -> None:
    answer = await (await stage(says("<content>", "größe"))).ask()
    assert (answer.status, answer.body.decode()) == (200, "<content>größe")
    quickstarts = {"content-type": "text/event-stream", "cache-control": "no-cache, no-transform"}
    assert answer.headers == {**quickstarts, "x-content-type-options": "nosniff"}


async def test_the_first_delta_leaves_while_the_model_is_held(stage: Stage) -> None:
    gate = asyncio.Event()
    scene = await stage([Delta("a"), gate, *says("b")])
    answer = scene.post_chat()
    assert await anext(answer) == b"a"
    gate.set()
    assert (await answer.whole()).pieces == [b"a", b"b"]


async def test_the_prompt_is_stored_verbatim_and_the_answer_under_its_response_id(stage: Stage) -> None:
    scene = await stage(says("a"))
    await scene.ask('<content thesys="true">&lt;b&gt;</content>', "r7")
    (turn,) = await scene.store.load("anybody", "t")
    assert (turn.response_id, turn.prompt.content) == ("r7", '<content thesys="true">&lt;b&gt;</content>')
    assert (turn.prompt.id, turn.answer, turn.state) == ("p1", "a", State.DONE)


async def test_the_same_post_again_has_the_same_bytes(stage: Stage) -> None:
    scene = await stage(says("a", "b"), says("c"))
    assert (await scene.ask()).body == (await scene.ask()).body == b"ab"
    assert len(scene.model.asked) == 1


async def test_sixteen_posts_at_once_have_the_same_bytes_of_one_model_call(stage: Stage) -> None:
    gate = asyncio.Event()
    scene = await stage([Delta("a"), gate, *says("b")])
    answers = [scene.post_chat() for _ in range(16)]
    await anext(answers[0])
    gate.set()
    assert {(await answer.whole()).body for answer in answers} == {b"ab"}
    assert len(scene.model.asked) == 1


async def test_an_answer_can_be_read_again_by_its_name(stage: Stage) -> None:
    scene = await stage(says("ab"))
    await scene.ask()
    assert (await scene.client.get("/api/threads/t/turns/r1")).body == b"ab"
    assert (await scene.client.get("/api/threads/t/turns/r2")).status == 404


# --- refusals


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


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_over_the_limit_is_not_read(stage: Stage, declared: bool) -> None:  # noqa: FBT001 - a case
    scene = await stage(says("a"), max_body=1024)
    size = {"content-length": "999999"} if declared else {}
    answer = await scene.client.post("/api/chat", b"x" * (10 if declared else 1025), headers=size)
    assert (answer.status, answer.json["code"]) == (413, "too_large")
    assert answer.json["detail"] == "The body may have 1024 bytes at most. Send less at once."


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


async def test_a_model_that_fails_before_its_first_word_has_a_true_status(stage: Stage) -> None:
    scene = await stage([ModelBusy(retry_after=31.4)])
    answer = await scene.ask()
    assert (answer.status, answer.json["code"], answer.headers["retry-after"]) == (
        429,
        "model_rate_limited",
        "32",  # never earlier than was asked for
    )
    assert (await scene.store.load("anybody", "t"))[0].state is State.FAILED


async def test_a_model_that_fails_midway_is_seen_in_the_answer(stage: Stage) -> None:
    answer = await (await stage([Delta("a"), AnswerCut()])).ask()
    assert answer.body.decode() == "a" + error_card(AnswerCut())


async def test_a_bug_before_the_first_word_is_told_and_reaches_the_server(stage: Stage) -> None:
    scene = await stage([ZeroDivisionError("planted")])
    answer = scene.post_chat()
    with pytest.raises(ZeroDivisionError):
        await answer.whole()
    assert (answer.status, answer.json["code"]) == (500, "internal")
    assert b"planted" not in answer.body
    assert (await scene.store.load("anybody", "t"))[0].error == "internal"


async def test_an_unknown_path_and_a_wrong_method_are_told_in_the_same_form(stage: Stage) -> None:
    scene = await stage(says("a"))
    nowhere, wrong = await scene.client.get("/nowhere"), await scene.client.get("/api/chat")
    assert (nowhere.status, nowhere.headers["content-type"]) == (404, PROBLEM)
    assert (wrong.status, wrong.headers["content-type"], wrong.headers["allow"]) == (405, PROBLEM, "POST")


# --- the client leaves, the platform's deadline


@pytest.mark.parametrize("refuses", [True, False])
async def test_when_the_client_leaves_the_turn_is_finished_and_stored(stage: Stage, refuses: bool) -> None:  # noqa: FBT001 - a case
    gate = asyncio.Event()
    scene = await stage([Delta("a"), gate, *says("b")])
    answer = scene.post_chat()
    await anext(answer)
    answer.leave(refuses=refuses)
    gate.set()
    await answer.task
    (turn,) = await scene.store.load("anybody", "t")
    assert (turn.state, turn.answer) == (State.DONE, "ab")


class Deadline:
    """A Lambda context with this much time left."""

    def __init__(self, milliseconds: int) -> None:
        self._milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self._milliseconds


async def test_an_answer_ends_visibly_before_the_platforms_deadline(stage: Stage) -> None:
    scene = await stage([Delta("a"), asyncio.Event()])
    answer = await scene.post_chat(**{"aws.context": Deadline(4_010)}).whole()
    assert escape("The time for one answer is over.") in answer.body.decode()
    assert (await scene.store.load("anybody", "t"))[0].answer == "a"


# --- pages


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


async def test_a_wait_without_measure_is_cut_to_a_day(stage: Stage) -> None:
    answer = await (await stage([ModelBusy(retry_after=1e300)])).ask()
    assert answer.headers["retry-after"] == "86400"


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_bug(stage: Stage) -> None:
    scene = await stage(says("a"))
    exchange = scene.client.request("POST", "/api/chat", b'{"pro', whole=False)
    exchange.leave()
    assert (await exchange.whole()).json["code"] == "bad_request"
    assert scene.model.asked == []


async def test_a_length_that_is_no_number_any_more_is_too_large(stage: Stage) -> None:
    scene = await stage(says("a"))
    answer = await scene.client.post("/api/chat", b"{}", headers={"content-length": "9" * 5000})
    assert answer.status == 413


async def test_every_endpoint_is_documented_and_no_other(stage: Stage) -> None:
    schema = (await (await stage(says("a"))).client.get("/openapi.json")).json
    told = (Path(__file__).parents[2] / "docs/http.md").read_text("utf-8")
    served = {f"{verb.upper()} {path}" for path, verbs in schema["paths"].items() for verb in verbs}
    assert {
        found.partition("?")[0] for found in re.findall(r"^\| `([A-Z]+ /[^`]*)`", told, re.MULTILINE)
    } == served


# --- strangers


async def test_a_stranger_learns_nothing_from_any_endpoint() -> None:
    """Whatever is wrong with the request besides, it is told 401: no limit, no field, no id."""
    chat = Chat(MemoryStore(), ScriptedModel(says("a")), Tools(), LIMITS, lambda _: None)
    app = build_app(lambda: chat, max_body=1024, identify=by_key({"ann": "k"}))
    async with client_of(app) as client:
        for path, methods in app.openapi()["paths"].items():
            for method in methods if path != "/healthz" else ():
                url = f"{path.replace('{threadId}', '%00').replace('{responseId}', '%00')}?limit=none"
                answer = await client.request(method.upper(), url, b"x" * 2000).whole()
                assert (answer.status, answer.json["code"]) == (401, "unauthorized"), (method, path)


# --- the log


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


async def test_a_turn_carries_the_origin_of_its_request(stage: Stage) -> None:
    scene = await stage(says("a"))
    origin = Origin("req-1", "rest-api", True)
    await scene.post_chat(**{"c1fn.origin": origin}).whole()
    assert [line.origin for line in scene.lines] == [origin]


async def test_what_a_refusal_leaves_for_later_is_done_before_the_end() -> None:
    """A platform freezes the process then: a lock that is not given back stands until its lease ends."""
    gate, settling = asyncio.Event(), asyncio.Event()

    class Full(MemoryStore):
        async def open(self, ask: Ask, *, history: int) -> Opened:
            del ask, history
            raise TooManyAtOnce

        async def settle(self) -> None:
            settling.set()
            await gate.wait()

    chat = Chat(Full(), ScriptedModel(), Tools(), LIMITS, to_nobody)
    async with client_of(build_app(lambda: chat, max_body=10_000)) as client:
        exchange = client.request("POST", "/api/chat", body())
        assert exchange.task
        await asyncio.wait(
            {exchange.task, asyncio.ensure_future(settling.wait())}, return_when="FIRST_COMPLETED"
        )
        assert not exchange.task.done()
        gate.set()
        assert (await exchange.whole()).status == TooManyAtOnce.status
