"""What endpoints are given: the process's `Chat`, and who calls, as FastAPI's dependencies; a request's body.

The parts of an application stand in its `state`, where `build_app` puts them: `chat` once it has started,
`identify`, `max_body`, `max_answer` and `plain_text`.

https://fastapi.tiangolo.com/tutorial/dependencies/
"""

from typing import Annotated

from fastapi import Depends, Request
from starlette.requests import ClientDisconnect

from c1fn.chat.converse import Chat
from c1fn.errors import BadRequest, TooLarge
from c1fn.identity.callers import Caller
from c1fn.stores import Store
from c1fn.telemetry.log import LOCAL, Origin

DEADLINE_MARGIN = 4.0
"""Seconds before the platform's deadline at which an answer ends: time to store it and to say so."""

DIGITS = 20
"""Of a declared length; HTTP libraries read no longer ones, and Python refuses to above a few thousand."""


async def identified(request: Request) -> Caller:
    """Who calls. FastAPI asks it before anything else is looked at: a stranger learns nothing, not even a
    limit. The owner stays beside the request: for the log, should it be refused.

    :raises Unauthorized: nobody that is known.
    :raises IssuerUnavailable: a token cannot be verified now.
    """
    caller: Caller = await request.app.state.identify(request.scope)
    request.state.owner = caller.owner
    return caller


async def chat_of(request: Request) -> Chat:
    """The process's conversations."""
    chat: Chat = request.app.state.chat
    return chat


async def store_of(request: Request) -> Store:
    """The process's threads."""
    return (await chat_of(request)).store


CurrentCaller = Annotated[Caller, Depends(identified)]
CurrentChat = Annotated[Chat, Depends(chat_of)]
CurrentStore = Annotated[Store, Depends(store_of)]


async def body_of(request: Request, *, answer: bool = False) -> bytes:
    """The body's bytes; read by endpoints, not before them: what is wrong with a path is told without it.

    :param answer: it holds a whole answer, which may be larger than any prompt.
    :raises TooLarge: it has more bytes than the application takes; the rest is not read.
    :raises BadRequest: the connection was closed midway.
    """
    state = request.app.state
    limit: int = state.max_body + (state.max_answer if answer else 0)
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and (len(declared) > DIGITS or int(declared) > limit):
        raise _too_large(limit)
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > limit:
                raise _too_large(limit)
    except ClientDisconnect:
        raise BadRequest("The connection was closed in the middle of the body.") from None
    return bytes(body)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body may have {limit} bytes at most. Send less at once.")


def origin_of(request: Request) -> Origin:
    """Where the request came from, for the log."""
    origin: Origin = request.scope.get("c1fn.origin", LOCAL)
    return origin


def time_left(request: Request) -> float | None:
    """Seconds until an answer must end, where the platform has a deadline."""
    context = request.scope.get("aws.context")
    if context is None:
        return None
    remaining: int = context.get_remaining_time_in_millis()
    return max(0.001, remaining / 1000 - DEADLINE_MARGIN)
