"""What an endpoint asks of its request: the process's `Chat`, the caller's identity, and the time left.

`build_app` puts the parts of an application into its `state`: `chat` once it has started,
`identify`, `max_body`, `max_answer` and `plain_text`.
"""

from starlette.requests import Request

from c1fn.chat.converse import Chat
from c1fn.identity.callers import Caller
from c1fn.stores import Store
from c1fn.telemetry.log import LOCAL, Origin

DEADLINE_MARGIN = 4.0
"""Seconds before the platform's deadline at which an answer is ended, to leave time to store it and to send
the end.
"""


async def identified(request: Request) -> Caller:
    """The caller's identity. It is the first that an endpoint asks, so an unauthenticated caller learns
    nothing, not even a limit. The owner is kept in the request's state, for the log of rejected requests.

    :raises Unauthorized: the caller is unknown.
    :raises IssuerUnavailable: the token cannot be verified now.
    """
    caller: Caller = await request.app.state.identify(request.scope)
    request.state.owner = caller.owner
    return caller


async def chat_of(request: Request) -> Chat:
    """The process's `Chat`."""
    chat: Chat = request.app.state.chat
    return chat


async def store_of(request: Request) -> Store:
    """The process's store."""
    return (await chat_of(request)).store


def origin_of(request: Request) -> Origin:
    """Where the request came from, for the log."""
    origin: Origin = request.scope.get("c1fn.origin", LOCAL)
    return origin


def time_left(request: Request) -> float | None:
    """Seconds until an answer must end; None if the platform has no deadline."""
    context = request.scope.get("aws.context")
    if context is None:
        return None
    remaining: int = context.get_remaining_time_in_millis()
    return max(0.001, remaining / 1000 - DEADLINE_MARGIN)
