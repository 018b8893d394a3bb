"""A question is asked and answered through HTTP, by two owners, on the memory store and on DynamoDB."""

import asyncio
import json
from html import escape
from typing import Any

import pytest

from c1fn.api.threads import visible
from c1fn.api.wires.question import APPROVE, REFUSE
from c1fn.chat.approval import needs_approval
from c1fn.events import Called, Ended
from c1fn.turn import ANSWERABLE, Message, State, ToolCall, Turn, Usage
from tests.api.owners import ANN, BOB, Meet, Owners
from tests.asgi import Exchange
from tests.scripted import Step, says

CALL = ToolCall("c1", "refund", '{"order": 7, "note": "50% <b>off</b>\\u202e"}')
ASKS: list[Step] = [Called((CALL,)), Ended("tool_calls", Usage(1, 1))]
APPROVALS = "/t/turns/r1/approvals"

made: list[int] = []


@needs_approval
def refund(order: int, note: str = "") -> str:
    """Refund an order."""
    made.append(order)
    return "refunded" if note else "refunded without a note"


@pytest.fixture(autouse=True)
def none_made() -> None:
    made.clear()


def pressed(button: str, words: str) -> str:
    """What the official client sends for a button."""
    context = json.dumps([f"User clicked on Button: {button}", {}])
    return f'<content thesys="true">{words}</content><context>{escape(context)}</context>'


async def press(scene: Owners, button: str, response: str = "r2", who: dict[str, str] = ANN) -> Exchange:
    return await scene.start("t", response, pressed(button, "Approve"), who).whole()


def approve(*calls: str, response: str = "r2") -> dict[str, Any]:
    return {"responseId": response, "approved": calls}


async def waiting(scene: Owners) -> str:
    return await scene.say("t", "r1", "refund it")


async def test_the_person_sees_what_would_be_done_and_two_buttons(meet: Meet) -> None:
    """As a card, in the stream and when the thread is loaded, and as data; nothing has been done."""
    scene = await meet(ASKS, tools=[refund])
    card = await waiting(scene)
    for shown in ("`refund`", "order", ": 7", "50% <b>off</b>", "u202e", f"{APPROVE}r1", f"{REFUSE}r1"):
        assert escape(shown) in card
    assert card.count("<content thesys") == 1
    _, answer = (await scene.call("GET", "/t/messages")).json
    assert answer["content"] == card
    calls = [{"callId": "c1", "name": "refund", "arguments": CALL.arguments}]
    assert answer["waiting"]["calls"] == calls
    assert await scene.say("t", "r1", "refund it") == card
    assert made == []
    assert "50%" not in str(scene.lines)


@pytest.mark.parametrize("by_button", [True, False])
@pytest.mark.parametrize("yes", [True, False])
async def test_the_answer_makes_the_call_or_not(meet: Meet, *, by_button: bool, yes: bool) -> None:
    """Once: the same answer is the same bytes, another one is refused."""
    scene = await meet(ASKS, says("Well."), tools=[refund])
    await waiting(scene)

    async def answer(response: str = "r2") -> Any:
        if by_button:
            return await press(scene, f"{APPROVE if yes else REFUSE}r1", response)
        return await scene.call("POST", APPROVALS, approve(*["c1"] * yes, response=response))

    first = await answer()
    assert (first.status, first.body.decode().endswith("Well.")) == (200, True)
    assert (await answer()).body == b"Well."
    again = await answer("r3")
    assert (again.status, again.headers["c1fn-error"]) == (409, "not_waiting")
    assert made == [7] * yes
    asked, card, said, done = await scene.texts("t")
    assert (asked, done) == ("refund it", "Well.")
    assert said.endswith("</context>") if by_button else said == ("Approve" if yes else "Refuse")
    assert "This was asked" in card
    assert "Nothing is done" not in card
    (result,) = [message.content for message in scene.model.asked[-1] if message.role == "tool"]
    assert result == "refunded" if yes else "refused" in result


async def test_twice_at_once_is_once(meet: Meet) -> None:
    """Two devices answer; one is told that it was too late. The same answer twice is one."""
    scene = await meet(ASKS, says("Well."), tools=[refund])
    await waiting(scene)
    answers = await asyncio.gather(
        *(press(scene, f"{APPROVE}r1", response) for response in ("r2", "r2", "r3", "r4")),
        scene.call("POST", APPROVALS, approve("c1", response="r5")),
    )
    assert made == [7]
    refused = [answer for answer in answers if answer.status != 200]
    assert {answer.headers["c1fn-error"] for answer in refused} <= {"thread_busy", "not_waiting"}
    assert 3 <= len(refused) <= 4
    assert len(await scene.texts("t")) == 4


