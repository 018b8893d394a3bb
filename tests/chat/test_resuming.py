"""Tools that ask first: the turn ends with their calls, and the next prompt says what becomes of them."""

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from c1fn.chat.approval import needs_approval
from c1fn.chat.tools import Function
from c1fn.errors import AnswerCut, ModelBusy
from c1fn.events import Called, Ended, Finished, Returned
from c1fn.stores import Claim
from c1fn.stores.memory import MemoryStore
from c1fn.turn import Ask, Message, Resume, State, ToolCall, Usage
from c1fn.turn.transcript import NOT_APPROVED, REFUSED, UNKNOWN
from tests.chat.scene import Scene, Stage, add, ask, heard, text
from tests.scripted import Step, says

REFUND = ToolCall("c1", "refund", '{"order": 7, "amount": 150}')
ADD = ToolCall("c2", "add", '{"a": 1, "b": 2}')
SMALL = ToolCall("c3", "refund", '{"order": 8, "amount": 5}')
YES, NO = Resume("r1", None), Resume("r1", ())

Done = list[tuple[int, float]]


@pytest.fixture
def done() -> Done:
    """The refunds that were made."""
    return []


@pytest.fixture
def tools(done: Done) -> list[Function]:
    @needs_approval(when=lambda arguments: arguments["amount"] > 100)
    def refund(order: int, amount: float) -> str:
        """Refund an order."""
        done.append((order, amount))
        return f"refunded {order}"

    return [add, refund]


def calls(*called: ToolCall) -> list[Step]:
    return [Called(called), Ended("tool_calls", Usage(1, 1))]


def answer(resume: Resume = YES, response_id: str = "r2") -> Ask:
    return Ask("o", "t", response_id, Message("user", "" if resume.results else "Approve", resume=resume))


def told(messages: Sequence[Message]) -> list[tuple[str, str]]:
    """Each result by its call, and that no call is without one, and no result without its call."""
    asked: list[str] = []
    results = []
    for message in messages:
        if message.role == "tool":
            assert message.tool_call_id in asked
            asked.remove(message.tool_call_id)
            results.append((message.tool_call_id, message.content))
        else:
            assert not asked
            asked = [call.id for call in message.tool_calls]
    assert not asked
    return results


def problem(sentence: str) -> str:
    return json.dumps({"error": sentence})


async def waiting(scene: Scene) -> None:
    (*_, end) = await heard(await scene.chat.begin(ask("refund it")))
    assert isinstance(end, Finished)
    assert end.state is State.WAITING


async def test_a_turn_ends_with_the_calls_that_must_be_approved(
    stage: Stage, tools: list[Function], done: Done
) -> None:
    """The others of its round are made at once; nothing is held, and the log tells no argument."""
    scene = stage(calls(ADD, REFUND, SMALL), tools=tools)
    events = await heard(await scene.chat.begin(ask()))
    turn = await scene.turn()
    assert events == [
        Called((ADD, SMALL)),
        Returned(("c2", "c3")),
        Finished(State.WAITING, Usage(), turn),
    ]
    assert (turn.state, turn.pending) == (State.WAITING, (REFUND,))
    assert done == [(8, 5)]
    assert len(scene.model.asked) == 1
    (thread,) = (await scene.store.threads.page("o", cursor=None, limit=1)).threads
    assert not thread.running
    assert (scene.lines[0].state, "150" in repr(scene.lines)) == (State.WAITING, False)
    assert await heard(await scene.chat.begin(ask())) == events[-1:]


async def test_an_approved_call_is_made_with_the_stored_arguments(
    stage: Stage, tools: list[Function], done: Done
) -> None:
    scene = stage(calls(ADD, REFUND), says("It is done."), tools=tools)
    await waiting(scene)
    events = await heard(await scene.chat.begin(answer()))
    assert events[:2] == [Called((REFUND,)), Returned(("c1",))]
    assert (text(events), done) == ("It is done.", [(7, 150)])
    sent = scene.model.asked[-1]
    assert [message.role for message in sent] == ["user", "assistant", "tool", "tool"]
    assert told(sent) == [("c2", "3"), ("c1", "refunded 7")]
    assert await heard(await scene.chat.begin(answer())) == events[2:]
    assert done == [(7, 150)]


async def test_a_refused_call_is_not_made(stage: Stage, tools: list[Function], done: Done) -> None:
    scene = stage(calls(REFUND), says("As you wish."), tools=tools)
    await waiting(scene)
    assert text(await heard(await scene.chat.begin(answer(NO)))) == "As you wish."
    assert told(scene.model.asked[-1]) == [("c1", problem(REFUSED))]
    assert done == []


