"""The messages for the model, in OpenAI's form, so that also the strictest server accepts them.

A server rejects a whole conversation because of one invalid message, and every later prompt would contain
that message again. So this module corrects all messages, whoever wrote them: every question has an answer, no
text is blank, each call has a unique id, arguments are a JSON object, and a name has only valid characters.
Nothing is invented but one word (``BETWEEN``); if a message cannot be corrected, its whole turn is omitted.

https://platform.openai.com/docs/api-reference/chat/create#chat-create-messages
"""

import re
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from c1fn.models import ToolSpec, opaque
from c1fn.models.tool_calls import is_object, unique
from c1fn.models.values import whole
from c1fn.turn import Message

_NO_NAME = re.compile(r"[^a-zA-Z0-9_-]")
_NAME_LENGTH = 64
"""Of a function, at OpenAI and its like."""

BETWEEN = Message("assistant", "Noted.")
"""Stands between results and a prompt where the model said nothing: the person wrote while a client's tool or
an approval was open, or stopped the answer. Mistral's servers and templates take no prompt after a result.
"""


def outgoing(
    messages: Sequence[Message], writer: str, refused: Collection[str] = (), demanded: Collection[str] = ()
) -> list[dict[str, Any]]:
    """The messages in OpenAI's form. The client's ids stay here.

    :param writer: names the model that is asked: what it wants back goes with them.
    :param refused: fields that it does not take.
    :param demanded: fields that each answer must have, empty if there is nothing.
    """
    *earlier, current = _turns(messages) or [[]]
    kept = [message for turn in earlier for message in _answered(turn)]
    ids = _Ids()
    sent = [_sent(message, ids, writer, refused) for message in [*kept, *current]]
    for message in sent:
        if message["role"] == "assistant":
            for name in demanded:
                message.setdefault(name, "")
    return sent


def offered(tool: ToolSpec) -> dict[str, Any]:
    """A tool in OpenAI's form, for a request's ``tools``."""
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _turns(messages: Iterable[Message]) -> list[list[Message]]:
    """A turn begins with what the user says."""
    turns: list[list[Message]] = []
    for message in messages:
        if message.role == "user" or not turns:
            turns.append([])
        turns[-1].append(message)
    return turns


def _answered(turn: list[Message]) -> list[Message]:
    """An earlier turn up to its answer, or to the results of its last calls: an empty round may have left
    calls behind it. Without any of these it is left out, prompt and all.
    """
    if turn[0].role != "user":
        return turn
    if _ends_with_results(turn):
        return [*turn, BETWEEN]
    for at in range(len(turn) - 1, 0, -1):
        message = turn[at]
        if message.role == "assistant" and message.content.strip():
            answer = Message(
                "assistant", message.content, opaque=None if message.tool_calls else message.opaque
            )
            return [*turn[:at], answer]
    return []


def _ends_with_results(turn: list[Message]) -> bool:
    """Whether the turn ends with results, and each of its calls has one."""
    calls = sorted(call.id for message in turn for call in message.tool_calls)
    results = [message.tool_call_id or "" for message in turn if message.role == "tool"]
    return turn[-1].role == "tool" and calls == sorted(results)


class _Ids:
    """Each call's id, made unique in the whole request, and found again by its result."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._waiting: dict[str, deque[str]] = {}

    def of_call(self, id_: str) -> str:
        sent = unique(whole(id_), self._taken)
        self._waiting.setdefault(id_, deque()).append(sent)
        return sent

    def of_result(self, id_: str) -> str:
        waiting = self._waiting.get(id_)
        return waiting.popleft() if waiting else id_


def _sent(message: Message, ids: _Ids, writer: str, refused: Collection[str]) -> dict[str, Any]:
    sent: dict[str, Any] = {"role": message.role, "content": whole(message.content)}
    fields, extras = opaque.returned(message.opaque, writer)
    if message.tool_calls:
        sent["content"] = sent["content"] if message.content.strip() else None
        sent["tool_calls"] = [
            {
                "id": ids.of_call(call.id),
                "type": "function",
                "function": {"name": _name(call.name), "arguments": _arguments(call.arguments)},
                **opaque.without(extra, refused),
            }
            for call, extra in zip(message.tool_calls, extras or [{}] * len(message.tool_calls), strict=False)
        ]
    if message.tool_call_id is not None:
        sent["tool_call_id"] = ids.of_result(message.tool_call_id)
        sent["content"] = sent["content"] if message.content.strip() else '""'  # nothing, written as JSON
    return sent | opaque.without(fields, refused)


def _name(name: str) -> str:
    return _NO_NAME.sub("_", whole(name))[:_NAME_LENGTH] or "_"


def _arguments(arguments: str) -> str:
    return whole(arguments) if is_object(arguments) else "{}"
