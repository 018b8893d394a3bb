"""Answers that are finished and that the store did not take: kept in this process until it does.

Their clients were told that they were not saved. Who sends the responseId again gets the same answer, and the
model is not asked a second time, as long as this process lives and nobody else has taken the turn over.
"""

from c1fn.errors import LeaseLost, StoreUnavailable
from c1fn.stores import Claim, Opened, Turns
from c1fn.turn import Ask, State, Turn

MOST = 8
"""Answers that are kept: with those of the largest size, 40 MB. The oldest goes first."""


class Unsaved:
    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._kept: dict[tuple[str, str], tuple[Claim, Turn]] = {}  # one a thread: its lock is the turn's

    async def commit(self, claim: Claim, turn: Turn) -> None:
        """The store's ``commit``; an answer that it could not take is kept."""
        try:
            await self._turns.commit(claim, turn)
        except StoreUnavailable:
            if turn.state in (State.DONE, State.STOPPED):
                self._kept[claim.ask.owner, claim.ask.thread_id] = claim, turn
                while len(self._kept) > MOST:
                    del self._kept[next(iter(self._kept))]
            raise

    async def open(self, ask: Ask, *, history: int) -> Opened:
        """The store's ``open``, after the answer was saved that is kept for this thread, if there is one.

        :raises StoreUnavailable: it is what is asked for, and still cannot be saved.
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
