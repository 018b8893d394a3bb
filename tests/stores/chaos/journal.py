"""What the machines of a storm asked and were told: one line before each call, and one after it.

A line is in the file before the call begins, so a machine that is killed with SIGKILL tells as well: a call
without its second line may have done anything, or nothing. Times are those of the storm's clock.
"""

import hashlib
import itertools
import json
import math
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from c1fn.turn import Turn

FINAL = ("done", "stopped", "waiting")
"""States of a turn that is never written again."""

LONGEST = 400
"""Characters of a text that stand in a journal; of a longer one its beginning and its hash."""


def brief(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    digest = hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
    return f"{text[:80]}… {len(text)} {digest}"


@dataclass(frozen=True, slots=True)
class Seen:
    """One turn as a reader was shown it."""

    number: int
    response: str
    state: str
    prompt: str
    answer: str
    revised: str | None = None
    error: str | None = None
    rated: str | None = None

    @classmethod
    def of(cls, turn: Turn) -> "Seen":
        return cls(
            turn.number,
            turn.response_id,
            turn.state.value,
            brief(turn.prompt.content),
            brief(turn.answer),
            None if turn.revised is None else brief(turn.revised),
            turn.error,
            None if turn.feedback is None else f"{turn.feedback.value} {turn.feedback.comment}",
        )

    @property
    def final(self) -> bool:
        """Whether this turn is never written again."""
        return self.state in FINAL


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a machine's. ``outcome`` is "unknown" where no answer came, or none that tells.

    ``attempt``, ``generation``, ``number`` and ``started`` are of the claim that an open gave, or that a
    commit was for; ``text`` is what was committed or saved, or what the turn said that a claim resumes;
    ``seen`` are the turns that an open, a load or a shared link showed.

    Of a fork, ``source`` is the thread it was made from, ``until`` and ``taken`` where it was to end, and
    ``response`` the last turn that it was told to have. Of a shared link, ``token`` is its token and
    ``number`` the last turn that it shows; ``expires`` is its end. ``listed`` is what a list showed.
    """

    machine: str
    operation: str
    owner: str
    thread: str
    began: float
    ended: float = math.inf
    outcome: str = "unknown"
    response: str = ""
    attempt: str = ""
    generation: int = 0
    number: int = 0
    started: float = 0.0
    text: str = ""
    state: str = ""
    seen: tuple[Seen, ...] = ()
    source: str = ""
    until: str | None = None
    taken: bool = True
    resumes: str = ""
    token: str = ""
    expires: float = math.inf
    listed: tuple[str, ...] = ()

    @property
    def place(self) -> tuple[str, str]:
        return self.owner, self.thread


@dataclass(slots=True)
class Told:
    """What a machine's journal tells."""

    calls: list[Call] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    turns: int = 0  # requests of the machine that came to something


class Journal:
    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        self._ids = itertools.count()

    def begin(self, **fields: Any) -> int:
        number = next(self._ids)
        self._write({"line": number, **fields})
        return number

    def end(self, number: int, seen: Iterable[Turn] = (), /, **fields: Any) -> None:
        turns = [_plain(Seen.of(turn)) for turn in seen]
        self._write({"line": number} | fields | ({"seen": turns} if turns else {}))

    def note(self, **counts: Any) -> None:
        """The machine's totals so far; the last ones count."""
        self._write(counts)

    def close(self) -> None:
        os.close(self._file)

    def _write(self, line: dict[str, Any]) -> None:
        os.write(self._file, json.dumps(line).encode() + b"\n")


def read(path: Path) -> Told:
    told, calls = Told(), dict[int, dict[str, Any]]()
    if not path.exists():  # killed before its first call
        return told
    for text in path.read_text().splitlines():
        line = json.loads(text)
        if "line" in line:
            calls.setdefault(line.pop("line"), {}).update(line)
        else:
            told.faults, told.requests, told.turns = Counter(line["faults"]), line["requests"], line["turns"]
    for fields in calls.values():
        fields["seen"] = tuple(Seen(**one) for one in fields.get("seen", ()))
        fields["listed"] = tuple(fields.get("listed", ()))
        told.calls.append(Call(**fields))
    return told


def _plain(seen: Seen) -> dict[str, Any]:
    return {name: getattr(seen, name) for name in Seen.__slots__}
