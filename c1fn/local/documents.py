"""Reads the JSON documents of `archive`, which people may have written or changed: each error says where."""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast, get_args

from c1fn.errors import BadField
from c1fn.local.archive import FORMAT
from c1fn.turn import Feedback, Message, Resume, Role, Source, State, Thread, ToolCall, Turn, Usage, Value

_ROLES = ("system", "user", "assistant", "tool")

TITLE = 1_000
"""Characters of a title, at most: it stands in the thread's row, which each turn reads."""

ID = 128
"""Characters of an id, at most, as for those that clients send."""


def read(line: bytes) -> tuple[Thread, list[Turn]]:
    """A thread and its turns.

    :raises BadField: this is not such a document; the error says where.
    """
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        raise BadField("This is not a JSON document. Give a file of: c1fn owner export") from None
    place = _Place(found, "")
    if place.at("c1fn", int).value != FORMAT:
        raise BadField(f"c1fn: this version reads documents of version {FORMAT} alone.")
    thread = Thread(
        place.at("threadId", str).short(ID, least=1),
        place.at("title", str).short(TITLE),
        place.at("createdAt", str).time(),
        place.at("updatedAt", str).time(),
        source=_read_source(place.maybe("forkedFrom", dict)),
    )
    turns = [_read_turn(turn) for turn in place.at("turns", list).each(dict)]
    ids = [turn.response_id for turn in turns if turn.response_id]
    if len(set(ids)) < len(ids):
        raise BadField("turns: two of them have one responseId.")
    return thread, turns


@dataclass(frozen=True, slots=True)
class _Place:
    """A value in a document, and where it stands."""

    value: Any
    path: str

    def at(self, name: str, kind: type) -> "_Place":
        """:raises BadField: there is no such field of this type."""
        here = self.maybe(name, kind)
        if here is None:
            raise BadField(f"{self._below(name)}: this field is missing.")
        return here

    def maybe(self, name: str, kind: type) -> "_Place | None":
        """The same, or None where it is missing."""
        if not isinstance(self.value, dict):
            raise BadField(f"{self.path or 'The document'}: an object is expected here.")
        if self.value.get(name) is None:
            return None
        return _Place(self.value[name], self._below(name)).checked(kind)

    def each(self, kind: type) -> "Iterator[_Place]":
        for index, value in enumerate(self.value):
            yield _Place(value, f"{self.path}[{index}]").checked(kind)

    def checked(self, kind: type) -> "_Place":
        if not isinstance(self.value, kind) or isinstance(self.value, bool):
            raise BadField(f"{self.path}: this must be {_NAMES[kind]}.")
        return self

    def short(self, most: int, least: int = 0) -> str:
        text: str = self.value
        if not least <= len(text) <= most:
            raise BadField(f"{self.path}: this must have {least} to {most} characters.")
        if any("\ud800" <= char <= "\udfff" for char in text):  # no key can hold it
            raise BadField(f"{self.path}: this has half a character in it.")
        return text

    def time(self) -> float:
        with suppress(ValueError, OverflowError):
            moment = datetime.fromisoformat(self.value)
            if moment.tzinfo is not None and moment.timestamp() >= 0:
                return moment.timestamp()
        raise BadField(f"{self.path}: this must be a time in UTC, such as 2026-01-31T12:00:00Z.")

    def count(self) -> int:
        number: int = self.value
        if not 0 <= number <= _TOKENS:
            raise BadField(f"{self.path}: this must be a number from 0 to {_TOKENS}.")
        return number

    def one_of(self, words: Sequence[str]) -> str:
        if self.value not in words:
            raise BadField(f"{self.path}: this must be one of {', '.join(words)}.")
        word: str = self.value
        return word

    def _below(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name


_NAMES: dict[type, str] = {str: "a text", int: "a whole number", list: "a list", dict: "an object"}

_TOKENS = 10**12
"""Tokens of a turn, at most: far above what any model takes."""


def _read_source(place: _Place | None) -> Source | None:
    return Source(place.at("threadId", str).short(ID, least=1), _text(place, "responseId")) if place else None


def _read_turn(turn: _Place) -> Turn:
    usage = turn.maybe("usage", dict)
    counts = [usage.at(name, int).count() for name in ("inputTokens", "outputTokens")] if usage else []
    return Turn(
        number=0,  # the store counts them
        response_id=turn.at("responseId", str).short(ID),
        state=State(turn.at("state", str).one_of([state.value for state in State])),
        prompt=_read_message(turn.at("prompt", dict)),
        started=turn.at("startedAt", str).time(),
        reply=tuple(_read_message(message) for message in turn.at("reply", list).each(dict)),
        usage=Usage(*counts),
        error=_text(turn, "error"),
        revised=_text(turn, "revised"),
        detail=_text(turn, "detail"),
        feedback=_read_feedback(turn.maybe("feedback", dict)),
    )


def _read_feedback(place: _Place | None) -> Feedback | None:
    if place is None:
        return None
    value = cast("Value", place.at("value", str).one_of(get_args(Value)))
    return Feedback(value, _text(place, "comment"))


def _read_message(message: _Place) -> Message:
    calls = message.maybe("toolCalls", list)
    return Message(
        cast("Role", message.at("role", str).one_of(_ROLES)),
        message.at("content", str).value,
        id=_text(message, "id"),
        tool_calls=tuple(_read_call(call) for call in calls.each(dict)) if calls else (),
        tool_call_id=_text(message, "toolCallId"),
        opaque=_text(message, "opaque"),
        resume=_read_resume(message.maybe("resume", dict)),
    )


def _read_resume(place: _Place | None) -> Resume | None:
    if place is None:
        return None
    approved, results = place.maybe("approved", list), place.maybe("results", list)
    return Resume(
        place.at("responseId", str).short(ID),
        tuple(call.value for call in approved.each(str)) if approved else None,
        tuple((r.at("toolCallId", str).value, r.at("content", str).value) for r in results.each(dict))
        if results
        else (),
    )


def _read_call(call: _Place) -> ToolCall:
    return ToolCall(call.at("id", str).value, call.at("name", str).value, call.at("arguments", str).value)


def _text(place: _Place, name: str) -> str | None:
    found = place.maybe(name, str)
    return found.value if found else None
