import json

import pytest

from c1fn.telemetry.log import LOCAL, Lines, pseudonym
from c1fn.telemetry.rating import RatingLine
from c1fn.turn import Value

LINE = RatingLine(LOCAL, pseudonym("key:alice"), "t", "r", "up", commented=True)


def test_a_rating_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    Lines(clock=lambda: 1_700_000_000.5)(LINE)
    assert json.loads(capsys.readouterr().out) == {
        "timestamp": "2023-11-14T22:13:20.500+00:00",
        "level": "INFO",
        "requestId": None,
        "event": "feedback",
        "door": "local",
        "cold": False,
        "trace": None,
        "owner": "ce597ac46d430f16",
        "thread": "t",
        "response": "r",
        "value": "up",
        "commented": True,
    }


@pytest.mark.parametrize("value", ["up", "down"])
def test_each_value_has_its_metric(capsys: pytest.CaptureFixture[str], value: Value) -> None:
    Lines("f")(RatingLine(LOCAL, "o", "t", "r", value, commented=False))
    line = json.loads(capsys.readouterr().out)
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Metrics"] == [{"Name": f"feedback_{value}", "Unit": "Count"}]
    assert line[f"feedback_{value}"] == 1


def test_what_was_taken_back_has_none(capsys: pytest.CaptureFixture[str]) -> None:
    Lines("f")(RatingLine(LOCAL, "o", "t", "r", None, commented=False))
    assert "_aws" not in json.loads(capsys.readouterr().out)
