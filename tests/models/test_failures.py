"""What a refusal means. Real ones are cases of the corpus; here are the rules."""

from typing import Any

import pytest

from c1fn.errors import (
    AnswerWithheld,
    ContextTooLong,
    Evidence,
    ModelBusy,
    ModelError,
    ModelKeyRejected,
    ModelQuotaUsedUp,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
)
from c1fn.models.failures import WORDS, Refusal, document_of, word


def meaning(document: object, status: int | None = None) -> ModelError:
    return Refusal.read(document, status).meaning()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ModelRejected),
        (401, ModelKeyRejected),
        (402, ModelQuotaUsedUp),
        (403, ModelKeyRejected),
        (404, ModelRejected),
        (408, ModelTimeout),
        (413, ContextTooLong),
        (422, ModelRejected),
        (429, ModelBusy),
        (500, ModelUnavailable),
        (504, ModelTimeout),
        (529, ModelUnavailable),
        (None, ModelUnavailable),
    ],
)
@pytest.mark.parametrize("document", [None, "", {}, [], {"error": {"message": "No."}}, "No."])
def test_where_no_words_say_more_the_status_decides(
    document: object, status: int | None, kind: type[ModelError]
) -> None:
    assert type(meaning(document, status)) is kind


@pytest.mark.parametrize(
    "document",
    [
        {"error": {"message": "No.", "type": "t", "param": "tools", "code": "c"}},
        {"message": "No.", "type": "t", "param": "tools", "code": "c"},
        [{"error": {"message": "No.", "type": "t", "param": "tools", "code": "c"}}],
        {"error": {"error": {"message": "No.", "type": "t", "param": "tools", "code": "c"}}},
    ],
)
def test_the_error_is_found_wherever_it_stands(document: object) -> None:
    assert meaning(document, 400).evidence == Evidence(400, "c", "t", "tools")


def test_the_field_that_pydantic_names_is_told() -> None:
    error = meaning({"detail": [{"loc": ["body", "messages", 0, "content"], "msg": "Field required"}]}, 422)
    assert error.evidence.field == "messages.0.content"
    assert "field messages.0.content" in str(error)


def test_a_code_in_a_stream_may_be_a_status() -> None:
    assert type(meaning({"error": {"message": "No.", "code": 429}})) is ModelBusy
    assert type(meaning({"error": {"message": "No.", "code": "503"}})) is ModelUnavailable
    assert meaning({"error": {"code": 400}}).evidence.status == 400


@pytest.mark.parametrize(
    "key", ["sk-planted", "gsk_1a2B3c4D5e6F", "AIzaSy0123456789", "a b", "x" * 65, "é", 1.5, True]
)
def test_what_could_be_a_key_or_a_sentence_is_no_word(key: object) -> None:
    assert word(key) is None


@pytest.mark.parametrize(
    "told", ["invalid_request_error", "INVALID_ARGUMENT", "messages[0].content", "1261", 3280]
)
def test_a_word_of_a_protocol_is_told(told: object) -> None:
    assert word(told) == str(told)


def test_a_long_word_with_a_wrong_end_is_none_at_once() -> None:
    """A pattern that tries every division of the word would not come back."""
    assert word("A" * 63 + "!") is None
    assert word("A" * 30 + "_" + "b" * 30 + "-1") is None
    assert word("gpt_4o.messages[0].content") is not None


@pytest.mark.parametrize("said", ["resource_exhausted ", "per_day ", "token limit ", "prompt ", "a"])
def test_an_error_as_long_as_an_event_can_be_is_read_in_a_moment(said: str) -> None:
    """A pattern with `.*` between two words would search the rest again from each first one."""
    refused = Refusal.read({"error": {"message": said * (4_000_000 // len(said))}})
    assert len(refused.words) <= WORDS
    assert refused.meaning().code


def test_what_a_server_repeats_of_the_request_is_not_asked() -> None:
    """A prompt that speaks of context lengths is no overflow."""
    detail = {
        "loc": ["body", "tools"],
        "msg": "wrong",
        "input": "context length exceeded, billing hard limit",
    }
    assert type(meaning({"detail": [detail]}, 422)) is ModelRejected


@pytest.mark.parametrize("depth", [10, 900])
def test_a_deep_document_is_read_as_far_as_it_is_worth(depth: int) -> None:
    document: Any = {"message": "context length exceeded"}
    for _ in range(depth):
        document = {"x": [document]}
    assert type(meaning(document, 400)) is ModelRejected


@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b"[" * 100_000, b"\xff"])
def test_a_body_that_is_no_json_is_a_text(body: bytes) -> None:
    assert isinstance(document_of(body), str)


def test_a_filter_comes_before_the_status() -> None:
    assert type(meaning({"error": {"message": "Your input was flagged"}}, 403)) is AnswerWithheld


def test_no_text_of_the_server_is_in_the_error() -> None:
    error = meaning({"error": {"message": "planted", "code": "pl anted", "type": "sk-planted"}}, 400)
    assert "planted" not in f"{error!r} {error} {error.evidence}"
