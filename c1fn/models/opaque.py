"""Fields that a model sends besides its text and that must be sent back with it.

DeepSeek rejects the next request without its ``reasoning_content``, Gemini without the signature of each call
(``extra_content``); OpenRouter and LiteLLM require the unchanged blocks of reasoning. c1fn does not interpret
these fields: it assembles them from the stream, stores them with the message as a JSON text with a version,
and sends them back only to the model that wrote them, at the same address. They are never shown.

https://api-docs.deepseek.com/guides/thinking_mode#tool-calls
https://ai.google.dev/gemini-api/docs/thought-signatures#openai
https://openrouter.ai/docs/guides/best-practices/reasoning-tokens#preserving-reasoning
"""

import json
from collections.abc import Iterable
from typing import Any

from c1fn.errors import AnswerTooLong
from c1fn.models.values import size, whole

LIMIT = 1_048_576
"""Characters of a round: about 260,000 tokens, more than any model thinks before it answers."""

_VERSION = 1

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)

MESSAGE_FIELDS = frozenset(
    {"reasoning_content", "reasoning_details", "reasoning_opaque", "thinking_blocks", "extra_content"}
)
"""Of a message. Others (``reasoning``) come too, but no server was reported to ask for them."""

CALL_FIELDS = frozenset({"extra_content", "thought_signature", "provider_specific_fields"})
"""Of a tool call."""

_GROWING = frozenset({"text", "thinking", "summary", "data"})
"""Texts of a block of reasoning that come in pieces."""


class Kept:
    """What was heard of a round's so far."""

    def __init__(self) -> None:
        self._fields: dict[str, Any] = {}
        self._texts: dict[str, list[str]] = {}
        self._size = 0

    def add(self, delta: dict[str, Any]) -> None:
        """:raises AnswerTooLong: it is more than can be kept. AnswerGarbled: it is nested too deep."""
        for name in MESSAGE_FIELDS & delta.keys():
            if value := delta[name]:
                self._size += self._join(name, value)
        if self._size > LIMIT:
            raise AnswerTooLong("The model's reasoning is too long to be kept.")

    def text(self, writer: str, calls: list[dict[str, Any]]) -> str | None:
        """It as one JSON text, with what its calls have; None: there is nothing."""
        fields = self._fields | {name: "".join(pieces) for name, pieces in self._texts.items()}
        if not fields and not any(calls):
            return None
        try:
            kept = _JSON.encode([_VERSION, writer, fields, calls])
        except ValueError:
            return None  # a number that is none, NaN or infinite: no request could carry it back
        return whole(kept)  # half a character can be stored, and not be sent

    def _join(self, name: str, value: Any) -> int:
        """:returns: the characters by which what is kept has grown."""
        known = self._fields.get(name)
        if isinstance(value, str):
            self._texts.setdefault(name, []).append(value)
            return len(value)
        if isinstance(value, list):
            self._fields[name] = blocks = known if isinstance(known, list) else []
            return sum([_append(blocks, block) for block in value])
        both = isinstance(value, dict) and isinstance(known, dict)
        self._fields[name] = known | value if both else value
        return size(value)


def _append(blocks: list[Any], block: Any) -> int:
    """The block, joined to the last one if it is the next piece of it: all but its texts are the same.

    :returns: the characters by which the blocks have grown.
    """
    last = blocks[-1] if blocks else None
    if not (isinstance(block, dict) and isinstance(last, dict)):
        blocks.append(block)
        return size(block)
    growing = [name for name in _GROWING if isinstance(block.get(name), str)]
    same = all(
        last.get(name) in (None, value) or value is None
        for name, value in block.items()
        if name not in growing
    )
    if not same or not all(isinstance(last.get(name, ""), str) for name in growing):
        blocks.append(block)
        return size(block)
    grown = {name: last.get(name, "") + block[name] for name in growing}
    blocks[-1] = last | {name: value for name, value in block.items() if value is not None} | grown
    added = [v for n, v in block.items() if n not in growing and v is not None and last.get(n) is None]
    return sum(len(block[name]) for name in growing) + (size(added) if added else 0)


def returned(text: str | None, writer: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The fields of the message and of each of its calls, if this writer may have them back."""
    if text is None:
        return {}, []
    version, wrote, fields, calls = json.loads(text)
    return (fields, calls) if (version, wrote) == (_VERSION, writer) else ({}, [])


def without(fields: dict[str, Any], refused: Iterable[str]) -> dict[str, Any]:
    """The fields but for those that the server refuses."""
    return {name: value for name, value in fields.items() if name not in refused}
