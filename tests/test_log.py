import json
import os
import sys
from io import FileIO, TextIOWrapper

import pytest

from c1fn.log import TurnLine, to_stdout
from c1fn.turn import State


def test_a_turn_is_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    to_stdout(TurnLine("t", "r", State.FAILED, "answer_cut", "m", None, 1.5, 1, 3, 10, 5))
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    assert json.loads(line) == {
        "event": "turn",
        "thread": "t",
        "response": "r",
        "state": "failed",
        "error": "answer_cut",
        "model": "m",
        "first_ms": None,
        "total_ms": 1.5,
        "rounds": 1,
        "bytes": 3,
        "input_tokens": 10,
        "output_tokens": 5,
    }


def test_a_log_that_nobody_reads_any_more_fails_no_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    pipe = FileIO(writing, "w")
    with TextIOWrapper(pipe, write_through=True) as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        to_stdout(TurnLine("t", "r", State.DONE, None, "m", None, 1.5, 1, 3, 10, 5))
