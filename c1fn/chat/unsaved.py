"""Complete answers that the store could not save: kept in this process until it can.

Their clients were told that the answer is not saved. A repeated responseId gets the same answer without a
second model call, as long as this process runs and no other process has taken over the turn.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress

from c1fn.errors import LeaseLost, StoreUnavailable
from c1fn.stores import Claim, Opened, Turns
from c1fn.turn import ANSWERED, Ask, Turn

MOST = 8
"""Maximum number of kept answers: 40 MB if all have the largest size. The oldest is dropped first."""


class Unsaved:
    """The store's turns, and the answers that it could not save. At most ``MOST`` are kept."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._kept: dict[tuple[str, str], tuple[Claim, Turn]] = {}  # one a thread: its lock is the turn's

    async def commit(self, claim: Claim, turn: Turn) -> None:
        """The store's ``commit``, to its end also if this task is cancelled meanwhile; an answer that it
        could not save is kept.
        """
        try:
            await _to_its_end(self._turns.commit(claim, turn))
        except StoreUnavailable:
            if turn.state in ANSWERED:
                self._kept[claim.ask.owner, claim.ask.thread_id] = claim, turn
                while len(self._kept) > MOST:
                    del self._kept[next(iter(self._kept))]
            raise

    async def open(self, ask: Ask, *, history: int) -> Opened:
        """The store's ``open``. If an answer is kept for this thread, it is saved first.

        :raises StoreUnavailable: the kept answer is the requested one, and it still cannot be saved.
        """
        kept = self._kept.get((ask.owner, ask.thread_id))
        if kept:
            await self._save(kept, ask)
        return await self._turns.open(ask, history=history)

    async def _save(self, kept: tuple[Claim, Turn], ask: Ask) -> None:
        claim, turn = kept
        try:
            await self._turns.commit(claim, turn)
        except LeaseLost:
            pass  # somebody else has taken the turn over
        except StoreUnavailable:
            if turn.response_id == ask.response_id:
                raise
            return
        if self._kept.get((ask.owner, ask.thread_id)) == kept:
            del self._kept[ask.owner, ask.thread_id]


async def _to_its_end(commit: Coroutine[None, None, None]) -> None:
    """Wait for the store's reply even if this task is cancelled meanwhile: the answer is complete, and
    otherwise it would be unknown whether it was stored. The store limits the wait.
    """
    storing = asyncio.ensure_future(commit)
    with suppress(asyncio.CancelledError):
        await asyncio.wait({storing})
    await storing