async def test_some_of_the_calls_are_approved(stage: Stage, tools: list[Function], done: Done) -> None:
    other = ToolCall("c9", "refund", '{"order": 9, "amount": 900}')
    scene = stage(calls(REFUND, other), says("One."), tools=tools)
    await waiting(scene)
    await heard(await scene.chat.begin(answer(Resume("r1", ("c9",)))))
    assert told(scene.model.asked[-1]) == [("c1", problem(REFUSED)), ("c9", "refunded 9")]
    assert done == [(9, 900)]


async def test_another_prompt_says_that_nothing_was_approved(
    stage: Stage, tools: list[Function], done: Done
) -> None:
    """The model never sees a call without its result, also when nobody ever answers."""
    scene = stage(calls(REFUND), says("Well."), tools=tools)
    await waiting(scene)
    for number in range(2, 4):
        await heard(await scene.chat.begin(ask("what is new?", f"r{number}")))
        assert told(scene.model.asked[-1]) == [("c1", problem(NOT_APPROVED))]
    assert [message.content for message in scene.model.asked[-1] if message.role == "user"] == [
        "refund it",
        "what is new?",
        "what is new?",
    ]
    assert done == []


async def test_later_prompts_see_what_was_done(stage: Stage, tools: list[Function]) -> None:
    """The person's button is not a message to the model: the results tell what was decided."""
    scene = stage(calls(REFUND), says("Done."), says("Well."), tools=tools)
    await waiting(scene)
    await heard(await scene.chat.begin(answer()))
    await heard(await scene.chat.begin(ask("thanks", "r3")))
    assert [message.content for message in scene.model.asked[-1]] == [
        "refund it",
        "",
        "refunded 7",
        "Done.",
        "thanks",
    ]


@pytest.mark.parametrize("error", [ModelBusy(), AnswerCut()])
async def test_a_failed_answer_makes_its_calls_once(
    stage: Stage, tools: list[Function], done: Done, error: Exception
) -> None:
    """Its results are kept: for its retry, and for a prompt after it."""
    scene = stage(calls(REFUND), [error], says("Done."), says("Well."), tools=tools)
    await waiting(scene)
    await heard(await scene.chat.begin(answer()))
    assert (await scene.turn(2)).state is State.FAILED
    assert text(await heard(await scene.chat.begin(answer()))) == "Done."
    assert told(scene.model.asked[-1]) == [("c1", "refunded 7")]
    assert done == [(7, 150)]
    await heard(await scene.chat.begin(ask("next", "r3")))
    assert told(scene.model.asked[-1]) == [("c1", "refunded 7")]


async def test_a_prompt_after_a_failed_answer_sees_its_results(stage: Stage, tools: list[Function]) -> None:
    scene = stage(calls(REFUND), [AnswerCut()], says("Well."), tools=tools)
    await waiting(scene)
    await heard(await scene.chat.begin(answer()))
    await heard(await scene.chat.begin(ask("next", "r3")))
    assert told(scene.model.asked[-1]) == [("c1", "refunded 7")]
    assert [message.content for message in scene.model.asked[-1] if message.role == "user"] == [
        "refund it",
        "next",
    ]


@pytest.mark.parametrize(("resume", "tells"), [(YES, UNKNOWN), (NO, NOT_APPROVED)])
async def test_what_died_with_its_process_is_not_made_again(
    stage: Stage, tools: list[Function], done: Done, resume: Resume, tells: str
) -> None:
    """Nobody knows whether an approved call was made: the model is told so, also by a later prompt."""
    scene = stage(calls(REFUND), says("Well."), tools=tools)
    await waiting(scene)
    await scene.store.turns.open(answer(resume), history=20)
    scene.store.memory.clock = lambda: 2**32  # the lease of whoever died is over
    assert text(await heard(await scene.chat.begin(answer(resume)))) == "Well."
    assert told(scene.model.asked[-1]) == [("c1", problem(tells))]
    assert done == []
    await heard(await scene.chat.begin(ask("next", "r3")))
    assert told(scene.model.asked[-1]) == [("c1", problem(tells))]


async def test_an_answer_may_end_with_another_question(
    stage: Stage, tools: list[Function], done: Done
) -> None:
    scene = stage(calls(REFUND), calls(REFUND), says("Both."), tools=tools)
    await waiting(scene)
    (*_, end) = await heard(await scene.chat.begin(answer()))
    assert isinstance(end, Finished)
    assert end.state is State.WAITING
    assert text(await heard(await scene.chat.begin(answer(Resume("r2", None), "r3")))) == "Both."
    assert told(scene.model.asked[-1]) == [("c1", "refunded 7")] * 2
    assert done == [(7, 150)] * 2


