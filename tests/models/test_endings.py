"""How a round ended: good endings are a list, and nothing else is one."""

import pytest

from c1fn.errors import (
    AnswerCut,
    AnswerGarbled,
    AnswerTooLong,
    AnswerWithheld,
    ContextTooLong,
    ModelError,
    ModelUnavailable,
)
from c1fn.models.endings import failure, reason_of


@pytest.mark.parametrize(
    "reason", ["stop", "STOP", "tool_calls", "function_call", "end_turn", "tool-use", "eos"]
)
def test_a_good_ending_is_no_failure(reason: str) -> None:
    assert failure(reason) is None


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("length", AnswerTooLong),
        ("MAX_TOKENS", AnswerTooLong),
        ("model_context_window_exceeded", ContextTooLong),
        ("content_filter: PROHIBITED_CONTENT", AnswerWithheld),
        ("sensitive", AnswerWithheld),
        ("function_call_filter: MALFORMED_FUNCTION_CALL", AnswerGarbled),
        ("error", ModelUnavailable),
        ("insufficient_system_resource", ModelUnavailable),
        ("a word that nobody knows", AnswerCut),
        ("stopped", AnswerCut),
    ],
)
def test_any_other_ending_fails_by_what_it_says(reason: str, kind: type[ModelError]) -> None:
    assert type(failure(reason)) is kind


def test_the_word_is_told_to_the_log_if_it_is_one() -> None:
    (known, unknown) = failure("pause_turn"), failure("because of sk-123")
    assert known is not None
    assert unknown is not None
    assert (known.evidence.code, unknown.evidence.code) == ("pause_turn", None)


@pytest.mark.parametrize("value", [None, "", "null", "None", [], {}, {"type": None}])
def test_some_words_say_that_it_goes_on(value: object) -> None:
    assert reason_of(value) is None


def test_a_reason_may_be_an_object() -> None:
    assert reason_of({"type": "stop", "matched": 128009}) == "stop"


def test_a_reason_that_says_nothing_is_garbled() -> None:
    with pytest.raises(AnswerGarbled):
        reason_of(1)
