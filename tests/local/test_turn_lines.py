"""The local server's log, as a person reads it."""

import io
import re
from dataclasses import replace

from c1fn.local.turn_lines import Short, for_output, sentence
from c1fn.telemetry.log import LOCAL, ForeignLine, Lines, RefusedLine
from c1fn.telemetry.rating import RatingLine
from c1fn.turn import State
from tests.lines import TURN

ANSWERED = replace(
    TURN,
    thread="d251ea5b-0f81-472f-9d2a-8c4272e62821",
    first_ms=31.4,
    total_ms=1240.0,
    input_tokens=12,
    output_tokens=340,
)


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_turn_is_one_line() -> None:
    assert sentence(ANSWERED) == (
        "answered in 1.24 s, first word 0.03 s · 12 tokens in, 340 out · thread d251ea5b"
    )
    asked = replace(ANSWERED, state=State.WAITING)
    assert sentence(asked).startswith("asked for approval in 1.24 s, ")
    failed = replace(
        ANSWERED, state=State.FAILED, error="answer_cut", detail="It was cut.", first_ms=None, rounds=3
    )
    assert sentence(failed) == (
        "failed in 1.24 s · 12 tokens in, 340 out · 3 model calls · thread d251ea5b · answer_cut: It was cut."
    )


def test_a_clients_id_can_neither_end_the_line_nor_command_the_terminal() -> None:
    assert sentence(replace(ANSWERED, thread="a\n\x1b[2J")).endswith("thread a[2J")


def test_a_rejected_request_names_its_route_and_the_reason() -> None:
    refused = RefusedLine(LOCAL, None, "POST", "/api/chat", 409, "thread_busy")
    assert sentence(refused) == "POST /api/chat · 409 thread_busy"
    assert (
        sentence(replace(refused, route=None, detail="Why.")) == "POST unknown path · 409 thread_busy: Why."
    )
    assert sentence(ForeignLine(LOCAL, "keys: a")) == "foreign_event: keys: a"


def test_feedback_is_told_without_its_comment() -> None:
    rated = RatingLine(LOCAL, "o", "t\n", "r", "down", commented=True)
    assert sentence(rated) == "feedback down · thread t"
    assert sentence(replace(rated, value=None)) == "feedback taken back · thread t"


def test_a_terminal_gets_sentences_and_all_else_json() -> None:
    assert isinstance(for_output(Screen()), Short)
    assert isinstance(for_output(io.StringIO()), Lines)


def test_a_line_begins_with_the_time_and_a_closed_terminal_fails_nothing() -> None:
    screen = Screen()
    log = Short(screen, clock=lambda: 0.0)
    log(ANSWERED)
    assert re.fullmatch(r"\d\d:\d\d:\d\d answered .*\n", screen.getvalue())
    screen.close()
    log(ANSWERED)
