"""The books of a turn: what is kept of it wherever it is cut."""

import json
import tracemalloc
from dataclasses import asdict

import pytest

from c1fn.chat.draft import Draft
from c1fn.errors import AnswerTooLong, OutOfTime
from c1fn.stores import Claim
from c1fn.telemetry.log import LOCAL
from c1fn.telemetry.timings import Watch
from c1fn.turn import Ask, Message, State, ToolCall, Usage

CALL = ToolCall("c1", "add", '{"a":1}')
RESULT = Message("tool", "2", tool_call_id="c1")


@pytest.fixture
async def draft() -> Draft:
    ask = Ask("owner", "t", "r", Message("user", "hi"))
    return Draft(Claim(ask, 3, "attempt", 7.0, ()), LOCAL, Watch(lambda: 1.0))


async def test_a_turn_cut_in_a_round_keeps_the_rounds_before_and_what_was_said(draft: Draft) -> None:
    draft.hear("let me see", 100)
    draft.close_round((CALL,), (RESULT,))
    draft.hear("it is", 100)
    turn = draft.turn(State.FAILED, OutOfTime())
    assert turn.reply == (
        Message("assistant", "let me see", tool_calls=(CALL,)),
        RESULT,
        Message("assistant", "it is"),
    )
    assert (turn.number, turn.started, turn.state, turn.error) == (3, 7.0, State.FAILED, OutOfTime.code)


async def test_a_turn_in_which_nothing_was_said_has_no_empty_message(draft: Draft) -> None:
    assert draft.turn(State.INTERRUPTED, None).reply == ()


async def test_what_is_beyond_the_limit_is_not_kept_and_what_was_heard_before_is(draft: Draft) -> None:
    draft.hear("größe", 8)
    with pytest.raises(AnswerTooLong):
        draft.hear("r", 7)
    draft.hear("r", 8)
    with pytest.raises(AnswerTooLong):
        draft.grow(["x"], 8)
    assert (draft.turn(State.DONE, None).answer, draft.size) == ("größer", 8)


async def test_many_small_deltas_take_little_more_memory_than_their_text(draft: Draft) -> None:
    tracemalloc.start()
    try:
        for number in range(1500):
            draft.hear(f"{number:04}", 10_000)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert draft.size < taken < 4 * draft.size  # a string has 49 bytes more than its text


async def test_what_was_heard_is_kept_letter_by_letter(draft: Draft) -> None:
    for text in ("a\r", "\nb\r\n", "\r", "\ud83d", "\0", "\u2028"):
        draft.hear(text, 100)
    assert draft.said == draft.text == "a\r\nb\r\n\r\ud83d\0\u2028"


async def test_what_tools_were_told_and_said_counts_against_the_limit_and_not_as_answer(draft: Draft) -> None:
    draft.hear("ab", 10)
    assert draft.grow([CALL.arguments, RESULT.content], 10) == 8
    with pytest.raises(AnswerTooLong):
        draft.hear("c", 10)
    assert draft.size == 2


async def test_a_round_that_told_no_count_is_estimated_from_what_was_asked_and_heard(draft: Draft) -> None:
    draft.hear("x" * 30, 100)
    asked = draft.estimate([Message("user", "y" * 60)], ())
    assert asked == Usage(input_tokens=20, output_tokens=10)
    assert draft.estimate([], (CALL,)).output_tokens > asked.output_tokens


async def test_its_line_tells_its_size_and_end_and_none_of_its_words(draft: Draft) -> None:
    draft.hear("secret words", 100)
    draft.usage = Usage(5, 6)
    line = draft.line("c1", State.FAILED, OutOfTime())
    assert (line.model, line.state, line.error, line.bytes) == ("c1", State.FAILED, OutOfTime.code, 12)
    assert (line.input_tokens, line.output_tokens, line.response) == (5, 6, "r")
    assert "secret" not in json.dumps(asdict(line), default=str)
