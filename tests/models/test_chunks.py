"""One round, from the data of its events."""

import json
import random
from contextlib import suppress

import pytest

from c1fn.errors import (
    AnswerCut,
    AnswerGarbled,
    AnswerTooLong,
    C1fnError,
    ContextTooLong,
    ModelBusy,
    ModelError,
    ModelUnavailable,
)
from c1fn.events import Called, Delta, Ended, ModelEvent
from c1fn.models.chunks import Round
from c1fn.models.sse import Decoder, EventTooLong
from c1fn.models.tool_calls import ARGUMENTS_LIMIT, CALLS_LIMIT
from c1fn.models.values import whole
from c1fn.turn import ToolCall, Usage
from tests.upstream import END, ROLE, call, chunk, crlf, delta, event, finish, only_bytes, say, tool, usage


def heard(*events: bytes) -> tuple[list[str], Round]:
    """The texts that these events add, and the round."""
    decoder, round_ = Decoder(), Round()
    texts = [round_.read(found) for part in events for found in decoder.feed(part) if found != "[DONE]"]
    return [text for text in texts if text], round_


def said(*texts: str) -> list[str]:
    return heard(*map(delta, texts))[0]


def ended(*events: bytes) -> list[ModelEvent]:
    return heard(*events)[1].end()


def test_text_goes_out_as_it_comes() -> None:
    assert heard(ROLE, delta("a"), delta(""), delta("b "), delta("\n"))[0] == ["a", "b ", "\n"]


def test_a_round_ends_with_its_reason_and_its_usage() -> None:
    assert ended(delta("a"), finish("end_turn"), usage(7, 5)) == [Ended("end_turn", Usage(7, 5))]


def test_a_round_that_ended_badly_says_why_and_what_it_took() -> None:
    (end,) = ended(delta("a"), finish("length"), usage(7, 5))
    assert isinstance(end, Ended)
    assert (end.reason, end.usage, type(end.error)) == ("length", Usage(7, 5), AnswerTooLong)


def test_text_after_a_reason_opens_the_round_again() -> None:
    _, round_ = heard(delta("a"), finish(), delta("b"))
    assert (round_.reason, round_.complete) == (None, False)
    with pytest.raises(AnswerCut):
        round_.end()


def test_a_bad_reason_is_not_made_good_by_a_later_one() -> None:
    (end,) = ended(delta("a"), finish("length"), finish("stop"))
    assert isinstance(end, Ended)
    assert type(end.error) is AnswerTooLong


@pytest.mark.parametrize("reason", ["length", "content_filter", "error"])
def test_a_bad_reason_is_not_made_good_by_what_comes_after_it(reason: str) -> None:
    """Half an answer, or one that was withheld, and then more text with a stop."""
    end = ended(delta("a"), finish(reason), delta("b"), finish("stop"))[-1]
    assert isinstance(end, Ended)
    assert end.error
    called = ended(finish(reason), tool(0, id="c", name="f", arguments="{}"), finish("tool_calls"))
    assert [type(event) for event in called] == [Ended]


def test_a_round_that_gives_no_reason_was_cut() -> None:
    with pytest.raises(AnswerCut):
        ended(delta("a"), usage(7, 5))


def test_the_reason_may_come_with_the_last_text() -> None:
    texts, round_ = heard(chunk({"content": "a"}, "stop"))
    assert (texts, round_.end()) == (["a"], [Ended("stop", Usage())])


# Characters in two halves


@pytest.mark.parametrize(
    ("deltas", "texts"),
    [
        (["\ud83d\ude00"], ["😀"]),
        (["\ud83d", "\ude00"], ["😀"]),
        (["a\ud83d", "\ude00b"], ["a", "😀b"]),
        (["\ud83d", "", "\ude00"], ["😀"]),
        (["\ud83d", "b"], ["\ufffdb"]),
        (["\ude00"], ["\ufffd"]),
        (["\ude00\ud83d", "x"], ["\ufffd", "\ufffdx"]),
        (["\ud83d\ud83d", "\ude00"], ["\ufffd", "😀"]),
    ],
)
def test_halves_that_meet_become_one_and_lone_ones_are_replaced(deltas: list[str], texts: list[str]) -> None:
    assert said(*deltas) == texts


def test_a_half_that_waits_in_vain_is_replaced_at_the_end() -> None:
    assert ended(delta("\ud83d"), finish()) == [Delta("\ufffd"), Ended("stop", Usage())]


