import json
from typing import Any

import pytest

from c1fn.errors import AnswerGarbled, AnswerTooLong
from c1fn.models.opaque import CALL_FIELDS, LIMIT, Kept, returned, without
from c1fn.models.tool_calls import Calls
from c1fn.models.values import DEPTH


def kept(*deltas: dict[str, Any]) -> dict[str, Any]:
    found = Kept()
    for delta in deltas:
        found.add(delta)
    return returned(found.text("me", []), "me")[0]


def test_pieces_of_a_text_are_joined() -> None:
    assert kept({"reasoning_content": "Let me "}, {"reasoning_content": "see."}) == {
        "reasoning_content": "Let me see."
    }


def test_halves_of_a_character_are_joined_or_replaced() -> None:
    """What was kept as it came ended the next request as a bug (found by make fuzz)."""
    assert kept({"reasoning_content": "a\ud83d"}, {"reasoning_content": "\ude00\udc00"}) == {
        "reasoning_content": "a😀\ufffd"
    }
    found = Kept()
    text = found.text("me", [{"extra_content": {"google": "\udc00"}}])
    assert returned(text, "me")[1] == [{"extra_content": {"google": "\ufffd"}}]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_json_does_not_have_is_not_kept(number: str) -> None:
    """No request can carry it, so each later prompt of the thread would fail."""
    assert Kept().text("me", [{"extra_content": json.loads(number)}]) is None


def test_what_calls_bring_along_does_not_grow_without_end() -> None:
    calls = Calls(CALL_FIELDS)
    piece = {"extra_content": {"x": "x" * (LIMIT // 2)}}
    calls.add({"index": 0, **piece})
    with pytest.raises(AnswerTooLong):
        calls.add({"index": 1, **piece})


def test_blocks_are_joined_where_they_are_pieces_of_one() -> None:
    """As OpenRouter streams them: a piece has all of a block but its text, and the signature comes last."""
    piece = {"type": "reasoning.text", "index": 0, "format": "anthropic-claude-v1"}
    blocks = kept(
        {"reasoning_details": [{**piece, "text": "Let "}]},
        {"reasoning_details": [{**piece, "text": "me"}]},
        {"reasoning_details": [{**piece, "text": "", "signature": "c2ln"}]},
        {"reasoning_details": [{**piece, "index": 1, "text": "more"}]},
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "abc", "index": 2}, "odd"]},
    )["reasoning_details"]
    assert blocks == [
        {**piece, "text": "Let me", "signature": "c2ln"},
        {**piece, "index": 1, "text": "more"},
        {"type": "reasoning.encrypted", "data": "abc", "index": 2},
        "odd",
    ]


def test_of_the_pieces_of_a_block_only_what_is_kept_counts() -> None:
    """A piece of four letters is 80 characters of JSON: 13,000 of them, as models think, ended the answer."""
    piece = {"type": "reasoning.text", "text": " the", "format": "anthropic-claude-v1", "index": 0}
    blocks = kept(*[{"reasoning_details": [piece]}] * 40_000)["reasoning_details"]
    assert blocks == [{**piece, "text": " the" * 40_000}]


def test_what_is_nested_too_deep_to_be_written_again_is_garbled() -> None:
    """On Python 3.11 it could be read, and each later request of the thread could not be written."""
    deep: Any = "x"
    for _ in range(DEPTH + 1):
        deep = [deep]
    for fields in ({"extra_content": {"x": deep}}, {"reasoning_details": [deep]}):
        with pytest.raises(AnswerGarbled):
            kept(fields)
    with pytest.raises(AnswerGarbled):
        Calls(CALL_FIELDS).add({"index": 0, "extra_content": {"x": deep}})


def test_blocks_do_not_grow_without_end() -> None:
    found = Kept()
    grows = {"type": "reasoning.text", "text": "x" * (LIMIT // 2)}
    found.add({"reasoning_details": [grows]})
    with pytest.raises(AnswerTooLong):
        found.add({"reasoning_details": [{**grows, "signature": "s"}]})


def test_what_no_server_asks_for_is_not_kept() -> None:
    assert (
        kept({"content": "x", "reasoning": "thought", "role": "assistant", "reasoning_content": None}) == {}
    )


def test_objects_are_merged() -> None:
    assert kept({"extra_content": {"a": 1}}, {"extra_content": {"b": 2}}) == {
        "extra_content": {"a": 1, "b": 2}
    }


def test_nothing_is_kept_of_nothing() -> None:
    assert Kept().text("me", [{}]) is None


def test_only_its_writer_gets_it_back() -> None:
    found = Kept()
    found.add({"reasoning_content": "mine"})
    text = found.text("me", [{"extra_content": {"s": "1"}}])
    assert returned(text, "me") == ({"reasoning_content": "mine"}, [{"extra_content": {"s": "1"}}])
    assert returned(text, "another") == ({}, [])
    assert returned(None, "me") == ({}, [])


def test_another_version_is_let_be() -> None:
    assert returned(json.dumps([2, "me", {"reasoning_content": "x"}, []]), "me") == ({}, [])


def test_it_does_not_grow_without_end() -> None:
    with pytest.raises(AnswerTooLong):
        kept({"reasoning_content": "x" * LIMIT}, {"reasoning_content": "x"})


def test_refused_fields_stay_here() -> None:
    assert without({"a": 1, "b": 2}, {"a"}) == {"b": 2}
