import json
import re
from html import unescape
from typing import Any

import pytest

from c1fn.api.wires.c1 import HEADERS, KEEP_ALIVE, Wire, content, error_card, think_item, whole
from c1fn.errors import Busy
from c1fn.events import Called, Delta, Event, Failed, Finished, Returned, Working
from c1fn.turn import State, ToolCall


def document(card: str) -> dict[str, object]:
    found = re.fullmatch(r'<content thesys="true">(.*)</content>', card, re.DOTALL)
    assert found
    parsed: dict[str, object] = json.loads(unescape(found[1]))
    return parsed


def test_deltas_leave_as_they_are_without_framing() -> None:
    assert Wire().encode([Delta('<content thesys="true">'), Delta("größe &amp; 😀")]) == (
        '<content thesys="true">größe &amp; 😀'.encode()
    )


def test_an_answer_is_a_stream_that_no_cache_keeps_and_no_proxy_changes() -> None:
    assert HEADERS["content-type"] == "text/event-stream"
    assert {"no-store", "no-transform"} <= set(HEADERS["cache-control"].split(", "))


def test_the_end_adds_nothing() -> None:
    assert Wire().encode([Finished(State.DONE), Finished(State.STOPPED)]) == b""


def test_progress_shows_before_the_content_and_never_after_it_began() -> None:
    wire = Wire()
    assert wire.encode([Working("get_<time>")]).startswith(b'<thinkitem ephemeral="true"><thinkitemtitle>')
    assert b"get_&lt;time&gt;" in wire.encode([Working("get_<time>")])
    assert wire.encode([Delta("a"), Working("get_time")]) == b"a"


def test_a_call_shows_before_the_content_and_its_result_never() -> None:
    wire = Wire()
    calls = (ToolCall("1", "add", "{}"), ToolCall("2", "get_<time>", "{}"))
    assert wire.encode([Called(calls), Returned(("1", "2"))]).decode() == (
        think_item("Working", "Using add") + think_item("Working", "Using get_<time>")
    )
    assert wire.encode([Delta("a"), Called(calls), Returned(("1", "2"))]) == b"a"


def test_a_silence_is_filled_only_before_the_content() -> None:
    wire = Wire()
    assert wire.keep_alive() == KEEP_ALIVE == b"<!-- -->"
    wire.encode([Delta("a")])
    assert wire.keep_alive() == b""


def test_a_failure_is_a_complete_card_that_replaces_what_came_before() -> None:
    assert (
        Wire()
        .encode([Delta('<content thesys="true">{'), Failed(Busy())])
        .endswith(error_card(Busy()).encode())
    )


def test_the_error_card_has_the_clients_shape() -> None:
    assert document(error_card(Busy('say "<b>"'))) == {
        "component": {
            "component": "Card",
            "props": {
                "children": [
                    {
                        "component": "CalloutV2",
                        "props": {
                            "variant": "danger",
                            "title": "Another answer is being written",
                            "description": 'say "<b>"',
                        },
                    }
                ]
            },
        },
        "error": None,
    }


@pytest.mark.parametrize("text", ["</content>", "<script>", "&amp;", '"', "'", "\0", "\n"])
def test_nothing_a_component_holds_can_end_its_content(text: str) -> None:
    card = content({"text": text})
    assert card.count("<") == 2
    assert document(card)["component"] == {"text": text}


def test_a_think_item_escapes_its_words() -> None:
    assert think_item("<a>", "&").count("<") == 6


def test_half_a_character_cannot_break_the_stream() -> None:
    assert Wire().encode([Delta("a\ud83d")]) == b"a?"


# An answer that is not in C1's form

DONE = Finished(State.DONE)
C1 = content({"component": "Card", "props": {"children": []}})


def children(card: str) -> list[dict[str, Any]]:
    component: Any = document(card)["component"]
    assert component["component"] == "Card"
    found: list[dict[str, Any]] = component["props"]["children"]
    return found


def text(markdown: str) -> dict[str, Any]:
    return {"component": "TextContent", "props": {"textMarkdown": markdown}}


def sent(*events: Event) -> str:
    """What a client that renders C1 gets, each event in a chunk of its own."""
    wire = Wire(cards=True)
    return b"".join(wire.encode([event]) for event in events).decode()


TEXTS = {
    "plain": "Hello, world.",
    "Markdown": "# Title\n\n* **bold** `code`\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
    "quotes and backslashes": "say \"a\\b\" and 'c'",
    "markup": "</content><script>alert(1)</script>&amp;&quot;",
    "control characters": "a\x00b\x1b\u2028c\x7f",
    "beyond ASCII": "größe 😀 مرحبا",
    "a tag of another language": "<div>x</div>",
    "a tag that only begins like one of C1's": '<contents thesys="true">',
    "a namespace": "<content:encoded>x</content:encoded>",
    "thinking": "<think>hm</think>yes",
    "a lone angle bracket": "<",
    "half a tag": "<conte",
    "a tag without an end": "<content",
    "a tag of C1's without what it has": "In HTML: <content> and <content class='x'> and <thinkitem>",
    "a tag at the end that is none": "Here: <content thesys",
}


