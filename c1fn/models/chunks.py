"""Assembles one round of a chat completion without I/O: events in, text and tool calls out.

Each event is one JSON document, parsed by the standard library. Servers differ in the fields they omit and in
how they write an empty value, so every empty form is accepted. A value that is not empty and has an unknown
form is an `AnswerGarbled`; it is never guessed. Text is passed on at once; tool calls are collected until the
round ends. JSON can split a character outside the basic plane into two surrogates, and a server may send them
in two deltas: the first surrogate waits for the second.

https://platform.openai.com/docs/api-reference/chat/streaming
"""

import json
from typing import Any

from c1fn.errors import AnswerCut, AnswerGarbled, AnswerWithheld, ModelError
from c1fn.events import Called, Delta, Ended, ModelEvent
from c1fn.models import endings
from c1fn.models.failures import Refusal
from c1fn.models.opaque import CALL_FIELDS, Kept
from c1fn.models.sse import Named
from c1fn.models.tool_calls import Calls
from c1fn.models.values import of, whole
from c1fn.turn import Usage

_TELLING = ("message", "msg", "detail", "error_msg", "error_message", "errors")
"""Where servers say what went wrong, in a document that holds no answer."""

_FIRST = (None, 0, "0")
"""How servers number the one answer that was asked for."""

_TEXT_PARTS = ("text", "output_text")


class Round:
    """What was heard of a round so far. ``reason`` is None until the model says how it ended; ``done`` when
    it has said, too, that nothing more will come.

    :param writer: names the model, for what it wants back.
    """

    def __init__(self, writer: str = "") -> None:
        self.reason: str | None = None
        self.done = False
        self.usage = Usage()
        self._model: Any = None  # which has answered
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

    def read(self, event: str) -> str:
        """The text that the data of one event adds, often empty.

        :raises AnswerGarbled: the event is not a chat completion chunk.
        :raises ModelError: the event reports an error.
        """
        chunk = self._document(event)
        choices = chunk.get("choices")
        if not choices or "error" in chunk:
            _raise_if_told(chunk, event)
        if usage := chunk.get("usage"):
            self._count(usage)
        if self._model is None:
            self._model = chunk.get("model")
        return "".join([self._choice(of(dict, choice)) for choice in of(list, choices)])

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
        model = self._model if isinstance(self._model, str) else ""
        return [*events, Ended(self.reason, self.usage, error, opaque, model)]

    def _document(self, event: str) -> dict[str, Any]:
        try:
            document = json.loads(event)
        except (ValueError, RecursionError):
            document = event.strip()
            self.done = self.done or document.startswith("[DONE]")
        if self.done:
            return {}
        if isinstance(document, dict) and not isinstance(event, Named):
            return document
        return _odd_document(document, event)

    def _choice(self, choice: dict[str, Any]) -> str:
        if choice.get("index") not in _FIRST:
            return ""  # one answer was asked for
        delta = of(dict, choice.get("delta"))
        if not delta and not self._spoke:
            delta = of(dict, choice.get("message"))  # the whole answer at once, or once more at the end
        said = _text(delta.get("content"))
        # Most deltas are a text alone: what else they may hold is not looked for in those.
        called = self._put_away(delta) if len(delta) > 1 or "content" not in delta else False
        if "error" in choice or "usage" in choice:
            self._look_beside(choice)
        if said or called:
            self._spoke = True
            if self.reason is not None and not endings.is_bad(self.reason):
                self.reason, self._reopened = None, True
        if (told := choice.get("finish_reason")) and (reason := endings.reason_of(told)):
            self._end_with(reason)
        return self._joined(said) if said else ""

    def _put_away(self, delta: dict[str, Any]) -> bool:
        """Keep what is in a delta beside its text. True: there are calls."""
        self._kept.add(delta)
        self._refused = self._refused or bool(delta.get("refusal"))
        calls = of(list, delta.get("tool_calls"))
        if old := of(dict, delta.get("function_call")):  # as it was before there were several
            calls = [*calls, {"function": old}]
        for call in calls:
            self._calls.add(of(dict, call))
        return bool(calls)

    def _look_beside(self, choice: dict[str, Any]) -> None:
        """What some servers put beside a delta: an error, and the usage (Moonshot)."""
        _raise_if_told(choice)
        if usage := choice.get("usage"):
            self._count(usage)

    def _end_with(self, reason: str) -> None:
        """A bad reason is not made good by a later one: a proxy may add a stop to whatever it forwards."""
        if self.reason is None or endings.failure(self.reason) is None:
            self.reason = reason

    def _joined(self, text: str) -> str:
        if text.isascii() and not self._half:
            return text
        text = self._half + text
        self._half = text[-1] if "\ud800" <= text[-1] <= "\udbff" else ""
        return whole(text[:-1] if self._half else text)

    def _count(self, usage: object) -> None:
        if (counted := _usage(of(dict, usage))).tokens:
            self.usage = counted


def _odd_document(document: object, event: str) -> dict[str, Any]:
    """What stands in the place of a chunk.

    :raises ModelError: it is an error by its name. AnswerGarbled: it says something, and nobody knows what.
    """
    name = event.name if isinstance(event, Named) else ""
    if name == "error" and document:
        raise Refusal.read(document).meaning()
    if isinstance(document, dict):
        return document
    if document and name in ("", "message"):
        raise AnswerGarbled
    return {}  # a ping, or another event of the server's own


def _raise_if_told(document: dict[str, Any], event: str = "") -> None:
    """:raises ModelError: a document without an answer says what went wrong, or one with an error in it. What
    is empty, through and through, is no error.
    """
    error = document.get("error")
    if error and not (isinstance(error, dict) and not any(error.values())):
        raise Refusal.read({"error": error}).meaning()
    if document.get("choices") or document.get("delta") or getattr(event, "name", "message") != "message":
        return
    is_named = "error" in (document.get("object"), document.get("type"))
    if is_named or any(document.get(name) for name in _TELLING):
        raise Refusal.read(document).meaning()


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
