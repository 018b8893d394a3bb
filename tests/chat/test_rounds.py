"""The rounds of one turn: what the model is sent, and the tools between its calls."""

import pytest

from c1fn.errors import (
    AnswerCut,
    AnswerEmpty,
    AnswerTooLong,
    ContextTooLong,
    TooManyRounds,
)
from c1fn.events import Called, Delta, Ended, Failed, Finished, Returned
from c1fn.turn import Message, State, Usage
from tests.chat.scene import CALLS, Stage, ask, heard, text
from tests.scripted import STOP, Step, says


async def test_a_context_too_long_is_tried_once_more_with_half(stage: Stage) -> None:
    scene = stage(*(says(f"a{n}") for n in range(4)), [ContextTooLong()], says("well"))
    for n in range(4):
        await heard(await scene.chat.begin(ask(f"p{n}", f"r{n}")))
    assert text(await heard(await scene.chat.begin(ask("now", "r9")))) == "well"
    assert [len(messages) for messages in scene.model.asked[-2:]] == [9, 5]
    assert scene.model.asked[-1][0].content == "p2"


async def test_a_context_that_stays_too_long_fails(stage: Stage) -> None:
    scene = stage(says("a"), [ContextTooLong()])
    await heard(await scene.chat.begin(ask("p0", "r0")))
    await heard(await scene.chat.begin(ask("p1", "r1")))
    assert (await scene.turn(2)).error == "context_too_long"
    assert len(scene.model.asked) == 3


async def test_history_is_cut_at_whole_turns_within_its_budget(stage: Stage) -> None:
    scene = stage(says("x" * 20), says("y" * 20), says("z"), history_tokens=10)
    for n in range(3):
        await heard(await scene.chat.begin(ask(f"p{n}", f"r{n}")))
    assert [m.content for m in scene.model.asked[2]] == ["p1", "y" * 20, "p2"]


@pytest.mark.parametrize(
    ("script", "usage"),
    [
        ([Delta("abcdef"), Ended("stop", Usage())], Usage(1, 2)),
        ([Delta("abcdef"), AnswerCut()], Usage(1, 2)),
        ([Delta("abcdef"), Ended("stop", Usage(10, 5))], Usage(10, 5)),
        ([AnswerCut()], Usage()),
    ],
)
async def test_tokens_are_estimated_where_the_model_does_not_tell(
    stage: Stage, script: list[Step], usage: Usage
) -> None:
    """A model that did not even begin takes none."""
    scene = stage(script)
    await heard(await scene.chat.begin(ask()))
    assert (await scene.turn()).usage == usage


async def test_tools_run_between_rounds_and_the_whole_turn_is_stored(stage: Stage) -> None:
    scene = stage([Called(CALLS), Ended("tool_calls", Usage(1, 1))], says("7"))
    assert await heard(await scene.chat.begin(ask())) == [
        Called(CALLS),
        Returned(("c1", "c2")),
        Delta("7"),
        Finished(State.DONE),
    ]
    assert scene.model.asked[1][1:] == [
        Message("assistant", "", tool_calls=CALLS),
        Message("tool", "3", tool_call_id="c1"),
        Message("tool", "7", tool_call_id="c2"),
    ]
    turn = await scene.turn()
    assert (*scene.model.asked[1][1:], Message("assistant", "7")) == turn.reply
    assert turn.usage == Usage(11, 6)


async def test_a_round_that_ended_badly_fails_its_turn_and_its_tokens_count(stage: Stage) -> None:
    error = AnswerCut()
    scene = stage([Delta("a"), Ended("length", Usage(3, 2), error)])
    assert await heard(await scene.chat.begin(ask())) == [Delta("a"), Failed(error)]
    turn = await scene.turn()
    assert (turn.state, turn.error, turn.usage) == (State.FAILED, "answer_cut", Usage(3, 2))


async def test_blanks_alone_are_no_answer(stage: Stage) -> None:
    scene = stage([Delta(" \n"), STOP])
    *_, told = await heard(await scene.chat.begin(ask()))
    assert isinstance(told, Failed)
    assert type(told.error) is AnswerEmpty


async def test_what_a_model_wants_back_is_kept_and_comes_back(stage: Stage) -> None:
    wanted = Ended("tool_calls", Usage(), None, "[1]")
    scene = stage([Called(CALLS), wanted], [Delta("7"), Ended("stop", Usage(), None, "[2]")])
    await heard(await scene.chat.begin(ask()))
    assert scene.model.asked[1][1].opaque == "[1]"
    assert [message.opaque for message in (await scene.turn()).reply] == ["[1]", None, None, "[2]"]


async def test_text_before_a_call_is_part_of_the_answer(stage: Stage) -> None:
    scene = stage([Delta("Let me see. "), Called(CALLS), Ended("tool_calls", Usage())], says("7"))
    assert text(await heard(await scene.chat.begin(ask()))) == "Let me see. 7"
    assert text(await heard(await scene.chat.begin(ask()))) == "Let me see. 7"


async def test_rounds_are_bounded(stage: Stage) -> None:
    """No tool runs whose result no model would hear."""
    scene = stage([Called(CALLS), Ended("tool_calls", Usage())])
    *working, told = await heard(await scene.chat.begin(ask()))
    assert isinstance(told, Failed)
    assert type(told.error) is TooManyRounds
    assert len(scene.model.asked) == 3
    assert working == [Called(CALLS), Returned(("c1", "c2"))] * 2


@pytest.mark.parametrize("most", [50, 54])
async def test_what_tools_are_asked_and_say_is_part_of_the_turns_size(stage: Stage, most: int) -> None:
    """26 bytes of arguments and 2 of results in each round, two rounds long."""
    scene = stage([Called(CALLS), Ended("tool_calls", Usage())], max_answer=most)
    *working, told = await heard(await scene.chat.begin(ask()))
    assert isinstance(told, Failed)
    assert type(told.error) is AnswerTooLong
    assert len(working) == (2 if most < 54 else 3)


@pytest.mark.parametrize("cut", range(1, 6))
async def test_a_turn_cut_anywhere_leaves_no_call_without_its_result(stage: Stage, cut: int) -> None:
    """Whatever was stored, the next request to the model holds each call with its results or not at all."""
    first: list[Step] = [Delta("a"), Called(CALLS), Ended("tool_calls", Usage())]
    second: list[Step] = [Delta("b"), STOP]
    script = [*first, *second]
    script.insert(cut, AnswerCut())
    scene = stage(script[:4] if cut <= 3 else first, *([script[3:]] if cut > 3 else []), says("well"))
    await heard(await scene.chat.begin(ask()))
    await heard(await scene.chat.begin(ask("next", "r2")))
    for messages in [*scene.model.asked, list((await scene.turn()).reply)]:
        calls = [call.id for m in messages for call in m.tool_calls]
        assert calls == [m.tool_call_id for m in messages if m.role == "tool"]
