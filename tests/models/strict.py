"""What the strictest servers ask of the messages of a request: each rule is somebody's 400.

OpenAI: results follow their calls; names are of `[a-zA-Z0-9_-]`. Mistral: after a result comes no user.
Anthropic: roles alternate, no text is blank, ids are unique in the whole request. vLLM, llama.cpp: arguments
are a JSON object. Cerebras, Groq: no field that they do not know.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

FIELDS = frozenset({"role", "content", "tool_calls", "tool_call_id"})
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_NEXT = {"start": {"user"}, "user": {"assistant"}, "assistant": {"user"}, "calls": {"tool"}, "tool": {"tool"}}


def complaint(messages: Sequence[Mapping[str, Any]], fields: Collection[str] = FIELDS) -> str | None:
    """Why these messages are refused; None: they are taken.

    :param fields: that a message may have.
    """
    messages = messages[1:] if messages and messages[0]["role"] == "system" else messages
    state, waiting, seen = "start", list[str](), set[str]()
    for number, message in enumerate(messages):
        role = message["role"]
        allowed = {"assistant"} if state == "tool" and not waiting else _NEXT[state]
        if role not in allowed:
            return f"message {number}: {role} after {state}"
        if unknown := message.keys() - fields:
            return f"message {number}: fields {sorted(unknown)}"
        calls = message.get("tool_calls") or []
        if not (calls and message["content"] is None) and not str(message["content"] or "").strip():
            return f"message {number}: blank text"
        if role == "tool":
            if message["tool_call_id"] not in waiting:
                return f"message {number}: the result of no call"
            waiting.remove(message["tool_call_id"])
        if wrong := next((wrong for call in calls if (wrong := _wrong(call, seen))), None):
            return f"message {number}: {wrong}"
        waiting += [call["id"] for call in calls]
        state = "calls" if calls else role
    return "the last message asks nothing" if state not in ("user", "tool") or waiting else None


def _wrong(call: Mapping[str, Any], seen: set[str]) -> str | None:
    if not call["id"] or call["id"] in seen:
        return "an id that is empty or known"
    seen.add(call["id"])
    function = call["function"]
    if not _NAME.fullmatch(function["name"]):
        return "a name that is none"
    try:
        is_object = isinstance(json.loads(function["arguments"]), dict)
    except ValueError:
        is_object = False
    return None if is_object else "arguments that are no object"