def test_the_halves_may_come_as_raw_bytes() -> None:
    """CESU-8 is not UTF-8: each of its bytes is replaced, and none reaches a client."""
    texts, _ = heard(delta("X").replace(b"X", b"\xed\xa0\xbd\xed\xb8\x80"))
    assert "".join(texts).encode()


def test_whole_text_is_left_alone() -> None:
    for text in ("", "a", "é😀中", "\x00"):
        assert whole(text) is text


# Tool calls


def test_calls_are_put_together_by_their_index_and_come_in_its_order() -> None:
    assert ended(
        tool(2, id="c", name="three", arguments="{}"),
        tool(0, id="a", name="one"),
        tool(0, arguments='{"x": '),
        tool(2, arguments=" "),
        tool(0, arguments="1}"),
        finish("tool_calls"),
    ) == [
        Called((ToolCall("a", "one", '{"x": 1}'), ToolCall("c", "three", "{} "))),
        Ended("tool_calls", Usage()),
    ]


def test_several_calls_may_come_in_one_delta() -> None:
    calls = [
        {"index": n, "id": f"id{n}", "type": "function", "function": {"name": f"f{n}", "arguments": "{}"}}
        for n in (0, 1)
    ]
    called, _ = ended(chunk({"tool_calls": calls}), finish("tool_calls"))
    assert called == Called((ToolCall("id0", "f0", "{}"), ToolCall("id1", "f1", "{}")))


@pytest.mark.parametrize("size", [1, 2, 5])
def test_arguments_may_be_cut_anywhere(size: int) -> None:
    arguments = json.dumps({"text": 'a "b" \\ é 😀', "n": [1, 2]})
    pieces = [tool(0, arguments=arguments[at : at + size]) for at in range(0, len(arguments), size)]
    called, _ = ended(tool(0, id="a", name="f"), *pieces, finish("tool_calls"))
    assert called == Called((ToolCall("a", "f", arguments),))


def test_a_name_that_is_sent_again_is_not_doubled() -> None:
    called, _ = ended(tool(0, id="a", name="f"), tool(0, id="a", name="f", arguments="{}"), finish())
    assert called == Called((ToolCall("a", "f", "{}"),))


@pytest.mark.parametrize("reason", ["length", "content_filter", "error", "a word that nobody knows"])
def test_calls_of_a_round_that_was_ended_midway_are_not_whole_and_not_made(reason: str) -> None:
    (end,) = ended(tool(0, id="a", name="f", arguments='{"x'), finish(reason))
    assert isinstance(end, Ended)
    assert end.error


@pytest.mark.parametrize("first", [tool(0, id="a"), tool(0, arguments="{}")])
def test_a_call_without_a_name_is_garbled(first: bytes) -> None:
    with pytest.raises(AnswerGarbled):
        ended(first, finish("tool_calls"))


