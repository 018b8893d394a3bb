"""A prompt waits until the answer before it is written, instead of being refused.

One prompt can wait for each thread, whichever process it came to. It has the next turn, so prompts are
answered in the order in which they came; a second one that comes meanwhile is refused. What waits is not
stored yet: if its process dies, its client sends it again.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from c1fn.errors import Busy, StoreError
from c1fn.stores import Store
from c1fn.turn import Ask

WAIT = 60.0
"""Seconds that a prompt waits, at most: most answers take less, and on Lambda each second is paid."""

SHARE = 0.5
"""The part of a request's time that may go by with waiting: the rest is for its own answer."""

LOOK = 1.0
"""Seconds between two looks: as often as a running turn looks whether it was stopped."""


def patience(seconds: float | None) -> float:
    """How long a prompt may wait. :param seconds: until the platform's deadline."""
    return WAIT if seconds is None else min(WAIT, seconds * SHARE)


async def until_free(
    store: Store,
    ask: Ask,
    seconds: float,
    clock: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]],
) -> None:
    """Wait until this prompt can be opened.

    :raises Busy: another prompt waits already, or the time is over, or the answer before it ended with a
        question: its person has not seen it yet, and this prompt would refuse what it asks for.
    """
    end, is_free, is_asked = clock() + seconds, False, False
    try:
        while not (is_free := await store.turns.reserve(ask)) and clock() < end:
            await sleep(LOOK)
        is_asked = is_free and await _is_asked(store, ask)
    finally:
        if not is_free or is_asked:
            with suppress(StoreError):
                await store.turns.unreserve(ask)
    if is_asked:
        raise Busy("The answer before this prompt asks you something. Answer it, then send again.")
    if not is_free:
        raise Busy


async def _is_asked(store: Store, ask: Ask) -> bool:
    """Whether a question waits that this prompt does not answer."""
    if not ask.prompt.speaks:
        return False
    turns = await store.threads.load(ask.owner, ask.thread_id, limit=1)
    brings = ask.prompt.resume.response_id if ask.prompt.resume else None
    return any(turn.pending and turn.response_id != brings for turn in turns)
