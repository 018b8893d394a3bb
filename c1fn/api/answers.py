"""The endpoints of an answer that is being written: it is followed, and stopped."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from starlette.background import BackgroundTask

from c1fn.api.bodies import StopBody, body_of, read
from c1fn.api.chat import c1_wire, streamed
from c1fn.api.context import time_left
from c1fn.api.dependencies import CurrentCaller, CurrentChat, CurrentStore, ResponseId, ThreadId
from c1fn.api.refusals import refusal
from c1fn.api.streaming import SILENCE, StreamedAnswer
from c1fn.api.wires.c1 import HEADERS
from c1fn.chat.converse import Chat
from c1fn.chat.event_queue import EventQueue
from c1fn.events import Event, Failed, Finished

routes = APIRouter(prefix="/api/threads")

LONGEST = 2**31 - 1
"""Maximum of the `after` parameter in bytes: far above the longest answer."""

After = Annotated[int, Query(ge=0, le=LONGEST, description="Bytes of the answer that the client has.")]


@routes.get("/{threadId}/turns/{responseId}", tags=["chat"], response_class=Response)
async def follow_answer(
    *,
    request: Request,
    caller: CurrentCaller,
    chat: CurrentChat,
    thread_id: ThreadId,
    response_id: ResponseId,
    after: After = 0,
) -> Response:
    """Stream an answer while it is being written, for at most a minute. A request with `after` then gets the
    rest, until there is none (204).
    """
    queue = await chat.follow(caller.owner, thread_id, response_id, seconds=time_left(request))
    if after:
        return await _rest(request, chat, queue, after)
    return await streamed(request, chat, queue, c1_wire(request, chat, counted=True))


@routes.post("/{threadId}/stop", tags=["threads"])
async def stop_answer(
    request: Request, caller: CurrentCaller, store: CurrentStore, thread_id: ThreadId
) -> Response:
    """End the answer that is being written; its text so far is stored."""
    response_id = read(StopBody, await body_of(request) or b"{}").responseId
    return JSONResponse({"stopping": await store.turns.stop(caller.owner, thread_id, response_id)})


async def _rest(request: Request, chat: Chat, queue: EventQueue, after: int) -> Response:
    """The rest of an answer after these bytes: a stream, nothing (204), or an error."""
    size, first = 0, list[Event]()
    wire = c1_wire(request, chat)
    while size <= after and (events := await queue.take(SILENCE)):
        first += events
        size += len(wire.encode(events))
    if first and isinstance(first[0], Failed):
        await queue.over()
        return refusal(request, first[0].error)
    if size <= after and first and isinstance(first[-1], Finished | Failed):
        await queue.over()
        return Response(status_code=204, background=BackgroundTask(chat.settle))
    return StreamedAnswer(first, queue, HEADERS, chat.settle, c1_wire(request, chat), after=after)
