"""How a prompt waits for a busy thread: it reserves the next turn, and looks whether the thread is free.

A look is an eventually consistent read. The place is written at the first look and each ten seconds, so that
the place of a process that was killed is free after its lease, as a turn is. A write that comes late can
reserve for a prompt that was answered meanwhile; its lease ends at the time that the write says.
"""

from c1fn.errors import Busy, NotFound
from c1fn.stores import LEASE, Replay
from c1fn.stores.dynamodb.access import Access
from c1fn.stores.dynamodb.claim import Try
from c1fn.stores.dynamodb.failures import ConditionFailed
from c1fn.stores.dynamodb.items import N, S
from c1fn.stores.dynamodb.keys import ThreadKey
from c1fn.stores.dynamodb.place import OPEN, Place
from c1fn.stores.dynamodb.rows import ThreadRow
from c1fn.turn import Ask

RENEWED = 10.0
"""Seconds between two writes of a place: two may fail before its lease is over."""


class Reserving:
    """Gives a waiting prompt the thread's next turn."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def reserve(self, ask: Ask) -> bool:
        """See the port."""
        key, now = ThreadKey(ask.owner, ask.thread_id), self._access.clock()
        row = await self._access.threads.get(key, consistent=False)
        if row and self._is_free(row, ask):
            return True
        place = row.next if row else None
        if place and place.response_id == ask.response_id and place.until > now + LEASE - RENEWED:
            return False
        return await self._write(key, ask, now)

    async def _write(self, key: ThreadKey, ask: Ask, now: float) -> bool:
        busy = "attribute_exists(#run) AND #run.#response <> :response AND attribute_not_exists(#gone)"
        change = {"next": Place(ask.response_id, now + LEASE).value}
        values = {":response": S(ask.response_id), ":now": N(now)}
        try:
            await self._access.locks.reserve(key, change, f"{busy} AND {OPEN}", values)
        except ConditionFailed as failed:
            if failed.item is None:
                raise NotFound from None
            return self._is_free(ThreadRow.read(failed.item), ask)
        return False

    def _is_free(self, row: ThreadRow, ask: Ask) -> bool:
        """Whether the prompt can be opened.

        :raises Busy: another one waits.
        :raises NotFound: the thread is gone.
        """
        now = self._access.clock()
        if not row.is_there(now, self._access.retention):
            if row.is_imported(now):
                raise Busy
            raise NotFound("This conversation was deleted.")
        lock = row.alive(now)
        if lock and lock.response_id == ask.response_id:
            return True
        if row.is_reserved(ask.response_id, now):
            raise Busy
        return lock is None

    async def unreserve(self, ask: Ask) -> None:
        """See the port."""
        await self._access.locks.unreserve(ThreadKey(ask.owner, ask.thread_id), ask.response_id)


async def replayed(access: Access, mine: Try, thread: ThreadRow) -> Replay | None:
    """What an open gets that found no lock: None if it is to be tried again.

    :raises Busy: the next turn is reserved for another prompt.
    """
    if not thread.is_reserved(mine.ask.response_id, access.clock()):
        return None
    known = await access.turns.find(mine.key, mine.ask.response_id)
    if known is None:
        raise Busy
    mine.check(known.hash)
    if known.answered or known.number < thread.n:
        return Replay(await access.turns.noun(mine.key, known))
    raise Busy
