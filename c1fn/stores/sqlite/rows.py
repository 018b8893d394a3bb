"""The rows of the file: each is a dataclass as one JSON text.

The text is ASCII, because a prompt may hold half a character, which is no text to SQLite. A field that a
newer version adds is left out by an older one; a field that is missing has its default.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, is_dataclass
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from c1fn.stores import Claim
from c1fn.stores.memory.state import Conversation, Link, Run, Used
from c1fn.stores.shares import Share
from c1fn.turn import Ask, Message, Source, State, Turn, Until


@dataclass(frozen=True, slots=True)
class RunRow:
    """A turn that somebody runs, without the history that its claim holds."""

    number: int
    attempt: str
    started: float
    replaces: str | None
    response_id: str
    prompt: Message
    lease_until: float
    said: str
    stop: bool

    @classmethod
    def of(cls, run: Run) -> "RunRow":
        claim = run.claim
        return cls(
            claim.number,
            claim.attempt,
            claim.started,
            claim.replaces,
            run.ask.response_id,
            run.ask.prompt,
            run.lease_until,
            run.said,
            run.stop,
        )

    def run(self, owner: str, thread_id: str) -> Run:
        ask = Ask(owner, thread_id, self.response_id, self.prompt)
        claim = Claim(ask, self.number, self.attempt, self.started, (), self.replaces)
        return Run(claim, self.lease_until, self.said, self.stop)


@dataclass(frozen=True, slots=True)
class ThreadRow:
    """A thread without its turns. ``gone``: when it was deleted; ``asked``: the responseIds that were used in
    it then. A deleted thread has no turns in the file, no title and no prompt.
    """

    owner: str
    id: str
    created: float
    updated: float
    title: str = ""
    source: Source | None = None
    until: Until | None = None
    run: RunRow | None = None
    gone: float | None = None
    asked: tuple[str, ...] = ()

    @classmethod
    def of(cls, owner: str, thread_id: str, thread: Conversation) -> "ThreadRow":
        run = RunRow.of(thread.run) if thread.run else None
        return cls(
            owner,
            thread_id,
            thread.created,
            thread.updated,
            thread.title,
            thread.source,
            thread.until,
            run,
        )

    @classmethod
    def of_deleted(cls, owner: str, thread_id: str, gone: float, thread: Conversation) -> "ThreadRow":
        return cls(
            owner,
            thread_id,
            thread.created,
            thread.updated,
            source=thread.source,
            until=thread.until,
            gone=gone,
            asked=tuple(sorted(thread.asked)),
        )

    def thread(self, turns: "list[TurnRow]") -> Conversation:
        nothing = Message("user", "")
        return Conversation(
            self.title,
            self.created,
            self.updated,
            turns=[row.turn for row in turns]
            or [Turn(0, asked, State.INTERRUPTED, nothing, 0) for asked in self.asked],
            attempts=[row.attempt for row in turns],
            run=self.run.run(self.owner, self.id) if self.run else None,
            source=self.source,
            until=self.until,
        )


@dataclass(frozen=True, slots=True)
class TurnRow:
    """A turn as its row has it."""

    attempt: str
    turn: Turn


@dataclass(frozen=True, slots=True)
class UsedRow:
    """What an owner used, as its row has it."""

    owner: str
    used: Used


@dataclass(frozen=True, slots=True)
class LinkRow:
    """``thread``: the row of the thread that was shared, also where that one is gone."""

    owner: str
    thread: int
    share: Share
    day: int
    views: int

    @classmethod
    def of(cls, link: Link, thread: int) -> "LinkRow":
        return cls(link.owner, thread, link.share, link.day, link.views)


def encode(row: Any) -> str:
    """A row as ASCII."""
    return json.dumps(asdict(row), separators=(",", ":"))


def decode(kind: Any, text: str) -> Any:
    """:raises ValueError: this is not such a row; also TypeError and AttributeError."""
    return _read(kind, json.loads(text))


def _read(kind: Any, value: Any) -> Any:
    """The value as this type: what a row's types are, and no more."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return None if value is None else _read(next(one for one in inner if one is not NoneType), value)
    if isinstance(kind, type) and is_dataclass(kind):
        types = _types(kind)
        return kind(**{name: _read(types[name], part) for name, part in value.items() if name in types})
    if origin is tuple:
        return tuple(_read(inner[0], part) for part in value)
    if origin is dict:
        return {name: _read(inner[1], part) for name, part in value.items()}
    return kind(value) if isinstance(kind, type) and issubclass(kind, StrEnum) else value


@cache
def _types(kind: Any) -> Mapping[str, Any]:
    return get_type_hints(kind)
