"""One round of a chat completion, put together without I/O: its events in, what it says out.

Strategy: each event is one JSON document, read by the standard library. Servers differ in what they leave out
and in what they put in the place of nothing, so that is taken in any form; what says something in a form that
nobody knows is an `AnswerGarbled`, never a guess. Text goes out as it comes; tool calls are collected until
the round is over. JSON may cut a character beyond the basic plane into two surrogate halves and a server may
send each in a delta of its own: a first half waits for the second.

https://platform.openai.com/docs/api-reference/chat/streaming
"""

import json
from typing import Any

from c1fn.errors import AnswerCut, AnswerGarbled, AnswerWithheld, ModelError
from c1fn.events import Called, Delta, Ended, ModelEvent
from c1fn.models import endings
from c1fn.models.failures import Refusal
from c1fn.models.opaque import CALL_FIELDS, Kept
from c1fn.models.sse import Event
from c1fn.models.tool_calls import Calls
from c1fn.models.values import of, whole
from c1fn.turn import Usage

_TELLING = ("message", "msg", "detail", "error_msg", "error_message", "errors")
"""Where servers say what went wrong, in a document that holds no answer."""

_TEXT_PARTS = frozenset({"text", "output_text"})


class Round:
    """What was heard of a round so far. ``reason`` is None until the model says how it ended.

    :param writer: names the model, for what it wants back.
    """

    def __init__(self, writer: str = "") -> None:
        self.reason: str | None = None
        self.usage = Usage()
        self._writer = writer
        self._half = ""  # the first half of a character, waiting for the second
        self._calls = Calls(CALL_FIELDS)
        self._kept = Kept()
        self._spoke = False  # it has said text, or called
        self._refused = False
        self._reopened = False  # it has gone on after a reason

    @property
    def complete(self) -> bool:
        """It has said how it ended, and its word can be taken for it: a server that gives a reason and goes
        on may give one with every piece.
        """
        return self.reason is not None and not self._reopened

    def read(self, event: Event) -> str:
        """The text that one event adds, often empty.

        :raises AnswerGarbled: the event is not a chat completion chunk.
        :raises ModelError: the event reports an error.
        """
        if not event.data.strip():
            return ""
        if event.name == "error":
            raise Refusal.read(_any_document(event.data)).meaning()
        chunk = _document(event)
        _raise_if_told(chunk.get("error"))
        if not chunk.get("choices") and event.name in ("", "message") and _is_error(chunk):
            raise Refusal.read(chunk).meaning()
        self._count(chunk.get("usage"))
        return "".join([self._choice(of(dict, choice)) for choice in of(list, chunk.get("choices"))])

    def end(self) -> list[ModelEvent]:
        """The events that end the round.

        :raises AnswerCut: the model did not say how it ended.
        """
        if self.reason is None:
            raise AnswerCut
        error: ModelError | None = endings.failure(self.reason)
        if error is None and self._refused:
            error = AnswerWithheld()
        events: list[ModelEvent] = [Delta("\ufffd")] if self._half else []
        if self._calls and error is None:
            events.append(Called(self._calls.called()))
        opaque = self._kept.text(self._writer, self._calls.extras())
        return [*events, Ended(self.reason, self.usage, error, opaque)]

    def _choice(self, choice: dict[str, Any]) -> str:
        if choice.get("index") not in (None, 0, "0"):
            return ""  # one answer was asked for
        _raise_if_told(choice.get("error"))
        self._count(choice.get("usage"))  # Moonshot's place for it
        delta = of(dict, choice.get("delta"))
        if not delta and not self._spoke:
            delta = of(dict, choice.get("message"))  # the whole answer at once, or once more at the end
        said = self._said(delta)
        if reason := endings.reason_of(choice.get("finish_reason")):
            self._end_with(reason)
        return self._joined(said) if said else ""

    def _said(self, delta: dict[str, Any]) -> str:
        """The text of a delta; its calls, and what else is kept of it, are put away."""
        self._kept.add(delta)
        self._refused = self._refused or bool(delta.get("refusal"))
        calls = of(list, delta.get("tool_calls"))
        if old := of(dict, delta.get("function_call")):  # as it was before there were several
            calls = [*calls, {"function": old}]
        for call in calls:
            self._calls.add(of(dict, call))
        said = _text(delta.get("content"))
        if said or calls:
            self._spoke = True
            if self.reason is not None:
                self.reason, self._reopened = None, True
        return said

    def _end_with(self, reason: str) -> None:
        """A bad reason is not made good by a later one: a proxy may add a stop to whatever it forwards."""
        if self.reason is None or endings.failure(self.reason) is None:
            self.reason = reason

    def _joined(self, text: str) -> str:
        text = self._half + text
        self._half = text[-1] if "\ud800" <= text[-1] <= "\udbff" else ""
        return whole(text[:-1] if self._half else text)

    def _count(self, usage: object) -> None:
        if usage and (counted := _usage(of(dict, usage))).tokens:
            self.usage = counted


def _document(event: Event) -> dict[str, Any]:
    document = _any_document(event.data)
    if isinstance(document, dict):
        return document
    if event.name and event.name != "message":
        return {}  # a ping, or another event of the server's own
    if not document and not isinstance(document, str):
        return {}
    raise AnswerGarbled


def _any_document(data: str) -> object:
    """A JSON document; text that is none as it is."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return data


def _raise_if_told(error: object) -> None:
    """:raises ModelError: the server reports one; what is empty, through and through, is none."""
    if error and not (isinstance(error, dict) and not any(error.values())):
        raise Refusal.read({"error": error}).meaning()


def _is_error(document: dict[str, Any]) -> bool:
    """A document without an answer that says what went wrong."""
    is_named = "error" in (document.get("object"), document.get("type"))
    return is_named or any(document.get(name) for name in _TELLING)


def _text(content: object) -> str:
    """The text of a content, which may come in parts: what is thought or referred to is left out."""
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        content = [content]
    return "".join([_part(part) for part in of(list, content)])


def _part(part: object) -> str:
    if isinstance(part, str):
        return part
    fields = of(dict, part)
    return of(str, fields.get("text")) if fields.get("type", "text") in _TEXT_PARTS else ""


def _usage(usage: dict[str, Any]) -> Usage:
    details = usage.get("prompt_tokens_details")
    cached = (
        details.get("cached_tokens") if isinstance(details, dict) else None,
        usage.get("prompt_cache_hit_tokens"),  # DeepSeek's
        usage.get("cached_tokens"),  # Moonshot's
        usage.get("cache_read_input_tokens"),  # Anthropic's
    )
    return Usage(
        _tokens(usage.get("prompt_tokens")),
        _tokens(usage.get("completion_tokens")),
        max(map(_tokens, cached)),
    )


def _tokens(value: object) -> int:
    """A wrong count is not worth an answer: it counts as none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63 else 0
