"""The log of a local server for the person who watches it: one short line a turn or rejected request.

In a file or a pipe the lines stay JSON, as on Lambda: programs read those.
"""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO, assert_never

from c1fn.telemetry.log import ForeignLine, Line, Lines, Log, RefusedLine, TurnLine
from c1fn.telemetry.rating import RatingLine
from c1fn.turn import State

SHOWN = 8
"""Characters of a thread's id: enough to tell the threads of one afternoon apart."""


class Short:
    """Writes each line as a sentence.

    :param clock: seconds since the epoch; the lines have the local time.
    """

    def __init__(self, out: TextIO, clock: Callable[[], float] = time.time) -> None:
        self._out = out
        self._clock = clock

    def __call__(self, line: Line) -> None:
        """A terminal that was closed is no reason to fail a turn."""
        at = time.strftime("%H:%M:%S", time.localtime(self._clock()))
        with suppress(OSError, ValueError):
            self._out.write(f"{at} {sentence(line)}\n")
            self._out.flush()


def for_output(out: TextIO | None = None) -> Log:
    """The log for this output: short on a terminal, else JSON. :param out: standard output, if None."""
    out = out or sys.stdout
    return Short(out) if out.isatty() else Lines()


def sentence(line: Line) -> str:
    """What happened. Nothing in it is the client's text: an id is shown without control characters."""
    match line:
        case TurnLine():
            return _turn(line)
        case RefusedLine():
            detail = f": {line.detail}" if line.detail else ""
            return f"{line.method} {line.route or 'unknown path'} · {line.status} {line.error}{detail}"
        case ForeignLine():
            return f"{line.error}: {line.detail}"
        case RatingLine():
            return f"feedback {line.value or 'taken back'} · thread {_short(line.thread)}"
    assert_never(line)


def _turn(line: TurnLine) -> str:
    first = f", first word {line.first_ms / 1000:.2f} s" if line.first_ms is not None else ""
    tokens = f"{line.input_tokens} tokens in, {line.output_tokens} out"
    rounds = f" · {line.rounds} model calls" if line.rounds > 1 else ""
    thread = _short(line.thread)
    told = f"{_ENDED[line.state]} in {line.total_ms / 1000:.2f} s{first} · {tokens}{rounds} · thread {thread}"
    return f"{told} · {line.error}: {line.detail}" if line.error else told


def _short(thread: str) -> str:
    return "".join(filter(str.isprintable, thread[:SHOWN]))


_ENDED = {
    State.DONE: "answered",
    State.WAITING: "asked for approval",
    State.STOPPED: "stopped",
    State.FAILED: "failed",
    State.INTERRUPTED: "interrupted",
    State.RUNNING: "running",
}
