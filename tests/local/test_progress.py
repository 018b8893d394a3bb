"""Progress is told now and again, on stderr."""

import pytest

from c1fn.local.progress import PROGRESS, Progress, tell


def test_progress_is_told_at_most_every_two_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    progress = Progress(lambda: now[0])
    for count in range(40):
        now[0] = count / 10
        progress("threads", count)
    assert PROGRESS == 2.0
    assert capsys.readouterr() == ("", "… 20 threads\n")


def test_what_is_told_moves_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    tell("a\x1b[2Jb")
    assert capsys.readouterr().err == "a\N{REPLACEMENT CHARACTER}[2Jb\n"
