"""Threads for an operator: times, outcomes, sizes. Prompts and answers are shown only on request, when the
owner has agreed.
"""

import re
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any

from c1fn.stores import Store
from c1fn.telemetry.log import pseudonym
from c1fn.turn import Thread, Turn

PAGE = 100
"""Threads that are read at once."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


async def show(store: Store, owner: str, thread_id: str, *, text: bool) -> dict[str, Any]:
    """One thread. Sizes are in bytes of UTF-8.

    :param text: tell the prompts and the answers too.
    :raises NotFound: the owner has no such thread.
    """
    turns = await store.threads.load(owner, thread_id)
    return {
        "threadId": thread_id,
        "owner": pseudonym(owner),
        "turns": [_turn(turn) | (_words(turn) if text else {}) for turn in turns],
    }


async def every(store: Store, owner: str) -> AsyncGenerator[Thread, None]:
    """All threads of an owner, the newest first."""
    cursor = None
    while True:
        page = await store.threads.page(owner, cursor=cursor, limit=PAGE)
        for thread in page.threads:
            yield thread
        cursor = page.cursor
        if cursor is None:
            return


def _turn(turn: Turn) -> dict[str, Any]:
    return {
        "number": turn.number,
        "responseId": turn.response_id,
        "startedAt": iso(turn.started),
        "state": turn.state.value,
        "error": turn.error,
        "rounds": sum(message.role == "assistant" for message in turn.reply),
        "inputTokens": turn.usage.input_tokens,
        "outputTokens": turn.usage.output_tokens,
        "promptBytes": _size(turn.prompt.content),
        "answerBytes": _size(turn.answer),
    } | {name: told for name, told in _more(turn).items() if told is not None}


def _more(turn: Turn) -> dict[str, Any]:
    """What few turns have."""
    resume = turn.prompt.resume
    return {
        "feedback": turn.feedback.value if turn.feedback else None,
        "waitsFor": [call.name for call in turn.pending] or None,
        "answers": resume.response_id if resume else None,
        "approved": (["all"] if resume.approved is None else list(resume.approved)) if resume else None,
    }


def _words(turn: Turn) -> dict[str, str]:
    comment = turn.feedback.comment if turn.feedback else None
    said = {"prompt": turn.prompt.content, "answer": turn.visible}
    said |= {} if comment is None else {"comment": comment}
    calls = ", ".join(f"{call.name} {call.arguments}" for call in turn.pending)
    return said | ({"asks for": calls} if calls else {})


def lines(thread: dict[str, Any]) -> list[str]:
    """``show``'s answer for a terminal: nothing that was stored can move its cursor."""
    told = [f"{thread['threadId']} · owner {thread['owner']} in the log · {len(thread['turns'])} turns"]
    for turn in thread["turns"]:
        error = f" {turn['error']}" if turn["error"] else ""
        told.append(
            f"#{turn['number']} {turn['startedAt']} {turn['state']}{error} · {turn['responseId']}"
            f" · {turn['rounds']} rounds · {turn['inputTokens']} + {turn['outputTokens']} tokens"
            f" · {turn['promptBytes']} + {turn['answerBytes']} bytes"
            + (f" · feedback {turn['feedback']}" if "feedback" in turn else "")
            + (f" · waits for {', '.join(turn['waitsFor'])}" if "waitsFor" in turn else "")
            + (f" · answers {turn['answers']}" if "answers" in turn else "")
            + (f", approved: {', '.join(turn['approved']) or 'none'}" if "approved" in turn else "")
        )
        words = ("prompt", "answer", "asks for", "comment")
        told += [f"  {name}: {turn[name]}" for name in words if name in turn]
    return [safe(line) for line in told]


def safe(line: str) -> str:
    """A line that cannot move a terminal's cursor."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", line)


def iso(seconds: float) -> str:
    """The time as an ISO 8601 text in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