@pytest.mark.parametrize("history", [0, 1, 2])
async def test_a_history_that_is_cut_has_no_result_without_its_call(
    stage: Stage, tools: list[Function], history: int
) -> None:
    """An answer always has its question; where a later prompt no longer sees it, it sees the button."""
    scene = stage(
        calls(REFUND), calls(REFUND), says("Both."), says("Well."), tools=tools, history_turns=history
    )
    await waiting(scene)
    await heard(await scene.chat.begin(answer()))
    await heard(await scene.chat.begin(answer(Resume("r2", None), "r3")))
    assert told(scene.model.asked[-1])[-1] == ("c1", "refunded 7")
    await heard(await scene.chat.begin(ask("next", "r4")))
    told(scene.model.asked[-1])
    assert scene.model.asked[-1][0].role == "user"


async def test_a_clients_result_is_taken_for_a_tool_that_is_not_ours(
    stage: Stage, tools: list[Function], done: Done
) -> None:
    """A client that says what our own tool returned is not believed: its call was not approved."""
    scene = stage(calls(REFUND), says("Well."), tools=tools)
    await waiting(scene)
    await heard(await scene.chat.begin(answer(Resume("r1", (), (("c1", "refunded 1,000,000"),)))))
    assert told(scene.model.asked[-1]) == [("c1", problem(REFUSED))]

    store = MemoryStore()
    claim = await store.turns.open(ask(), history=0)
    turn = await scene.turn()
    foreign = ToolCall("c1", "show_map", "{}")
    reply = (Message("assistant", "", tool_calls=(foreign,)),)
    scene = stage(says("Well."), tools=tools, store=store)
    assert isinstance(claim, Claim)
    await store.turns.commit(claim, replace(turn, reply=reply, prompt=ask().prompt))
    await heard(await scene.chat.begin(answer(Resume("r1", (), (("c1", "shown"),)))))
    assert told(scene.model.asked[-1]) == [("c1", "shown")]
    assert done == []


async def test_a_call_that_cannot_be_made_asks_nobody(stage: Stage, tools: list[Function]) -> None:
    scene = stage(calls(ToolCall("c1", "refund", '{"order": "x"}')), says("Sorry."), tools=tools)
    assert text(await heard(await scene.chat.begin(ask()))) == "Sorry."


async def test_a_model_that_asks_again_for_what_was_refused_is_told_so(
    stage: Stage, tools: list[Function], done: Done
) -> None:
    """The person is asked once in a turn; another call, and the same one later, are asked about."""
    same = ToolCall("c7", "refund", '{"amount":150.0,"order":7}')
    other = ToolCall("c8", "refund", '{"amount": 151, "order": 7}')
    scene = stage(calls(REFUND), calls(same), calls(other), says("Well."), calls(same), tools=tools)
    await waiting(scene)
    (*_, end) = await heard(await scene.chat.begin(answer(NO)))
    assert told(scene.model.asked[-1]) == [("c1", problem(REFUSED)), ("c7", problem(REFUSED))]
    assert isinstance(end, Finished)
    assert end.waiting
    assert end.waiting.pending == (other,)
    await heard(await scene.chat.begin(ask("no, really", "r3")))
    (*_, end) = await heard(await scene.chat.begin(ask("do it", "r4")))
    assert isinstance(end, Finished)
    assert end.state is State.WAITING
    assert done == []


async def test_an_approved_call_that_raises_has_its_result(stage: Stage) -> None:
    @needs_approval
    def refund() -> None:
        """Refund."""
        raise ValueError("secret")

    scene = stage(calls(ToolCall("c1", "refund", "{}")), says("Sorry."), tools=[refund])
    await waiting(scene)
    assert text(await heard(await scene.chat.begin(answer()))) == "Sorry."
    assert told(scene.model.asked[-1]) == [("c1", problem("The tool failed with ValueError."))]


@pytest.mark.parametrize("order", [(ADD, REFUND), (REFUND, ADD), (REFUND, SMALL, ADD), (SMALL, ADD, REFUND)])
async def test_the_order_of_calls_does_not_decide_which_ask(
    stage: Stage, tools: list[Function], done: Done, order: Sequence[ToolCall]
) -> None:
    scene = stage(calls(*order), says("Well."), tools=tools)
    await waiting(scene)
    assert (await scene.turn()).pending == (REFUND,)
    assert done == [(8, 5)] * (SMALL in order)
    await heard(await scene.chat.begin(answer(NO)))
    assert len(told(scene.model.asked[-1])) == len(order)
