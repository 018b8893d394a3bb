"""The thread endpoints that OpenUI's `restStorage` calls: the same threads, in its words.

https://www.npmjs.com/package/@openuidev/react-headless
"""

import json
from collections.abc import Iterable
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from c1fn.api.agui import prompt_of
from c1fn.api.bodies import Title, body_of, read
from c1fn.api.dependencies import CurrentCaller, CurrentStore, ThreadId
from c1fn.api.threads import PAGE, iso
from c1fn.errors import by_code
from c1fn.turn import UNTITLED, State, Thread, Turn, is_of_c1, title_of, typed

_json = json.JSONEncoder(ensure_ascii=False).encode

routes = APIRouter(prefix="/api/openui/threads", tags=["openui"])


class FirstBody(BaseModel):
    """What a thread begins with: it gives the title. The prompt itself comes with the run."""

    model_config = ConfigDict(title="OpenUIThread")

    messages: list[dict[str, Any]] = Field(default_factory=list)


class RenamedBody(BaseModel):
    """A thread with its new title."""

    model_config = ConfigDict(title="OpenUITitle")

    title: Title


@routes.get("/get")
async def list_threads(
    caller: CurrentCaller,
    store: CurrentStore,
    cursor: Annotated[str | None, Query(max_length=2048)] = None,
) -> Response:
    """A page of the caller's threads, newest first; on the last one there is no `nextCursor`."""
    page = await store.threads.page(caller.owner, cursor=cursor, limit=PAGE)
    more = {} if page.cursor is None else {"nextCursor": page.cursor}
    return JSONResponse({"threads": [shown(thread) for thread in page.threads], **more})


@routes.post("/create", status_code=201)
async def create_thread(request: Request, caller: CurrentCaller, store: CurrentStore) -> Response:
    """Create a thread, titled by its first message."""
    messages = read(FirstBody, await body_of(request) or b"{}").messages
    title = title_of(prompt_of(messages, request.app.state.max_body)) if messages else UNTITLED
    return JSONResponse(shown(await store.threads.create(caller.owner, str(uuid4()), title)), 201)


@routes.get("/get/{threadId}")
async def load_messages(caller: CurrentCaller, store: CurrentStore, thread_id: ThreadId) -> Response:
    """The thread's prompts and answers, as AG-UI's messages."""
    return JSONResponse(messages_of(await store.threads.load(caller.owner, thread_id)))


@routes.patch("/update/{threadId}")
async def rename_thread(
    request: Request, caller: CurrentCaller, store: CurrentStore, thread_id: ThreadId
) -> Response:
    """Give the thread another title."""
    title = read(RenamedBody, await body_of(request)).title
    return JSONResponse(shown(await store.threads.rename(caller.owner, thread_id, title)))


@routes.delete("/delete/{threadId}", status_code=204)
async def delete_thread(caller: CurrentCaller, store: CurrentStore, thread_id: ThreadId) -> Response:
    """Delete the thread; an answer that is being written in it is ended."""
    await store.threads.delete(caller.owner, thread_id)
    return Response(status_code=204)


def shown(thread: Thread) -> dict[str, Any]:
    """A thread as OpenUI lists it."""
    return {"id": thread.id, "title": thread.title, "createdAt": iso(thread.created)}


def messages_of(turns: Iterable[Turn]) -> list[dict[str, Any]]:
    """Prompts as they were typed, and answers as the model wrote them; a failure as OpenUI's callout
    after them.

    A prompt whose answer is being written has its runId as ``running``: that run can be sent again.
    """
    messages: list[dict[str, Any]] = []
    for turn in turns:
        prompt = turn.prompt.content
        running = {"running": turn.response_id} if turn.state is State.RUNNING else {}
        prompt_id = turn.prompt.id or f"{turn.response_id}-prompt"
        words = typed(prompt) if is_of_c1(prompt) else prompt
        if words or running:  # else it brought a waiting turn what it waited for
            messages.append({"id": prompt_id, "role": "user", "content": words, **running})
        answers = {turn.response_id: turn.answer, f"{turn.response_id}#error": _failure(turn)}
        messages += [
            {"id": id_, "role": "assistant", "content": text} for id_, text in answers.items() if text
        ]
    return messages


def _failure(turn: Turn) -> str:
    """What went wrong, as a program of its own: what was said before may end within a text."""
    if turn.state not in (State.FAILED, State.INTERRUPTED):
        return ""
    error = by_code(turn.error, turn.detail)
    return f'root = Card([TextCallout("danger", {_json(error.title)}, {_json(str(error))})])'
