"""How a turn begins: replay, then busy, then claim. The lock is taken first; reads follow while it is held.

1. The *lock* is taken: one conditional write of the thread's row, which comes back as it is.
2. While the lock is held, in parallel: the responseId is looked up among all turns, the newest turns are
   read, and the turn is counted for its owner. All reads are strongly consistent, and no other process can
   write a turn meanwhile. Where the newest turns are all that there are, the responseId is one of theirs or
   nobody's, and is not looked up; a thread that this lock has just made has no turns, and none are read.
3. A prompt that is too long for the lock is written in parts, once it is known to become a turn: whoever is
   refused, or repeats what was answered, makes no large writes.

If a lock has expired, its turn is closed (closing.py), and then the lock is taken over.
"""

import asyncio
from dataclasses import replace

from c1fn.errors import Busy, NotFound, OverQuota
from c1fn.stores import LEASE, Opened, Replay, Running
from c1fn.stores.dynamodb.access import Access
from c1fn.stores.dynamodb.calls import result_of
from c1fn.stores.dynamodb.claim import DynamoClaim, Lease, Try
from c1fn.stores.dynamodb.closing import Closing
from c1fn.stores.dynamodb.deletion import Deletion
from c1fn.stores.dynamodb.following import Following
from c1fn.stores.dynamodb.keys import ThreadKey, fence_of
from c1fn.stores.dynamodb.lock import Lock
from c1fn.stores.dynamodb.pack import PROMPT_INLINE, Packed, pack_turn
from c1fn.stores.dynamodb.resuming import resumed
from c1fn.stores.dynamodb.rows import ThreadRow, TurnRow
from c1fn.turn import Ask, title_of
from c1fn.turn import Usage as Tokens
from c1fn.turn.transcript import estimated_tokens

TRIES = 8
"""Maximum number of times that an open reads again because the thread was changed meanwhile; then it is
busy.
"""


