"""The chat endpoints: a prompt is answered as the quickstart answers it, an answer is followed."""

import asyncio
from html import escape

import pytest

from c1fn.api.wires.c1 import error_card
from c1fn.errors import AnswerCut, ModelBusy
from c1fn.events import Delta
from c1fn.telemetry.log import Origin
from c1fn.turn import State
from tests.api.scene import Stage
from tests.scripted import says


async def test_the_deltas_leave_unframed_with_the_quickstarts_headers(stage: Stage) -> None:
    answer = await (await stage(says("<content>", "größe"))).ask()
    assert (answer.status, answer.body.decode()) == (200, "<content>größe")
    quickstarts = {"content-type": "text/event-stream", "cache-control": "no-cache, no-transform, no-store"}
    assert answer.headers == {**quickstarts, "x-content-type-options": "nosniff"}  # no-store is ours


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
    (turn,) = await scene.store.threads.load("anybody", "t")
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


async def test_a_model_that_fails_before_its_first_word_has_a_true_status(stage: Stage) -> None:
    scene = await stage([ModelBusy(retry_after=31.4)])
    answer = await scene.ask()
    assert (answer.status, answer.json["code"], answer.headers["retry-after"]) == (
        429,
        "model_rate_limited",
        "32",  # never earlier than was asked for
    )
    assert (await scene.store.threads.load("anybody", "t"))[0].state is State.FAILED


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
    assert (await scene.store.threads.load("anybody", "t"))[0].error == "internal"


@pytest.mark.parametrize("refuses", [True, False])
async def test_when_the_client_leaves_the_turn_is_finished_and_stored(stage: Stage, refuses: bool) -> None:  # noqa: FBT001 - a case
    gate = asyncio.Event()
    scene = await stage([Delta("a"), gate, *says("b")])
    answer = scene.post_chat()
    await anext(answer)
    answer.leave(refuses=refuses)
    gate.set()
    await answer.task
    (turn,) = await scene.store.threads.load("anybody", "t")
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
    assert (await scene.store.threads.load("anybody", "t"))[0].answer == "a"


async def test_a_turn_carries_the_origin_of_its_request(stage: Stage) -> None:
    scene = await stage(says("a"))
    origin = Origin("req-1", "rest-api", True)
    await scene.post_chat(**{"c1fn.origin": origin}).whole()
    assert [line.origin for line in scene.lines] == [origin]