async def test_nobody_else_can_answer(meet: Meet) -> None:
    """A stranger, to the same thread; and it makes him no thread."""
    scene = await meet(ASKS, says("Well."), tools=[refund])
    await waiting(scene)
    assert (await press(scene, f"{APPROVE}r1", who=BOB)).headers["c1fn-error"] == "not_waiting"
    assert (await scene.call("POST", APPROVALS, approve("c1"), BOB)).headers["c1fn-error"] == "not_waiting"
    assert (await scene.call("GET", "", who=BOB)).json["threads"] == []
    assert made == []


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        (APPROVALS, approve("c2"), "not_waiting"),
        (APPROVALS, approve("c1", response="r1"), "response_id_mismatch"),
        ("/t/turns/r9/approvals", approve("c1"), "not_waiting"),
        ("/u/turns/r1/approvals", approve("c1"), "not_waiting"),
        (APPROVALS, {"approved": ["c1"]}, "bad_field"),
        (APPROVALS, {"responseId": "r2"}, "bad_field"),
        (APPROVALS, {"responseId": "r2", "approved": True}, "bad_field"),
        (APPROVALS, {"responseId": "r2", "approved": ["c1"] * 129}, "bad_field"),
        (APPROVALS, b"", "not_json"),
    ],
)
async def test_what_is_no_answer_changes_nothing(meet: Meet, path: str, body: object, code: str) -> None:
    scene = await meet(ASKS, says("Well."), tools=[refund])
    await waiting(scene)
    assert (await scene.call("POST", path, body)).headers["c1fn-error"] == code
    assert made == []
    assert (await scene.call("POST", APPROVALS, approve("c1"))).status == 200
    assert made == [7]


async def test_other_arguments_are_not_taken(meet: Meet) -> None:
    """The stored call is made, whatever else a request holds."""
    scene = await meet(ASKS, says("Well."), tools=[refund])
    await waiting(scene)
    body = approve("c1") | {"arguments": '{"order": 8}', "calls": [{"callId": "c1", "arguments": "{}"}]}
    assert (await scene.call("POST", APPROVALS, body)).status == 200
    assert made == [7]


async def test_a_stop_does_not_answer_a_question(meet: Meet) -> None:
    """Nothing runs that could be stopped."""
    scene = await meet(ASKS, says("Well."), tools=[refund])
    await waiting(scene)
    assert (await scene.call("POST", "/t/stop")).json == {"stopping": False}
    assert (await press(scene, f"{APPROVE}r1")).status == 200
    assert made == [7]


async def test_a_shared_link_shows_no_question(meet: Meet) -> None:
    """Whoever has the link sees what was said, and not what a tool was asked."""
    scene = await meet(ASKS, tools=[refund])
    await waiting(scene)
    token = (await scene.call("POST", "/t/shares")).json["token"]
    opened = await scene.client.request("GET", f"/api/shares/{token}").whole()
    assert [message["content"] for message in opened.json["messages"]] == ["refund it"]


async def test_a_browser_is_told_by_a_card_that_nothing_waits(meet: Meet) -> None:
    scene = await meet(ASKS, says("Well."), tools=[refund])
    await waiting(scene)
    await press(scene, f"{REFUSE}r1")
    browser = ANN | {"sec-fetch-mode": "cors", "accept": "*/*"}
    told = await press(scene, f"{APPROVE}r1", "r3", browser)
    assert (told.status, told.headers["c1fn-error"]) == (200, "not_waiting")
    assert b"Nothing waits for this answer" in told.body


def test_a_question_is_open_while_it_is_the_newest_and_in_time() -> None:
    reply = (Message("assistant", "Shall I?", tool_calls=(CALL,)),)
    turn = Turn(1, "r1", State.WAITING, Message("user", "x"), 1000.0, reply)
    for now, is_open in ((1000.0, True), (1000 + ANSWERABLE, False), (None, False)):
        _, answer = visible([turn], now=now)
        assert ("waiting" in answer, "Nothing is done" in answer["content"]) == (is_open, is_open)
        assert answer["content"].startswith("Shall I?")


def test_a_question_stands_below_the_text_in_one_card() -> None:
    reply = (Message("assistant", "Shall I?", tool_calls=(CALL,)),)
    turn = Turn(1, "r1", State.WAITING, Message("user", "x"), 1000.0, reply)
    _, answer = visible([turn], cards=True, now=1000.0)
    assert answer["content"].count("<content") == 1
    assert "Shall I?" in answer["content"]


async def test_a_history_of_a_thread_that_nobody_answered(meet: Meet) -> None:
    """A new prompt instead of an answer: the question is closed."""
    scene = await meet(ASKS, says("Well."), tools=[refund])
    await waiting(scene)
    await scene.say("t", "r2", "never mind")
    assert (await press(scene, f"{APPROVE}r1", "r3")).headers["c1fn-error"] == "not_waiting"
    assert made == []
    messages = (await scene.call("GET", "/t/messages")).json
    assert not any("waiting" in message for message in messages)
