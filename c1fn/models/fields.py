"""Request fields that a server rejects or requires, learned from its errors and kept while the process runs.

A field is omitted only if that does not change the meaning of the request, or sent under its newer name. If a
required field is rejected (the messages, the tools, the model), the log names it for the operator.

https://platform.openai.com/docs/api-reference/chat/create#chat-create-max_tokens
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from c1fn.errors import ContextTooLong, ModelError, ModelRejected
from c1fn.models.failures import Refusal
from c1fn.models.opaque import CALL_FIELDS, MESSAGE_FIELDS

NEWER = {"max_tokens": "max_completion_tokens"}
"""The newer name, at OpenAI's reasoning models, Azure's, and whoever follows them."""

_OPTIONAL = ("stream_options", "metadata", "temperature", "max_tokens", "max_completion_tokens")

_PARTS = {"stream_options": ("include_usage",)}
"""Names of a field's own fields, which a refusal may tell instead."""

_DEMANDABLE = frozenset({"reasoning_content"})
"""What DeepSeek wants in every answer of a history, also in those that another model wrote: empty will do."""

_DEMAND = re.compile(r"missing|required|must be (passed|provided|included)")

_ANSWER_TOO_LARGE = re.compile(r"\bmax_(completion_)?tokens\b.{0,60}\btoo (large|high|big)")
"""It is not the messages that are too long, but the answer that is asked for."""


class LearnedFields:
    """What is known of one server. ``refused``: fields that it no longer gets, with the name that they go
    under instead, if there is one. ``demanded``: fields that every answer of a history must have.
    """

    def __init__(self) -> None:
        self.refused: dict[str, str | None] = {}
        self.demanded: set[str] = set()

    def applied(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The request as this server takes it; its messages are the business of `messages`."""
        sent: dict[str, Any] = {}
        for name, value in request.items():
            known: str | None = name
            while known in self.refused:
                known = self.refused[known]
            if known is not None:
                sent[known] = value
        return sent

    def learn(self, sent: Mapping[str, Any], refusal: Refusal, error: ModelError) -> list[str]:
        """The fields that this refusal teaches something about: with any, it is worth to ask once more."""
        too_large = isinstance(error, ContextTooLong) and _ANSWER_TOO_LARGE.search(refusal.words)
        if not (isinstance(error, ModelRejected) or too_large):
            return []
        if demanded := self._demanded(refusal.words):
            self.demanded |= demanded
            return sorted(demanded)
        found = [name for name in self._leavable(sent) if _tells(refusal.words, name)]
        for name in found:
            newer = NEWER.get(name)
            self.refused[name] = newer if newer and _names(refusal.words, newer) else None
        return found

    def forget(self, names: Iterable[str]) -> None:
        """Another try without these was refused as well: they were not the reason, and may have stood in a
        prompt that the refusal repeats.
        """
        for name in names:
            self.refused.pop(name, None)
            self.demanded.discard(name)

    def _demanded(self, words: str) -> set[str]:
        wanted = {name for name in _DEMANDABLE - self.demanded if _names(words, name)}
        return wanted if _DEMAND.search(words) else set()

    def _leavable(self, sent: Mapping[str, Any]) -> list[str]:
        inside = sorted(MESSAGE_FIELDS | CALL_FIELDS)
        return [
            *(name for name in _OPTIONAL if name in sent),
            *(name for name in inside if name not in self.refused and _is_in_messages(name, sent)),
        ]


def _is_in_messages(name: str, sent: Mapping[str, Any]) -> bool:
    return any(
        name in message or any(name in call for call in message.get("tool_calls") or ())
        for message in sent["messages"]
    )


def _tells(words: str, name: str) -> bool:
    return any(_names(words, word) for word in (name, *_PARTS.get(name, ())))


def _names(words: str, name: str) -> bool:
    return re.search(rf"(?<![a-z0-9_]){name}(?![a-z0-9_])", words) is not None
