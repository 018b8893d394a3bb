import json
import os
import sys
from dataclasses import replace
from io import FileIO, StringIO, TextIOWrapper
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from c1fn.telemetry.log import LOCAL, UNITS, Lines, Log, RefusedLine, pseudonym, to_nobody
from c1fn.turn import State
from tests.lines import TURN

FAILED = replace(TURN, state=State.FAILED, error="answer_cut", first_ms=None)
REFUSED = RefusedLine(LOCAL, None, "POST", "/api/chat", 401, "unauthorized")


def clock() -> float:
    return 1_700_000_000.5


def written(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    line: dict[str, Any] = json.loads(out)
    return line


def test_a_turn_is_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    Lines(clock=clock)(TURN)
    assert written(capsys) == {
        "timestamp": "2023-11-14T22:13:20.500+00:00",
        "level": "INFO",
        "requestId": "req-1",
        "event": "turn",
        "door": "function-url",
        "cold": True,
        "trace": "Root=1-2-3;Parent=4;Sampled=1",
        "owner": "ce597ac46d430f16",
        "thread": "t",
        "response": "r",
        "state": "done",
        "error": None,
        "model": "m",
        "first_ms": 1.0,
        "total_ms": 9.5,
        "model_ms": 6.0,
        "store_ms": 3.0,
        "rounds": 1,
        "bytes": 3,
        "input_tokens": 10,
        "output_tokens": 5,
        "cached_tokens": 0,
        "detail": None,
        "model_status": None,
        "model_code": None,
        "model_type": None,
        "model_field": None,
    }


def test_a_refused_request_is_a_shorter_line(capsys: pytest.CaptureFixture[str]) -> None:
    Lines(clock=clock)(REFUSED)
    assert written(capsys) == {
        "timestamp": "2023-11-14T22:13:20.500+00:00",
        "level": "INFO",
        "requestId": None,
        "event": "refused",
        "door": "local",
        "cold": False,
        "trace": None,
        "owner": None,
        "method": "POST",
        "route": "/api/chat",
        "status": 401,
        "error": "unauthorized",
        "detail": None,
    }


def test_an_owner_is_told_as_the_beginning_of_a_digest() -> None:
    """As docs/operate.md computes it: `printf %s key:alice | sha256sum | cut -c1-16`."""
    assert pseudonym("key:alice") == "ce597ac46d430f16"
    assert len(pseudonym("\ud800")) == 16


# --- one line stays one line


class Kept(StringIO):
    """A stdout that keeps what was written."""


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(thread=st.text(max_size=50), response=st.text(max_size=300))
def test_nothing_in_a_field_can_begin_another_line(
    thread: str, response: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Kept()
    monkeypatch.setattr(sys, "stdout", kept)
    forged = '\r\n{"event":"turn","owner":"x"}\u2028\x1b[2J\x00'
    Lines("f", clock)(replace(TURN, thread=forged + thread, response=response))
    out = kept.getvalue()
    assert out.isascii()
    assert out[:-1].isprintable()
    assert out.endswith("}\n")
    assert json.loads(out)["thread"] == forged + thread
    assert json.loads(out)["owner"] == TURN.owner


def test_a_log_that_nobody_reads_any_more_fails_no_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    pipe = FileIO(writing, "w")
    with TextIOWrapper(pipe, write_through=True) as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        Lines()(TURN)


def test_a_closed_log_fails_no_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    stdout = Kept()
    stdout.close()
    monkeypatch.setattr(sys, "stdout", stdout)
    Lines()(TURN)


def test_a_terminal_gets_no_lines(capsys: pytest.CaptureFixture[str]) -> None:
    log: Log = to_nobody
    log(TURN)
    assert capsys.readouterr().out == ""


# --- metrics, after the specification of the embedded metric format


def conforms(line: dict[str, Any]) -> None:
    """The specification's rules for the members that a line has."""
    about = line["_aws"]
    assert about.keys() == {"Timestamp", "CloudWatchMetrics"}
    assert isinstance(about["Timestamp"], int)
    for directive in about["CloudWatchMetrics"]:
        assert directive.keys() == {"Namespace", "Dimensions", "Metrics"}
        assert 1 <= len(directive["Namespace"]) <= 256
        assert not directive["Namespace"].startswith("AWS/")
        for dimensions in directive["Dimensions"]:
            assert len(dimensions) <= 30
            for name in dimensions:  # a target member on the root node, a string
                assert 1 <= len(line[name]) <= 1024
                assert line[name].isascii()
        assert 1 <= len(directive["Metrics"]) <= 100
        for metric in directive["Metrics"]:
            assert metric.keys() == {"Name", "Unit"}
            assert metric["Unit"] in {"Count", "Milliseconds"}
            assert isinstance(line[metric["Name"]], int | float)
            assert not isinstance(line[metric["Name"]], bool)


def metrics(line: dict[str, Any]) -> dict[tuple[str, ...], dict[str, float]]:
    """What CloudWatch reads out of a line: by the values of the dimensions, figures by name."""
    conforms(line)
    return {
        tuple(line[name] for name in dimensions): {m["Name"]: line[m["Name"]] for m in directive["Metrics"]}
        for directive in line["_aws"]["CloudWatchMetrics"]
        for dimensions in directive["Dimensions"]
    }


def test_on_lambda_a_turns_figures_are_metrics_of_the_function(capsys: pytest.CaptureFixture[str]) -> None:
    Lines("c1fn-chat", clock)(TURN)
    line = written(capsys)
    figures = {name: line[name] for name in UNITS if name in line}
    assert UNITS.keys() - figures.keys() == {"refusals", "foreign", "feedback_up", "feedback_down"}
    assert (figures["turns"], figures["errors"], figures["first_ms"]) == (1, 0, 1.0)
    assert metrics(line) == {("c1fn-chat",): figures}
    assert line["_aws"]["Timestamp"] == 1_700_000_000_500


def test_a_failed_turn_is_counted_once_for_the_function_and_once_by_its_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A time that there was not is no figure."""
    Lines("c1fn-chat", clock)(FAILED)
    found = metrics(written(capsys))
    assert found["c1fn-chat", "answer_cut"] == {"errors": 1}
    assert found["c1fn-chat",]["errors"] == 1
    assert "first_ms" not in found["c1fn-chat",]


def test_a_refusal_is_no_turn_and_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    Lines("c1fn-chat", clock)(REFUSED)
    line = written(capsys)
    assert metrics(line) == {("c1fn-chat",): {"refusals": 1}, ("c1fn-chat", "unauthorized"): {"refusals": 1}}


def test_a_line_is_passed_on_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function may be frozen after its last byte, and a line in a buffer would come too late."""
    passed: list[str] = []

    class Buffered(StringIO):
        def flush(self) -> None:
            passed.append(self.getvalue())

    monkeypatch.setattr(sys, "stdout", Buffered())
    Lines(clock=clock)(REFUSED)
    assert [json.loads(text)["event"] for text in passed] == ["refused"]
