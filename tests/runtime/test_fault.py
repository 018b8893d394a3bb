"""Failures as the platform is told of them."""

import json
import re

import pytest

from c1fn.runtime.fault import MAX_FRAMES, MAX_MESSAGE, WITHHELD, Fault


def caught(error: Exception, depth: int = 0) -> Exception:
    """The error with a traceback ``depth`` frames deeper than this one."""
    try:
        if depth:
            raise caught_below(error, depth - 1)
        raise error
    except type(error) as raised:
        return raised


def caught_below(error: Exception, depth: int) -> Exception:
    if depth:
        return caught_below(error, depth - 1)
    raise error


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Boom", "Function.Boom"),
        ("HTTP2Error", "Function.HTTPError"),
        ("lower_case", "Function.Lowercase"),
        ("_1", "Function.Error"),
        ("X" * 100, "Function." + "X" * 64),
    ],
)
def test_every_type_fits_the_platforms_pattern(name: str, told: str) -> None:
    fault = Fault.of(type(name, (Exception,), {})(), reveal=True)
    assert fault.type == told
    assert re.fullmatch(r"(Runtime|Function)\.[A-Z][A-Za-z]+", fault.type)


def test_a_message_is_told_only_before_the_first_request() -> None:
    assert Fault.of(ValueError("my prompt"), reveal=True).message == "my prompt"
    assert Fault.of(ValueError("my prompt"), reveal=False).message == f"ValueError: {WITHHELD}"


def test_a_long_message_keeps_its_end_and_a_deep_trace_its_innermost_frames() -> None:
    fault = Fault.of(caught(ValueError("a" * 5000 + "end"), 40), reveal=True)
    assert len(fault.message) == MAX_MESSAGE
    assert fault.message.endswith("end")
    assert len(fault.trace) == MAX_FRAMES
    assert fault.trace[-1].endswith("in caught_below")


def test_the_body_is_the_json_lambda_asks_for() -> None:
    assert json.loads(Fault("Function.X", "m", ("a:1 in f",)).body()) == {
        "errorType": "Function.X",
        "errorMessage": "m",
        "stackTrace": ["a:1 in f"],
    }
