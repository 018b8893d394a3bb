"""Sends an answer again: a stored one at once, a running one while it is being written.

A follower uses a connection, and on Lambda an execution environment. So its time is limited; its client then
requests the bytes after those that it has.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from c1fn.chat.event_queue import EventQueue
from c1fn.errors import C1fnError, Internal, Interrupted, NotFound, by_code
from c1fn.events import Delta, Event, Failed, Finished
from c1fn.turn import ANSWERED, Turn

Otherwise = Callable[[NotFound], Awaitable[None]]
"""What is done if there is no such turn, before anything was said of it."""


async def tell(
    story: AsyncGenerator[str | Turn, None],
    queue: EventQueue,
    seconds: float,
    otherwise: Otherwise | None = None,
) -> None:
    """Send a turn's events for at most this many seconds. After that nothing is sent, not even an end."""
    limit, said = asyncio.timeout(seconds), False
    try:
        try:
            async with limit, aclosing(story) as pieces:
                async for piece in pieces:
                    said = True
                    queue.say(_ending(piece) if isinstance(piece, Turn) else Delta(piece))
        except NotFound as error:
            if said or otherwise is None:
                raise
            await otherwise(error)
    except C1fnError as error:
        queue.say(Failed(error))
    except asyncio.CancelledError:
        queue.say(Failed(Interrupted()))
    except Exception:
        if not limit.expired():
            queue.say(Failed(Internal()))
            raise


def retell(turn: Turn, queue: EventQueue) -> None:
    """Send a stored turn again, with the same bytes as the first time."""
    if turn.answer:
        queue.say(Delta(turn.answer))
    queue.say(_ending(turn))


def ending(turn: Turn) -> Finished:
    """The last event of a turn that went well."""
    return Finished(turn.state, turn.usage, turn if turn.pending else None)


def _ending(turn: Turn) -> Event:
    if turn.state in ANSWERED:
        return ending(turn)
    return Failed(by_code(turn.error, turn.detail), turn.usage)