@pytest.mark.parametrize("answer", TEXTS.values(), ids=TEXTS.keys())
def test_text_is_a_card_with_one_text_however_it_is_cut(answer: str) -> None:
    pieces = [Delta(character) for character in answer]
    assert sent(*pieces, DONE) == sent(Delta(answer), DONE) == whole(answer, None, cards=True)
    assert children(sent(Delta(answer), DONE)) == [text(answer)]


def test_each_piece_of_text_leaves_at_once_and_never_cuts_an_escape() -> None:
    """What the client has so far is always a beginning of the card that it gets in the end."""
    wire = Wire(cards=True)
    first, second, third = (wire.encode([Delta(piece)]).decode() for piece in ("Hi", ' "', "<\n"))
    assert first.endswith("Hi")
    assert (second, third) == (" \\&quot;", "&lt;\\n")
    assert children(first + second + third + wire.encode([DONE]).decode()) == [text('Hi "<\n')]


@pytest.mark.parametrize("answer", [C1, f"\n {C1}", "<thinkitem>", "<artifact id='1'>", "<custommarkdown>x"])
@pytest.mark.parametrize("end", [DONE, Finished(State.STOPPED), Failed(Busy())])
def test_an_answer_in_the_form_of_c1_is_sent_byte_for_byte_as_to_any_client(answer: str, end: Event) -> None:
    events = [*map(Delta, answer), end]
    assert sent(*events) == Wire().encode(events).decode()


@pytest.mark.parametrize("begun", ["", "\n", "<", "\n<think", "<content"])
def test_a_failure_before_the_form_is_known_is_told_as_to_any_client(begun: str) -> None:
    events: list[Event] = [*map(Delta, begun), Failed(Busy())]
    assert sent(*events) == Wire().encode(events).decode()


@pytest.mark.parametrize("end", [DONE, Failed(Busy())])
def test_c1s_form_takes_the_place_of_text_before_it_however_it_is_cut(end: Event) -> None:
    """A model may say what it is about to do, call a tool, and answer then."""
    said = f"Let me look. {C1}"
    pieces = sent(*map(Delta, said), end)
    assert pieces == sent(Delta(said), end)
    first, second = pieces.split("</content>", 1)
    assert children(f"{first}</content>") == [text("Let me look. ")]
    assert second == Wire().encode([Delta(C1), end]).decode()


def test_a_silence_in_the_middle_of_text_is_filled() -> None:
    """Each piece ends with a whole escape, and in a string the client takes no notice of a comment."""
    wire = Wire(cards=True)
    wire.encode([Delta("Let me look.")])
    assert wire.keep_alive() == KEEP_ALIVE
    wire.encode([Delta(C1)])
    assert wire.keep_alive() == b""


def test_a_client_that_counts_bytes_gets_none_but_the_answers_after_its_first_word() -> None:
    wire = Wire(cards=True, counted=True)
    assert wire.keep_alive() == KEEP_ALIVE
    wire.encode([Delta("Let me look.")])
    assert wire.keep_alive() == b""


def test_a_failure_in_the_middle_of_text_is_told_below_it() -> None:
    """A second card would take its place, and what was said is worth reading."""
    shown = children(sent(Delta("Half of the ans"), Failed(Busy())))
    assert shown == [text("Half of the ans"), *children(error_card(Busy()))]


def test_what_was_said_of_a_stopped_answer_stays() -> None:
    assert children(sent(Delta("Half"), Finished(State.STOPPED))) == [text("Half")]


@pytest.mark.parametrize("blank", ["", "\n", " \t\n"])
def test_nothing_said_is_no_card(blank: str) -> None:
    assert sent(*map(Delta, blank), DONE) == blank


def test_progress_shows_before_text_and_never_after_it_began() -> None:
    wire = Wire(cards=True)
    assert wire.encode([Working("get_time")]).startswith(b"<thinkitem")
    assert wire.encode([Delta("Hi"), Working("get_time")]).endswith(b"Hi")


@pytest.mark.parametrize("answer", ["Hi", C1])
def test_a_client_that_renders_no_c1_gets_every_answer_as_it_is(answer: str) -> None:
    assert whole(answer, None, cards=False) == answer


def test_a_stored_answer_is_told_as_it_was_streamed() -> None:
    for cards in (True, False):
        wire = Wire(cards=cards)
        streamed = b"".join(wire.encode([event]) for event in (Delta("H"), Delta("i"), Failed(Busy())))
        assert whole("Hi", Busy(), cards=cards) == streamed.decode()
        assert whole("", Busy(), cards=cards) == error_card(Busy())
