"""A turn's way through the table: opened, renewed, committed; followed and stopped from any process."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from c1fn.errors import LeaseLost, StoreUnavailable
from c1fn.stores import LEASE, Claim, Opened
from c1fn.stores.dynamodb.access import Access
from c1fn.stores.dynamodb.claim import DynamoClaim
from c1fn.stores.dynamodb.following import Following
from c1fn.stores.dynamodb.keys import ThreadKey
from c1fn.stores.dynamodb.lock import Lock
from c1fn.stores.dynamodb.opening import Opening
from c1fn.stores.dynamodb.pack import Packed, pack_text, pack_turn, prompt_hash
from c1fn.stores.dynamodb.rows import TurnRow
from c1fn.turn import Ask, Turn

if TYPE_CHECKING:
    from c1fn.stores.dynamodb.reserving import Reserving

Checkpoints = Literal["followed", "always", "never"]
"""When a running answer is stored as it grows: once another process follows it, always, or never. What was
not stored is not there when its machine dies."""

LEASE_WRITES = 10.0
"""Seconds between two writes of a lease: two may fail before it is over."""

LISTENING = 0.9
"""Seconds between two looks for a stop: one at each renewal."""

CHECKPOINT = 80_000
"""Characters of one checkpoint at most: at four bytes each they fit in a row, also if nothing compresses."""

PATIENCE = LEASE
"""Seconds for which a commit is tried, after its first try or the last renewal of its lease meanwhile."""

LONGEST = 120.0
"""Seconds for which a commit is tried at most, whatever can be renewed."""

PAUSE = 1.0
"""Seconds between two rounds of tries of a commit, at most; half of it at least."""


class DynamoTurns:
    """``Turns`` in DynamoDB."""

    def __init__(
        self, access: Access, opening: Opening, following: Following, *, checkpoints: Checkpoints
    ) -> None:
        self._access = access
        self._opening = opening
        self._following = following
        self._checkpoints = checkpoints

    async def open(self, ask: Ask, *, history: int) -> Opened:
        await self._access.later.settled(ask.owner, None if self._access.turn_quota else ask.thread_id)
        mine = self._opening.begin(ask, history)
        opened: Opened | None = None
        try:
            opened = await self._opening.open(mine)
        finally:
            if not isinstance(opened, Claim):
                self._access.later.do(mine.key, self._opening.undo(mine))
        return opened

    async def renew(self, claim: Claim, said: str) -> bool:
        ours = _ours(claim)
        lease, now = ours.lease, self._access.clock()
        if now - lease.renewed >= LEASE_WRITES:
            lock = await self._write_lease(ours)
            lease.heard = now
        elif now - lease.heard >= LISTENING:
            lock = await self._listen(ours)
            lease.heard = now
        else:
            lock = lease.seen
        if lock is None:
            raise LeaseLost
        lease.seen = lock
        followed = self._checkpoints == "always" or (self._checkpoints == "followed" and lock.followed)
        if followed and len(said) > lease.saved:
            await self._save(ours, said)
        return lock.stop

    async def _write_lease(self, ours: DynamoClaim) -> Lock | None:
        """Our lock with its new lease; None: it is no longer ours."""
        now = self._access.clock()
        lock = await self._access.locks.renew(ours.key, ours.attempt, now + LEASE)
        if lock and self._access.turn_quota:
            await self._access.turn_quota.renew(ours.ask.owner, ours.attempt, now + LEASE)
        ours.lease.renewed = now
        return lock

    async def _listen(self, ours: DynamoClaim) -> Lock | None:
        """Our lock, if it still is: a reading from a moment ago is believed when it says yes."""
        for consistent in (False, True):
            row = await self._access.threads.get(ours.key, consistent=consistent)
            if row and not row.gone and row.lock and row.lock.attempt == ours.attempt:
                return row.lock
        return None

    async def _save(self, ours: DynamoClaim, said: str) -> None:
        """Keep what was said since the last checkpoint. One that fails is written again, and longer."""
        lease, texts = ours.lease, self._access.texts
        while lease.saved < len(said):
            piece = said[lease.saved : lease.saved + CHECKPOINT]
            text = pack_text(piece)
            await texts.add_checkpoint(ours.key, ours.attempt, lease.checkpoints, lease.saved, text)
            lease.saved, lease.checkpoints = lease.saved + len(piece), lease.checkpoints + 1

    async def commit(self, claim: Claim, turn: Turn) -> None:
        ours = _ours(claim)
        row = TurnRow(
            number=ours.number,
            response_id=turn.response_id,
            attempt=ours.attempt,
            state=turn.state,
            started=turn.started,
            hash=prompt_hash(turn.prompt),
            body=Packed.of(pack_turn(turn.prompt, turn.reply, turn.usage), ours.attempt),
            error=turn.error,
            detail=turn.detail,
        )
        stands = await self._put(ours, row)
        kept = stands.same_writing(row)
        quota, later, tokens = self._access.turn_quota, self._access.later, turn.usage.tokens
        if kept:
            later.do(ours.key, self._release(ours, tokens, self._access.clock()))
        else:  # who deleted the thread may have done so before the prompt was written
            later.do(ours.key, self._access.texts.discard(ours.key, ours.prompt))
        if quota:
            later.do(ours.key, quota.end(ours.ask.owner, ours.attempt, tokens))
        if not kept:
            raise LeaseLost

    async def _put(self, ours: DynamoClaim, row: TurnRow) -> TurnRow:
        """Write the turn, with patience: however late it is, its condition keeps it safe."""
        clock, waited, passed, held = asyncio.get_running_loop().time, 0.0, 0.0, 0.0
        began = clock()
        while True:
            try:
                return await self._access.turns.put(ours.key, row, ours.replaces)
            except StoreUnavailable:
                passed = max(waited, clock() - began)
                if passed >= LONGEST or passed - held >= PATIENCE:
                    raise
            pause = PAUSE * (0.5 + self._access.jitter() / 2)
            await self._access.sleep(pause)
            waited += pause
            with suppress(StoreUnavailable):
                if await self._write_lease(ours):
                    held = passed + pause

    async def _release(self, ours: DynamoClaim, tokens: int, ended: float) -> None:
        await self._access.locks.release(ours.key, ours.attempt, ours.number, tokens, ended)
        await self._access.texts.discard(ours.key, ours.prompt)

    async def follow(self, owner: str, thread_id: str, response_id: str) -> AsyncGenerator[str | Turn, None]:
        """Pieces come from checkpoints; without them the whole answer comes when it is committed."""
        await self._access.later.settled(owner, thread_id)
        async with aclosing(self._following.follow(owner, thread_id, response_id)) as story:
            async for part in story:
                yield part

    @cached_property
    def _reserving(self) -> "Reserving":
        """Imported when a prompt waits: most processes never let one."""
        from c1fn.stores.dynamodb.reserving import Reserving

        return Reserving(self._access)

    async def reserve(self, ask: Ask) -> bool:
        await self._access.later.settled(ask.owner, ask.thread_id)
        return await self._reserving.reserve(ask)

    async def unreserve(self, ask: Ask) -> None:
        await self._reserving.unreserve(ask)

    async def stop(self, owner: str, thread_id: str, response_id: str | None) -> bool:
        await self._access.later.settled(owner, thread_id)
        key, now = ThreadKey(owner, thread_id), self._access.clock()
        thread = await self._access.threads.get(key)
        lock = thread.alive(now) if thread and thread.is_there(now, self._access.retention) else None
        if not thread or not lock or response_id not in (None, lock.response_id):
            return False
        row = await self._access.turns.get(key.of(thread), thread.running_number)
        if row and row.attempt == lock.attempt:
            return False
        return lock.stop or await self._access.locks.ask_to_stop(key, lock.attempt)


def _ours(claim: Claim) -> DynamoClaim:
    assert isinstance(claim, DynamoClaim), "this claim is another store's"
    return claim
