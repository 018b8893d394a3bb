import json
import re
from html import unescape

import pytest

from c1fn.errors import Busy
from c1fn.events import Delta, Failed, Finished, Working
from c1fn.turn import State
from c1fn.wires.c1 import KEEP_ALIVE, Wire, content, error_card, think_item


def document(card: str) -> dict[str, object]:
    found = re.fullmatch(r'<content thesys="true">(.*)</content>', card, re.DOTALL)
    assert found
    parsed: dict[str, object] = json.loads(unescape(found[1]))
    return parsed


def test_deltas_leave_as_they_are_without_framing() -> None:
    assert Wire().encode([Delta('<content thesys="true">'), Delta("größe &amp; 😀")]) == (
        '<content thesys="true">größe &amp; 😀'.encode()
    )


def test_the_end_adds_nothing() -> None:
    assert Wire().encode([Finished(State.DONE), Finished(State.STOPPED)]) == b""


def test_progress_shows_before_the_content_and_never_after_it_began() -> None:
    wire = Wire()
    assert wire.encode([Working("get_<time>")]).startswith(b'<thinkitem ephemeral="true"><thinkitemtitle>')
    assert b"get_&lt;time&gt;" in wire.encode([Working("get_<time>")])
    assert wire.encode([Delta("a"), Working("get_time")]) == b"a"


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
