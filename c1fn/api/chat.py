"""The chat endpoints: a prompt is answered, an answer is followed; and whether the process serves."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.background import BackgroundTask

from c1fn import __version__
from c1fn.api.bodies import read_ask
from c1fn.api.browsers import streams_cards
from c1fn.api.dependencies import CurrentCaller, CurrentChat, CurrentStore, body_of, origin_of, time_left
from c1fn.api.refusals import refusal
from c1fn.api.streaming import SILENCE, StreamedReply
from c1fn.api.threads import ResponseId, ThreadId
from c1fn.chat.converse import Chat
from c1fn.chat.reply import Reply
from c1fn.events import Event, Failed, Finished
from c1fn.wires.c1 import HEADERS, Wire

routes = APIRouter()

LONGEST = 2**31 - 1
"""Bytes that a client may say it has: far above the longest answer."""

After = Annotated[int, Query(ge=0, le=LONGEST, description="Bytes of the answer that the client has.")]


@routes.get("/healthz", tags=["service"])
async def healthz() -> dict[str, str]:
    """Whether the process serves. It asks neither the store nor the model."""
    return {"status": "ok", "version": __version__}


@routes.get("/readyz", tags=["service"])
async def readyz(caller: CurrentCaller, store: CurrentStore) -> dict[str, str]:
    """Whether turns can be begun: the store is asked. While it does not answer, a 503 says why."""
    del caller  # a stranger makes no calls of ours
    await store.ready()
    return {"status": "ok", "version": __version__}


@routes.post("/api/chat", tags=["chat"], response_class=Response)
async def chat(request: Request, caller: CurrentCaller, chat: CurrentChat) -> Response:
    """Answer one prompt, streamed as the model writes it."""
    ask = read_ask(await body_of(request), caller)
    reply = await chat.begin(ask, seconds=time_left(request), origin=origin_of(request))
    return await _streamed(request, chat, reply)


@routes.get("/api/threads/{threadId}/turns/{responseId}", tags=["chat"], response_class=Response)
async def turn(  # noqa: PLR0917 - FastAPI passes them by name
    request: Request,
    caller: CurrentCaller,
    chat: CurrentChat,
    thread_id: ThreadId,
    response_id: ResponseId,
    after: After = 0,
) -> Response:
    """An answer, followed while it is being written, for a minute at most: then `after` asks for the rest,
    until there is none (204).
    """
    reply = await chat.follow(caller.owner, thread_id, response_id, seconds=time_left(request))
    return await (_rest(request, chat, reply, after) if after else _streamed(request, chat, reply))


async def _rest(request: Request, chat: Chat, reply: Reply, after: int) -> Response:
    """What comes after these bytes of a reply: a stream, nothing (204), or a refusal to tell it at all."""
    cards, size = streams_cards(request), 0
    first: list[Event] = []
    while size <= after and (events := await reply.take(SILENCE)):
        first += events
        size = len(Wire(cards=cards).encode(first))
    if first and isinstance(first[0], Failed):
        await reply.over()
        return refusal(request, first[0].error)
    if size <= after and first and isinstance(first[-1], Finished | Failed):
        await reply.over()
        return Response(status_code=204, background=BackgroundTask(chat.settle))
    return StreamedReply(first, reply, HEADERS, chat.settle, Wire(cards=cards), after=after)


async def _streamed(request: Request, chat: Chat, reply: Reply) -> Response:
    """The reply as a stream, or as a refusal when it failed before it said anything."""
    first = await reply.take(SILENCE)
    if first and isinstance(first[0], Failed):
        request.state.logged = reply.logged
        await reply.over()
        return refusal(request, first[0].error)
    return StreamedReply(first, reply, HEADERS, chat.settle, Wire(cards=streams_cards(request)))
