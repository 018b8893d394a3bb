import html

import pytest

from c1fn.turn import UNTITLED, Message, State, ToolCall, Turn, Usage, escaped, title_of, unescaped
from c1fn.turn.forms import fields_of, in_words
from c1fn.turn.transcript import for_model

PROMPT = Message("user", "p")


def turn(state: State, *reply: Message, revised: str | None = None) -> Turn:
    return Turn(1, "r", state, PROMPT, 0.0, reply, revised=revised)


def said(text: str) -> Message:
    return Message("assistant", text)


def test_the_answer_is_what_was_said_in_all_rounds() -> None:
    call, result = Message("assistant", "a", tool_calls=(ToolCall("c", "f", ""),)), Message("tool", "hidden")
    assert turn(State.DONE, call, result, said("b")).answer == "ab"


def test_people_see_the_answer_as_it_was_last_saved() -> None:
    assert turn(State.DONE, said("a")).visible == "a"
    assert turn(State.DONE, said("a"), revised="b").visible == "b"


@pytest.mark.parametrize(
    ("state", "reply", "seen"),
    [
        (State.DONE, (said("a"),), True),
        (State.STOPPED, (said("a"),), True),
        (State.STOPPED, (), False),
        (State.FAILED, (said("a"),), False),
        (State.INTERRUPTED, (said("a"),), False),
        (State.RUNNING, (said("a"),), False),
    ],
)
def test_the_model_sees_whole_turns_that_came_to_something(
    state: State,
    reply: tuple[Message, ...],
    seen: bool,  # noqa: FBT001 - a case
) -> None:
    assert for_model([turn(state, *reply)]) == ([PROMPT, *reply] if seen else [])


@pytest.mark.parametrize("text", ["", "plain", "<a href=\"x\">&amp; 'so'</a>", "größe & <b>", "&#39;&lt;"])
def test_text_is_escaped_as_html_and_comes_back(text: str) -> None:
    assert escaped(text) == html.escape(text)
    assert unescaped(escaped(text)) == text


def test_usage_adds_up() -> None:
    assert Usage(1, 2) + Usage(3, 4) == Usage(4, 6)


@pytest.mark.parametrize(
    ("content", "title"),
    [
        ("hello", "hello"),
        ('<content thesys="true">a &lt;b&gt; &amp; c</content>', "a <b> & c"),
        ("<content>old client</content>", "old client"),
        ('<content thesys="true">chip</content><context>["User clicked"]</context>', "chip"),
        (" a \n\t b ", "a b"),
        (" \n ", "New conversation"),
        ("word " * 40, "word word word word word word word word word word word word…"),
        ("x" * 100, "x" * 59 + "…"),
        (f"<content>&#{'9' * 5000}; a &#x{'F' * 5000}</content>", "\ufffd a \ufffd"),
        ("]]>openui:content\nchip <b>", "chip <b>"),
        (']]>openui:content?v=1\nchip\n]]>openui:context\n["User clicked: chip"]', "chip"),
        ('\n]]>openui:context\n["User clicked: "]', "New conversation"),
        ("<content>&#99999999999999999999&#65;&#x42;&#xD800;</content>", "\ufffdAB\ufffd"),
    ],
)
def test_a_title_is_the_prompt_decoded_in_one_line_and_cut_at_a_word(content: str, title: str) -> None:
    assert title_of(Message("user", content)) == title


@pytest.mark.parametrize(
    "blank", ["\u200b", "\u00ad\u2060", "\u3164 \u115f", "\u2800", "\u202e \ufeff", "\ufe0f \u034f", " "]
)
def test_a_title_of_characters_that_nobody_sees_is_none(blank: str) -> None:
    assert title_of(Message("user", blank)) == UNTITLED
    assert title_of(Message("user", f"{blank}a")) != UNTITLED


@pytest.mark.parametrize("form", ['{"f": {"who": {"value": "Ada"}}}', '[{"f": {"who": {"value": "Ada"}}}]'])
def test_a_form_has_the_same_fields_in_both_dialects(form: str) -> None:
    assert list(fields_of(f'["User clicked on Button: submit", {form}]')) == [("who", {"value": "Ada"})]


@pytest.mark.parametrize("context", ["", "{", "3", "null", "[" * 100_000, '["a", [[{}]], {"f": 3}]'])
def test_what_is_no_form_has_no_fields(context: str) -> None:
    assert list(fields_of(context)) == []


def test_a_field_in_words() -> None:
    day = "Sun Nov 15 2026 00:00:00 GMT+0000 (Coordinated Universal Time)"
    values = [{"value": "Ada"}, {"value": [3]}, {"value": {"mode": "single", "date": day}}, {"value": False}]
    assert [in_words(value) for value in values] == ["Ada", "3", "Sun Nov 15 2026", "no"]
