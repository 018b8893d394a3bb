"""One JSON line per turn, for whoever reads the logs. No prompt, no answer and no key is ever in it."""

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass

from c1fn.turn import State


@dataclass(frozen=True, slots=True)
class TurnLine:
    """What one turn did. Times are in milliseconds since the request was understood."""

    thread: str
    response: str
    state: State
    error: str | None
    model: str
    first_ms: float | None
    total_ms: float
    rounds: int
    bytes: int
    input_tokens: int
    output_tokens: int


Log = Callable[[TurnLine], None]


def to_nobody(line: TurnLine) -> None:
    """For a terminal, where the answer itself is what a person sees."""


def to_stdout(line: TurnLine) -> None:
    """Write the line where Lambda collects it. A log that cannot be written is no reason to fail a turn."""
    with suppress(OSError):  # whoever read it has gone
        sys.stdout.write(json.dumps({"event": "turn", **asdict(line)}, separators=(",", ":")) + "\n")
        sys.stdout.flush()
