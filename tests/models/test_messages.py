"""What is sent, whoever wrote it, is what the strictest server takes (tests/models/strict.py)."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c1fn.models.messages import BETWEEN, offered, outgoing
from c1fn.models.opaque import Kept
from c1fn.turn import Message, ToolCall
from tests.models.contract import GET_TIME
from tests.models.strict import complaint

USER, NEXT = Message("user", "hi", id="client's"), Message("user", "next")
CALL = ToolCall("a", "f", '{"x": 1}')
ASKED = Message("assistant", "", tool_calls=(CALL,))
RESULT = Message("tool", "12:00", tool_call_id="a")
ANSWER = Message("assistant", "noon")


def sent(*messages: Message, **fields: Any) -> list[dict[str, Any]]:
    made = outgoing(messages, "me", **fields)
    assert complaint(made) is None
    return made


def roles(*messages: Message) -> str:
    return "".join(message["role"][0] for message in sent(*messages))


def test_a_whole_turn_goes_as_it_is() -> None:
    assert roles(USER, ASKED, RESULT, ANSWER, NEXT) == "uatau"


def test_an_earlier_turn_without_an_answer_is_left_out() -> None:
    assert roles(USER, NEXT) == "u"
    assert roles(USER, replace(ANSWER, content="\n\n"), NEXT) == "u"
    assert roles(USER, ASKED, NEXT) == "u"


def test_results_that_no_answer_followed_stay_and_a_word_stands_before_the_next_prompt() -> None:
    """The person typed while a tool of the client was open, or stopped the answer: what was asked and what
    came of it is not lost. A strict server takes no prompt right after a result.
    """
    said = replace(ASKED, content="Let me see.")
    assert roles(USER, ASKED, RESULT, NEXT) == "uatau"
    told = [message["content"] for message in sent(USER, said, RESULT, NEXT)]
    assert told == ["hi", "Let me see.", "12:00", BETWEEN.content, "next"]
    assert roles(USER, said, RESULT, ASKED, RESULT, NEXT) == "uatatau"


def test_calls_without_all_their_results_are_left_out_and_what_was_said_stays() -> None:
    two = replace(ASKED, content="Let me see.", tool_calls=(CALL, replace(CALL, id="b")))
    for turn in ([two], [two, RESULT]):
        assert [message["content"] for message in sent(USER, *turn, NEXT)] == ["hi", "Let me see.", "next"]


def test_the_running_turns_calls_go_with_their_results() -> None:
    assert roles(USER, ASKED, RESULT) == "uat"


def test_blank_text_is_never_sent() -> None:
    blank = replace(ASKED, content=" \n")
    messages = sent(USER, blank, replace(RESULT, content=""), ANSWER, NEXT)
    assert (messages[1]["content"], messages[2]["content"]) == (None, '""')


def test_ids_are_unique_in_the_whole_request_and_each_result_finds_its_call() -> None:
    twice = replace(ASKED, tool_calls=(CALL, replace(CALL, name="g")))
    messages = sent(USER, twice, RESULT, replace(RESULT, content="13:00"), ANSWER, NEXT, ASKED, RESULT)
    ids = [call["id"] for message in messages for call in message.get("tool_calls", ())]
    assert ids[0] == "a"
    assert len(set(ids)) == 3
    assert [message["tool_call_id"] for message in messages if message["role"] == "tool"] == ids


@pytest.mark.parametrize("arguments", ["", "{", "[1]", "null", '"x"', "{} {}", "NaN", '{"x": NaN}'])
def test_arguments_are_always_an_object(arguments: str) -> None:
    asked = replace(ASKED, tool_calls=(replace(CALL, arguments=arguments),))
    assert sent(USER, asked, RESULT)[1]["tool_calls"][0]["function"]["arguments"] == "{}"


def test_a_name_has_only_what_a_name_may_have() -> None:
    asked = replace(ASKED, tool_calls=(replace(CALL, name="functions.get time:0 " + "x" * 80),))
    assert sent(USER, asked, RESULT)[1]["tool_calls"][0]["function"]["name"].startswith(
        "functions_get_time_0_x"
    )


def remembered(**fields: Any) -> str | None:
    kept = Kept()
    kept.add(fields)
    return kept.text("me", [{"extra_content": {"google": {"thought_signature": "c2ln"}}}])


def test_what_must_come_back_comes_back_to_its_writer_alone() -> None:
    asked = replace(ASKED, opaque=remembered(reasoning_content="hm"))
    message = outgoing([USER, asked, RESULT], "me")[1]
    assert message["reasoning_content"] == "hm"
    assert message["tool_calls"][0]["extra_content"] == {"google": {"thought_signature": "c2ln"}}
    message = sent(USER, asked, RESULT, refused={"reasoning_content": None, "extra_content": None})[1]
    assert set(message) == {"role", "content", "tool_calls"}
    assert set(outgoing([USER, asked, RESULT], "another")[1]) == {"role", "content", "tool_calls"}


def test_what_is_demanded_is_there_empty_if_need_be() -> None:
    messages = outgoing([USER, ANSWER, NEXT], "me", demanded={"reasoning_content"})
    assert [message.get("reasoning_content") for message in messages] == [None, "", None]


def test_a_tool_is_offered_as_a_function() -> None:
    assert offered(GET_TIME)["function"]["name"] == "get_time"


def test_nothing_is_sent_of_nothing() -> None:
    assert outgoing([], "me") == []


CALLS = st.builds(
    ToolCall, st.sampled_from(["", "a", "b"]), st.text(max_size=3), st.text(max_size=3) | st.just("{}")
)
TEXT = st.sampled_from(["", "\n", "yes", "\ud800"])


@st.composite
def rounds(draw: st.DrawFn) -> list[Message]:
    calls = tuple(draw(st.lists(CALLS, min_size=1, max_size=3)))
    results = [Message("tool", draw(TEXT), tool_call_id=call.id) for call in calls]
    return [Message("assistant", draw(TEXT), tool_calls=calls), *results]


@st.composite
def turns(draw: st.DrawFn) -> list[Message]:
    tail = [Message("assistant", text) for text in draw(st.lists(TEXT, max_size=1))]
    made = [message for part in draw(st.lists(rounds(), max_size=2)) for message in part]
    return [Message("user", "ask"), *made, *tail]


@given(st.lists(turns(), max_size=3), rounds())
def test_whatever_was_stored_a_strict_server_takes_it(
    earlier: list[list[Message]], running: list[Message]
) -> None:
    stored = [message for turn in earlier for message in turn]
    sent(*stored, NEXT)
    if all(call.name for message in running for call in message.tool_calls):
        sent(*stored, NEXT, *running)