class Opening:
    """Begins turns: takes the lock, counts, and undoes both where no claim comes of it."""

    def __init__(self, access: Access, deletion: Deletion, following: Following) -> None:
        self._access = access
        self._deletion = deletion
        self._closing = Closing(access, following)

    def begin(self, ask: Ask, history: int) -> Try:
        """Prepare to open; makes no call."""
        attempt = self._access.token()
        prompt = Packed.of(pack_turn(ask.prompt, (), Tokens()), attempt, PROMPT_INLINE)
        lock = Lock.of(ask, attempt, self._access.clock(), prompt)
        return Try(ask, ThreadKey(ask.owner, ask.thread_id), lock, prompt, history)

    async def open(self, mine: Try) -> Opened:
        """:raises C1fnError: the turn cannot begin. Call ``undo`` unless a claim is returned."""
        for _ in range(TRIES):
            opened = await self._look(mine)
            if opened is not None:
                return opened
        raise Busy

    async def undo(self, mine: Try) -> None:
        """Undo the writes of an open that did not end in a claim, including writes still in progress."""
        pending = [task for task in (mine.locking, mine.writing, mine.counting) if task]
        if pending:
            await asyncio.gather(*pending, return_exceptions=True)  # it was told of, or is not worth telling
        quota, attempt = self._access.turn_quota, mine.lock.attempt
        try:
            if quota and mine.counting and not isinstance(mine.counting.exception(), OverQuota):
                await quota.undo(mine.ask.owner, attempt)
        finally:
            if mine.holds:
                await self._cancel(mine)
            elif mine.writing:  # whoever took the lock over may have done so before these parts were written
                await self._access.texts.discard_of(mine.key, mine.lock.attempt)

    async def _cancel(self, mine: Try) -> None:
        row = await self._access.locks.cancel(mine.key, mine.lock.attempt)
        if row:
            await self._access.sweeping.sweep(mine.key.of(row), row.n, forget=True)
            await self._access.threads.swept(mine.key, row)
        elif mine.writing:
            await self._access.texts.discard(mine.key, mine.prompt)

    async def _look(self, mine: Try) -> Opened | None:
        """One attempt to open the turn; None if the thread was changed meanwhile, so it must be tried
        again.
        """
        first = mine.locking is None
        mine.holds, mine.lock = True, replace(mine.lock, until=self._access.clock() + LEASE)
        mine.locking = locking = asyncio.create_task(
            self._access.locks.acquire(mine.key, mine.lock, title_of(mine.ask.prompt))
        )
        mine.holds, thread = await result_of(locking)
        mine.key = mine.key.of(thread)
        if mine.holds:
            mine.made = first and thread.draft == mine.lock.attempt and thread.n == 0
            return await self._behind_the_lock(mine, thread)
        if thread.is_there(self._access.clock(), self._access.retention):
            return await self._contest(mine, thread)
        if thread.gone and thread.importing is None and await self._was_asked(mine, thread):
            raise NotFound("This conversation was deleted.")
        await self._deletion.begin_again(mine.key, thread, title_of(mine.ask.prompt), mine.lock.attempt)
        return None

    async def _was_asked(self, mine: Try, thread: ThreadRow) -> bool:
        """Whether this is a late retry of what was asked before the thread was deleted."""
        response_id, asked = mine.ask.response_id, self._access.turns.was_asked
        if thread.lock is not None and thread.lock.response_id == response_id:
            return True
        if thread.draft and thread.earlier is not None:  # a refused prompt began it, after another thread
            return await asked(replace(mine.key, generation=thread.earlier), response_id)
        return await asked(mine.key, response_id)

    async def _behind_the_lock(self, mine: Try, thread: ThreadRow) -> Opened | None:
        """The lock is held. What happened to this responseId before decides whether the turn may run."""
        quota = self._access.turn_quota
        if quota and mine.counting is None:
            reserve = thread.context + estimated_tokens([mine.ask.prompt])
            mine.counting = asyncio.create_task(quota.begin(mine.ask.owner, mine.lock.attempt, reserve))
        known, rows = await self._turns(mine, thread)
        if rows and rows[0].number > thread.n:
            # Somebody fenced a lock and died, and then that lock was cancelled: the thread's row lags behind.
            thread = replace(thread, n=rows[0].number, last=rows[0].attempt)
            mine.holds = await self._access.locks.catch_up(mine.key, mine.lock.attempt, thread)
            if not mine.holds:
                return None
        if known:
            mine.check(known.hash)
            if known.answered or known.number < thread.n:
                return Replay(await self._access.turns.noun(mine.key, known))
            mine.holds = await self._access.locks.run_again(mine.key, mine.lock.attempt, known.attempt)
            if not mine.holds:
                return None
        number = known.number if known else thread.n + 1
        before = [row for row in rows if row.number < number]
        waiting, earlier = await resumed(self._access, mine, thread, before[:1], known)
        before = before[waiting is not None :][: mine.history]
        if mine.counting:
            await result_of(mine.counting)
        expires = self._access.retention.until(self._access.clock())
        mine.writing = asyncio.create_task(self._access.texts.write(mine.key, mine.prompt, expires))
        history = await self._access.turns.nouns(mine.key, reversed(before))
        await result_of(mine.writing)
        mine.holds = await self._holds_on(mine)
        if not mine.holds:
            return None
        begun = mine.lock.until - LEASE
        return DynamoClaim(
            ask=mine.ask,
            number=number,
            attempt=mine.lock.attempt,
            started=mine.lock.started,
            history=history,
            replaces=known.attempt if known else None,
            waiting=waiting,
            earlier=earlier,
            key=mine.key,
            prompt=mine.prompt,
            lease=Lease(begun, begun, mine.lock),
        )

    async def _turns(self, mine: Try, thread: ThreadRow) -> tuple[TurnRow | None, list[TurnRow]]:
        """The turn with this responseId, and the newest turns, newest first."""
        if mine.made:
            return None, []
        response_id, turns = mine.ask.response_id, self._access.turns
        if thread.n >= mine.turns:
            return await asyncio.gather(turns.find(mine.key, response_id), turns.newest(mine.key, mine.turns))
        rows = await turns.newest(mine.key, mine.turns)
        if len(rows) == mine.turns:  # there may be more than the thread's row tells
            return await turns.find(mine.key, response_id), rows
        return next((row for row in rows if row.response_id == response_id), None), rows

    async def _holds_on(self, mine: Try) -> bool:
        """Whether the lock is still ours after all that was read while it was held. If half of its lease is
        over, it is renewed: another process may have taken it over, or be about to.
        """
        now = self._access.clock()
        if now < mine.lock.until - LEASE / 2:
            return True
        lock = await self._access.locks.renew(mine.key, mine.lock.attempt, now + LEASE)
        if lock is None:
            return False
        mine.lock = lock
        if self._access.turn_quota:
            await self._access.turn_quota.renew(mine.ask.owner, lock.attempt, now + LEASE)
        return True

    async def _contest(self, mine: Try, thread: ThreadRow) -> Opened | None:
        """Another attempt holds the lock: it runs, or it committed without a release, or its lease has
        expired.
        """
        lock = thread.lock
        if lock is None:
            from c1fn.stores.dynamodb.reserving import replayed  # few opens meet others

            return await replayed(self._access, mine, thread)
        written, known = await asyncio.gather(
            self._access.turns.get(mine.key, thread.running_number),
            self._access.turns.find(mine.key, mine.ask.response_id),
        )
        committed = written if written and written.attempt == lock.attempt else None
        alive = lock.until > self._access.clock() and committed is None
        ours = lock.response_id == mine.ask.response_id
        if ours and alive:
            mine.check(lock.hash)
            return Running(thread.running_number)
        if known:
            mine.check(known.hash)
            if known.answered or alive:
                return Replay(await self._access.turns.noun(mine.key, known))
        if alive and not await self._replays(mine.key, thread, lock):
            raise Busy
        if ours:
            mine.check(lock.hash)
        elif thread.is_reserved(mine.ask.response_id, self._access.clock()):
            raise Busy
        return await self._take_over(mine, thread, lock, committed)

    async def _replays(self, key: ThreadKey, thread: ThreadRow, lock: Lock) -> bool:
        """Whether a valid lock is of a turn that will not run again: its holder replays it, or was killed
        before it undid the lock, or a lost write of the lock came late.
        """
        if lock.replaces is not None or not lock.attempt:
            return False
        known = await self._access.turns.find(key, lock.response_id)
        return known is not None and (known.answered or known.number < thread.n)

    async def _take_over(
        self, mine: Try, thread: ThreadRow, dead: Lock, turn: TurnRow | None
    ) -> Opened | None:
        """Take a lock that is over. ``turn`` is what its holder wrote; None: it is still to be closed."""
        after = replace(thread, lock=mine.lock)
        if turn is not None or not await self._closing.was_never_to_be(mine.key, thread, dead):
            turn = turn or await self._closing.fence(mine.key, thread, dead)
            if turn is None:
                return None
            after = replace(after, n=thread.running_number, last=turn.attempt)
        mine.holds = True
        mine.locking = taking = asyncio.create_task(
            self._access.locks.take_over(mine.key, mine.lock, dead, after)
        )
        mine.holds = await result_of(taking)
        if not mine.holds:
            return None
        await self._access.texts.discard(mine.key, dead.prompt)
        if turn and turn.attempt == fence_of(dead.attempt):
            await self._access.texts.discard_of(mine.key, dead.attempt)
        return await self._behind_the_lock(mine, after)