def test_arguments_do_not_grow_without_end() -> None:
    piece = tool(0, id="a", name="f", arguments="x" * (ARGUMENTS_LIMIT // 2 + 1))
    with pytest.raises(AnswerTooLong):
        heard(piece, piece)


def test_calls_do_not_grow_without_end() -> None:
    with pytest.raises(AnswerTooLong):
        heard(*(tool(n, id=f"{n}", name="f") for n in range(CALLS_LIMIT + 1)))


# What is not of the form


@pytest.mark.parametrize(
    "data",
    [
        "{",
        "1",
        '"text"',
        "NaN",
        "[" * 100_000,
        '{"a":' * 100_000,
        "9" * 10_000,
        '{"choices": 1}',
        '{"choices": [1]}',
        '{"choices": [{"delta": "x"}]}',
        '{"choices": [{"delta": {"content": 1}}]}',
        '{"choices": [{"delta": {"content": [1]}}]}',
        '{"choices": [{"delta": {"content": [{"type": [], "text": ["x"]}, 1]}}]}',
        '{"choices": [{"delta": {"content": [{"type": "text", "text": 1}]}}]}',
        '{"choices": [{"delta": {}, "finish_reason": 1}]}',
        '{"choices": [{"delta": {"tool_calls": {"index": 0}}}]}',
        '{"choices": [{"delta": {"tool_calls": [1]}}]}',
        '{"choices": [{"delta": {"tool_calls": [{"index": 0, "function": "f"}]}}]}',
        '{"choices": [], "usage": 1}',
    ],
    ids=lambda data: data[:60],
)
def test_what_is_not_a_chunk_is_garbled_and_not_repeated(data: str) -> None:
    with pytest.raises(AnswerGarbled) as caught:
        Round().read(data)
    assert str(caught.value) == AnswerGarbled.detail


@pytest.mark.parametrize(
    "chunk_",
    [
        {},
        {"choices": None},
        {"choices": []},
        {"choices": [{}]},
        {"choices": [{"delta": None}]},
        {
            "choices": [
                {"delta": {"content": None, "tool_calls": None, "refusal": None}, "finish_reason": None}
            ]
        },
        {"choices": {}},
        {"choices": [{"delta": [], "finish_reason": ""}]},
        {"choices": [{"delta": {"content": [], "tool_calls": {}, "role": ""}}]},
        {"choices": [{"index": 1, "delta": {"content": "another answer"}}]},
        {"choices": [], "usage": [], "error": {}},
        {"choices": [], "error": {"message": "", "code": None}},
        None,
        [],
        {"choices": [], "usage": None, "error": None, "unknown": {"x": 1}},
    ],
)
def test_what_may_be_absent_may_be_absent(chunk_: object) -> None:
    assert heard(event(chunk_))[0] == []


@pytest.mark.parametrize("count", [None, "7", -1, 1.5, 2**63, [], {}])
def test_a_count_that_makes_no_sense_is_none(count: object) -> None:
    wrong = event({"choices": [], "usage": {"prompt_tokens": count, "completion_tokens": 5}})
    assert ended(finish(), wrong) == [Ended("stop", Usage(0, 5))]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": "context_length_exceeded"}, ContextTooLong),
        ({"code": "rate_limit_exceeded"}, ModelBusy),
        ({"code": 429, "message": "slow down"}, ModelBusy),
        ({"code": "server_error"}, ModelUnavailable),
        ({"message": "planted"}, ModelUnavailable),
        ("planted", ModelUnavailable),
    ],
)
def test_an_error_in_the_stream_is_told_without_its_text(error: object, kind: type[ModelError]) -> None:
    with pytest.raises(ModelError) as caught:
        heard(delta("a"), event({"error": error}))
    assert type(caught.value) is kind
    assert str(caught.value) == kind.detail


@pytest.mark.parametrize(
    "name", ["message", "msg", "detail", "error_msg", "error_message", "errors", "type", "object"]
)
def test_a_document_without_an_answer_that_says_what_went_wrong_is_an_error(name: str) -> None:
    value = "error" if name in ("type", "object") else "planted"
    with pytest.raises(ModelError) as caught:
        heard(delta("a"), event({name: value}))
    assert "planted" not in str(caught.value)


def test_a_round_names_the_model_that_answered_as_the_first_chunk_does() -> None:
    end = ended(event({"model": "dated", "choices": []}), event({"model": "other", "choices": []}), finish())
    assert [one.model for one in end if isinstance(one, Ended)] == ["dated"]


def test_a_call_after_a_reason_opens_the_round_again() -> None:
    _, round_ = heard(delta("a"), finish(), tool(0, id="c", name="f", arguments="{}"))
    assert (round_.reason, round_.complete) == (None, False)


# Anything at all

SEEDS = [
    b"".join(only_bytes(answer))
    for answer in (
        say("Hello", " 😀", "é", "\ud83d", "\ude00"),
        call(("a", "f", '{"x": 1}'), ("b", "g", "{}"), before="x"),
        crlf(say("a")),
    )
]
SNIPPETS = [b"\n\n", b"\r", b"data:", b"null", b"{", b"}", b"[", b'"', b"\\ud800", b"\xff", b"1e999", *END]


def mutated(seed: bytes, dice: random.Random) -> bytes:
    stream = bytearray(seed)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(stream))
        match dice.randrange(4):
            case 0:
                stream[at] = dice.randrange(256)
            case 1:
                del stream[at : at + dice.randint(1, 30)]
            case 2:
                stream[at:at] = dice.choice(SNIPPETS)
            case _:
                stream[at:at] = stream[dice.randrange(len(stream)) :][: dice.randint(1, 60)]
        stream = stream or bytearray(b"\n")
    return bytes(stream)


@pytest.mark.parametrize("number", range(4))
def test_whatever_comes_is_read_or_refused(number: int) -> None:
    """10,000 damaged streams of about ten events: no other exception, and no half character."""
    dice = random.Random(number)
    for _ in range(2_500):
        stream = mutated(dice.choice(SEEDS), dice)
        decoder, round_ = Decoder(), Round()
        with suppress(C1fnError, EventTooLong):
            texts = [round_.read(found) for found in decoder.feed(stream) if found != "[DONE]"]
            texts += [said_.text for said_ in round_.end() if isinstance(said_, Delta)]
            "".join(texts).encode()
