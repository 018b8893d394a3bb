"""Fields that a server refuses or demands. Real refusals are cases of the corpus; here are the rules."""

from typing import Any

import pytest

from c1fn.models.failures import Refusal
from c1fn.models.fields import LearnedFields

REQUEST: dict[str, Any] = {
    "model": "m",
    "messages": [{"role": "assistant", "content": "x", "reasoning_content": "y"}],
    "stream_options": {"include_usage": True},
    "temperature": 0,
    "max_tokens": 5,
    "metadata": {},
    "tools": [],
}


def learned(
    fields: LearnedFields, message: str, status: int = 400, sent: dict[str, Any] = REQUEST
) -> list[str]:
    refusal = Refusal.read({"error": {"message": message}}, status)
    return fields.learn(sent, refusal, refusal.meaning())


def test_a_field_that_is_named_is_left_out_from_then_on() -> None:
    fields = LearnedFields()
    assert learned(fields, "Unknown parameter: 'stream_options'.") == ["stream_options"]
    assert fields.applied(REQUEST).keys() == REQUEST.keys() - {"stream_options"}


def test_a_field_goes_under_its_newer_name_where_that_is_named_and_else_not_at_all() -> None:
    fields = LearnedFields()
    learned(fields, "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.")
    sent = fields.applied(REQUEST)
    assert sent["max_completion_tokens"] == 5
    assert "max_tokens" not in sent
    learned(fields, "'max_completion_tokens' is not supported.", sent=sent)
    assert fields.applied(REQUEST).keys() == REQUEST.keys() - {"max_tokens"}


def test_an_answer_that_is_too_large_is_asked_for_smaller_and_no_history_is_cut() -> None:
    fields = LearnedFields()
    assert learned(
        fields, "'max_tokens' is too large: 9000. This model's maximum context length is 8192 tokens."
    )


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ("The model does not exist.", 404),
        ("tools are not supported", 400),
        ("temperatures of 2 are not supported", 400),
        ("stream_options are fine, but we are down", 503),
        ("This model's maximum context length is 8192 tokens: lower max_tokens.", 400),
    ],
)
def test_nothing_is_learned_of_what_is_about_something_else(message: str, status: int) -> None:
    assert learned(LearnedFields(), message, status) == []


def test_what_did_not_help_is_forgotten() -> None:
    """The words of a refusal may be a prompt's: one caller's must not change what all others are sent."""
    fields = LearnedFields()
    names = learned(fields, "Cannot read: {'temperature': 0, 'max_tokens': 5, 'messages': 'metadata'}")
    assert names
    fields.forget(names)
    assert fields.applied(REQUEST) == REQUEST


def test_the_same_is_not_learned_twice() -> None:
    fields = LearnedFields()
    message = "messages.2: property 'reasoning_content' is unsupported"
    assert learned(fields, message) == ["reasoning_content"]
    assert learned(fields, message) == []


def test_what_every_answer_must_have_is_demanded_once() -> None:
    fields = LearnedFields()
    message = "Missing `reasoning_content` field in the assistant message at message index 2."
    assert learned(fields, message) == ["reasoning_content"]
    assert fields.demanded == {"reasoning_content"}
    assert fields.refused == {}
