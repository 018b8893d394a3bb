"""One round of a chat completion, put together without I/O: the data of its events in, what it says out.

Strategy: each event is one JSON document, read by the standard library; what is not of the form OpenAI gives
it is an `AnswerGarbled`, never a guess. Text goes out as it comes; tool calls are collected by their index
until the round is over. JSON may cut a character beyond the basic plane into two surrogate halves and a
server may send each in a delta of its own: a first half waits for the second.

https://platform.openai.com/docs/api-reference/chat/streaming
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any, TypeVar

from c1fn.errors import (
    AnswerCut,
    AnswerGarbled,
    AnswerTooLong,
    ContextTooLong,
    ModelBusy,
    ModelError,
    ModelUnavailable,
)
from c1fn.events import Called, Delta, Ended, ModelEvent
from c1fn.turn import ToolCall, Usage

ARGUMENTS_LIMIT = 1_048_576
"""Characters of all arguments of a round: a tool takes a few thousand, and they wait in memory."""

CALLS_LIMIT = 128
"""Tool calls of a round: as many as OpenAI lets a request have tools."""

_UNFINISHED = frozenset({"length", "content_filter"})
"""Reasons that end a round in the middle: its tool calls may lack the end of their arguments."""

_REPORTED: dict[str, type[ModelError]] = {
    "context_length_exceeded": ContextTooLong,
    "rate_limit_exceeded": ModelBusy,
    "429": ModelBusy,
}
"""Codes of an error reported in the stream; any other is a trouble of the model's own."""

_SURROGATE = re.compile("[\ud800-\udfff]")

_T = TypeVar("_T")


def whole(text: str) -> str:
    """The text with surrogate halves joined where they meet, and U+FFFD for one that stands alone."""
    if text.isascii() or not _SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


class Round:
    """What was heard of a round so far. ``reason`` is None until the model says how it ended."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self.usage = Usage()
        self._half = ""  # the first half of a character, waiting for the second
        self._calls: dict[int, _Call] = {}
        self._size = 0  # of all arguments

    def read(self, data: str) -> str:
        """The text that one event adds, often empty.

        :raises AnswerGarbled: the event is not a chat completion chunk.
        :raises ModelError: the event reports an error.
        """
        chunk = _document(data)
        if chunk.get("error") is not None:
            raise _reported(chunk["error"])
        if (usage := chunk.get("usage")) is not None:
            self.usage = _usage(_as(dict, usage))
        return "".join([self._choice(_as(dict, choice)) for choice in _as(list, chunk.get("choices"))])

    def end(self) -> list[ModelEvent]:
        """The events that end the round.

        :raises AnswerCut: the model did not say that it is complete.
        """
        if self.reason is None:
            raise AnswerCut
        events: list[ModelEvent] = [Delta("\ufffd")] if self._half else []
        if self._calls and self.reason not in _UNFINISHED:
            events.append(Called(tuple(_called(self._calls[index]) for index in sorted(self._calls))))
        return [*events, Ended(self.reason, self.usage)]

    def _choice(self, choice: dict[str, Any]) -> str:
        if choice.get("index"):
            return ""  # one answer was asked for
        delta = _as(dict, choice.get("delta"))
        for call in _as(list, delta.get("tool_calls")):
            self._add(_as(dict, call))
        if reason := _as(str, choice.get("finish_reason")):
            self.reason = reason
        content = _as(str, delta.get("content"))
        return self._joined(content) if content else ""

    def _joined(self, text: str) -> str:
        text = self._half + text
        self._half = text[-1] if "\ud800" <= text[-1] <= "\udbff" else ""
        return whole(text[:-1] if self._half else text)

    def _add(self, delta: dict[str, Any]) -> None:
        call = self._calls.setdefault(_index(delta), _Call())
        function = _as(dict, delta.get("function"))
        # Set, not added to: some servers send the id and the name again with each piece.
        call.id = _as(str, delta.get("id")) or call.id
        call.name = _as(str, function.get("name")) or call.name
        arguments = _as(str, function.get("arguments"))
        call.arguments.append(arguments)
        self._size += len(arguments)
        if self._size > ARGUMENTS_LIMIT or len(self._calls) > CALLS_LIMIT:
            raise AnswerTooLong("The model's tool calls are too many or too long.")


def _document(data: str) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise AnswerGarbled from None  # a JSON error carries the text
    if not isinstance(document, dict):
        raise AnswerGarbled
    return document


def _as(kind: type[_T], value: object) -> _T:
    """The value, which must be of this kind; null and absent count as its empty value."""
    if value is None:
        return kind()
    if not isinstance(value, kind):
        raise AnswerGarbled
    return value


def _index(delta: dict[str, Any]) -> int:
    if not isinstance(index := delta.get("index"), int):
        raise AnswerGarbled
    return index


def _called(call: _Call) -> ToolCall:
    if not (call.id and call.name):
        raise AnswerGarbled("The model called a tool without its name or id.")
    return ToolCall(whole(call.id), whole(call.name), whole("".join(call.arguments)))


def _usage(usage: dict[str, Any]) -> Usage:
    return Usage(_count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")))


def _count(value: object) -> int:
    """A wrong count is not worth an answer: it counts as none."""
    return value if isinstance(value, int) and 0 <= value < 2**63 else 0


def _reported(error: object) -> ModelError:
    code = error.get("code") if isinstance(error, dict) else None
    return _REPORTED.get(str(code), ModelUnavailable)()
