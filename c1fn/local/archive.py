"""Threads as JSON documents, one a thread: what an owner takes away, and what can be brought back.

A document has everything that a person or the model was told: prompts, answers, tool calls and their results,
forms as they were sent (``reply``) and as they were saved (``revised``). Times are ISO 8601 in UTC. A
document is one line, so that a file holds many. https://jsonlines.org
"""

import json
import re
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime
from typing import Any

from c1fn.errors import DamagedRow, NotFound
from c1fn.stores import Store
from c1fn.turn import Feedback, Message, Resume, Thread, Turn

FORMAT = 1
"""The version of the documents, as ``c1fn``: another one is refused."""

TURNS = 20
"""Turns that are read at once, and that stay in memory while a document is written."""

_UNSAFE = re.compile("[\\x7f-\\x9f\\u2028\\u2029\\ud800-\\udfff]")
"""What stands in JSON as an escape: it would move a terminal's cursor, or cannot be written in UTF-8."""

Pieces = AsyncGenerator[str, None]


def text_of(value: Any) -> str:
    """JSON in one line."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


async def document(store: Store, owner: str, thread: Thread, tell: Callable[[str], None]) -> Pieces:
    """A thread's document, in pieces: the turns that it had at the beginning.

    :param tell: told of what is not whole: a turn that cannot be read, a thread that was deleted meanwhile.
    :raises NotFound: it was gone before.
    """
    newest = await store.threads.load(owner, thread.id, limit=1)
    head = {"c1fn": FORMAT, "threadId": thread.id, "title": thread.title}
    times = {"createdAt": _iso(thread.created), "updatedAt": _iso(thread.updated)}
    source = thread.source
    forked = {"threadId": source.thread_id, "responseId": source.response_id} if source else None
    yield text_of(head | times | ({"forkedFrom": forked} if forked else {}))[:-1] + ',"turns":['
    comma = ""
    try:
        async for turn in _turns(store, owner, thread.id, newest[-1].number if newest else 0):
            yield comma + text_of(_turn(turn))
            comma = ","
            if turn.error == DamagedRow.code:
                tell(f"{thread.id}: turn {turn.number} cannot be read; its texts are not exported.")
    except NotFound:
        tell(f"{thread.id}: it was deleted while it was exported; turns are missing.")
    yield "]}\n"


async def turns_of(store: Store, owner: str, thread_id: str) -> AsyncGenerator[Turn, None]:
    """The turns of a thread, oldest first, a few of them in memory at a time.

    :raises NotFound: the thread is gone.
    """
    newest = await store.threads.load(owner, thread_id, limit=1)
    async for turn in _turns(store, owner, thread_id, newest[-1].number if newest else 0):
        yield turn


async def _turns(store: Store, owner: str, thread_id: str, last: int) -> AsyncGenerator[Turn, None]:
    for first in range(1, last + 1, TURNS):
        before = min(first + TURNS, last + 1)
        for turn in await store.threads.load(owner, thread_id, before=before, limit=TURNS):
            if turn.number >= first:
                yield turn


def _turn(turn: Turn) -> dict[str, Any]:
    written = {
        "number": turn.number,
        "responseId": turn.response_id,
        "state": turn.state.value,
        "startedAt": _iso(turn.started),
        "prompt": _message(turn.prompt),
        "reply": [_message(message) for message in turn.reply],
        "usage": {"inputTokens": turn.usage.input_tokens, "outputTokens": turn.usage.output_tokens},
        "error": turn.error,
        "detail": turn.detail,
        "revised": turn.revised,
        "feedback": _feedback(turn.feedback) if turn.feedback else None,
    }
    return {name: value for name, value in written.items() if value is not None}


def _feedback(feedback: Feedback) -> dict[str, Any]:
    return {"value": feedback.value} | ({"comment": feedback.comment} if feedback.comment else {})


def _message(message: Message) -> dict[str, Any]:
    written = {
        "role": message.role,
        "content": message.content,
        "id": message.id,
        "toolCalls": [
            {"id": call.id, "name": call.name, "arguments": call.arguments} for call in message.tool_calls
        ]
        or None,
        "toolCallId": message.tool_call_id,
        "opaque": message.opaque,
        "resume": _resume(message.resume) if message.resume else None,
    }
    return {name: value for name, value in written.items() if value is not None}


def _resume(resume: Resume) -> dict[str, Any]:
    written = {
        "responseId": resume.response_id,
        "approved": None if resume.approved is None else list(resume.approved),
        "results": [{"toolCallId": call_id, "content": text} for call_id, text in resume.results] or None,
    }
    return {name: value for name, value in written.items() if value is not None}


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
