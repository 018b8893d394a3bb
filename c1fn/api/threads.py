"""The thread endpoints, as the official client's hooks call them; each caller sees only its own threads.

A thread's id may hold any printable character. In a path it is percent-encoded as one segment, so paths are
matched as they were sent and ids are decoded after the match: see raw_path.py.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from c1fn.api.bodies import AnswerBody, ThreadBody, TitleBody, body_of, read, read_prompt
from c1fn.api.browsers import lists_cards
from c1fn.api.dependencies import CurrentCaller, CurrentChat, CurrentStore, ResponseId, ThreadId
from c1fn.api.wires.c1 import whole
from c1fn.errors import by_code
from c1fn.turn import (
    UNTITLED,
    Feedback,
    HasTool,
    Source,
    State,
    Thread,
    Turn,
    any_tool,
    is_of_openui,
    title_of,
    typed,
)

MOST = 9_999_999_999
"""Maximum of a turn's number."""

PAGE = 50
"""Threads per page: more than a side bar shows at once."""

routes = APIRouter(prefix="/api/threads", tags=["threads"])


@routes.get("")
async def list_threads(
    caller: CurrentCaller,
    store: CurrentStore,
    cursor: Annotated[str | None, Query(max_length=2048)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = PAGE,
) -> Response:
    """A page of the caller's threads, newest first; `cursor` asks for the page after it."""
    page = await store.threads.page(caller.owner, cursor=cursor, limit=limit)
    return JSONResponse({"threads": [shown(t) for t in page.threads], "cursor": page.cursor})


@routes.post("", status_code=201)
async def create_thread(request: Request, caller: CurrentCaller, store: CurrentStore) -> Response:
    """Create a thread; an existing one is not changed."""
    wanted = read(ThreadBody, await body_of(request) or b"{}")
    words = title_of(read_prompt(wanted.prompt)) if wanted.prompt else UNTITLED
    title = wanted.title or words
    thread = await store.threads.create(caller.owner, wanted.threadId or str(uuid4()), title)
    return JSONResponse(shown(thread), 201)


@routes.get("/{threadId}/messages")
async def load_messages(
    *,
    request: Request,
    caller: CurrentCaller,
    chat: CurrentChat,
    thread_id: ThreadId,
    limit: Annotated[int | None, Query(ge=1, le=100, description="The newest so many turns.")] = None,
    before: Annotated[int | None, Query(ge=1, le=MOST, description="Turns with a smaller number.")] = None,
) -> Response:
    """The messages that users see, oldest first. With `limit` the newest page of them; the page before it is
    linked in the header `Link`, as `rel="prev"`, until there is none.
    """
    turns = await chat.store.threads.load(caller.owner, thread_id, before=before, limit=limit)
    now = time.time() if before is None else None
    messages = visible(turns, cards=lists_cards(request), now=now, has_tool=chat.has_tool)
    return JSONResponse(messages, headers=older(turns, limit))


@routes.put("/{threadId}")
async def rename_thread(
    request: Request, caller: CurrentCaller, store: CurrentStore, thread_id: ThreadId
) -> Response:
    """Give the thread another title."""
    title = read(TitleBody, await body_of(request)).title
    return JSONResponse(shown(await store.threads.rename(caller.owner, thread_id, title)))


@routes.delete("/{threadId}", status_code=204)
async def delete_thread(caller: CurrentCaller, store: CurrentStore, thread_id: ThreadId) -> Response:
    """Delete the thread; an answer that is being written in it is ended."""
    await store.threads.delete(caller.owner, thread_id)
    return Response(status_code=204)


@routes.put("/{threadId}/messages/{responseId}", status_code=204)
async def save_answer(
    request: Request, caller: CurrentCaller, store: CurrentStore, thread_id: ThreadId, response_id: ResponseId
) -> Response:
    """Save an answer with the state of its form."""
    content = read(AnswerBody, await body_of(request, answer=True)).content
    await store.threads.revise(caller.owner, thread_id, response_id, content)
    return Response(status_code=204)


def older(turns: Sequence[Turn], limit: int | None) -> dict[str, str]:
    """The header that links the page before these turns, if there is one.

    https://www.rfc-editor.org/rfc/rfc8288
    """
    if not limit or not turns or turns[0].number <= 1:
        return {}
    return {"link": f'<?limit={limit}&before={turns[0].number}>; rel="prev"'}


_ENDED = {
    State.RUNNING: "running",
    State.STOPPED: "stopped",
    State.FAILED: "failed",
    State.INTERRUPTED: "failed",
}
"""By which name a prompt tells the responseId of an answer that is not complete."""


def visible(
    turns: Sequence[Turn],
    *,
    cards: bool = False,
    now: float | None = None,
    has_tool: HasTool = any_tool,
) -> list[dict[str, Any]]:
    """The messages of a thread that users see: prompts and answers; a failure as the card that was shown.

    A prompt whose answer is being written has its responseId as ``running``: that answer can be followed. One
    whose answer is not complete has it as ``stopped`` or ``failed``. An answer that ended with a question has
    its calls as ``waiting`` while they can be approved.

    :param cards: show a plain text answer as a card.
    :param now: the time, if the last turn is the thread's newest.
    :param has_tool: tells which calls can be approved.
    """
    newest = turns[-1] if turns and now is not None and now < turns[-1].resumable_until else None
    messages: list[dict[str, Any]] = []
    for turn in turns:
        prompt_id = turn.prompt.id or f"{turn.response_id}-prompt"
        ended = {_ENDED[turn.state]: turn.response_id} if turn.state in _ENDED else {}
        prompt = turn.prompt.content
        words = typed(prompt) if is_of_openui(prompt) else prompt
        if words or ended:  # else it brought a waiting turn what it waited for
            messages.append({"id": prompt_id, "role": "user", "content": words, **ended})
        failed = turn.state in (State.FAILED, State.INTERRUPTED)
        answer = turn.revised  # an answer that its reader saved was saved as it was seen, card and all
        if answer is None:
            error = by_code(turn.error, turn.detail) if failed else None
            answer = whole(
                turn.answer, error, cards=cards, told=_question(turn, has_tool, is_open=turn is newest)
            )
        if answer:
            more = {"feedback": _feedback(turn.feedback)} if turn.feedback else {}
            more |= _waiting(turn, has_tool) if turn is newest else {}
            messages.append({"id": turn.response_id, "role": "assistant", "content": answer, **more})
    return messages


def _question(turn: Turn, has_tool: HasTool, *, is_open: bool) -> Sequence[object]:
    """The components of what the turn asks, if it asks."""
    if not turn.pending:
        return ()
    from c1fn.api.wires.question import asked, question  # most processes never ask

    return question(turn, has_tool) if is_open else asked(turn, has_tool)


def _waiting(turn: Turn, has_tool: HasTool) -> dict[str, Any]:
    """The calls that can be approved, if there are any."""
    calls = [
        {"callId": c.id, "name": c.name, "arguments": c.arguments} for c in turn.pending if has_tool(c.name)
    ]
    if not calls:
        return {}
    return {"waiting": {"calls": calls, "expiresAt": iso(turn.resumable_until)}}


def _feedback(feedback: Feedback) -> dict[str, str]:
    comment = {} if feedback.comment is None else {"comment": feedback.comment}
    return {"value": feedback.value, **comment}


def shown(thread: Thread) -> dict[str, Any]:
    """A thread as lists show it."""
    return {
        "threadId": thread.id,
        "title": thread.title,
        "createdAt": iso(thread.created),
        "updatedAt": iso(thread.updated),
        "isRunning": thread.running,
    } | _forked(thread.source)


def _forked(source: Source | None) -> dict[str, Any]:
    if source is None:
        return {}
    return {"forkedFrom": {"threadId": source.thread_id, "responseId": source.response_id}}


def iso(seconds: float) -> str:
    """The time as an ISO 8601 text in UTC, with milliseconds.

    :param seconds: since the epoch.
    """
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
