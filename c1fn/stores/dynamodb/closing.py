"""How a turn is closed whose process died: its row is written as interrupted, before its lock is taken over.

After that the earlier process's commit fails its condition. The lock is marked first, so that it is not given
back meanwhile: else the next turn could begin before the fence stands, and find its number taken.
"""

from c1fn.stores.dynamodb.access import Access
from c1fn.stores.dynamodb.following import Following
from c1fn.stores.dynamodb.keys import ThreadKey
from c1fn.stores.dynamodb.lock import Lock
from c1fn.stores.dynamodb.rows import ThreadRow, TurnRow


class Closing:
    """Closes the turns of processes that died."""

    def __init__(self, access: Access, following: Following) -> None:
        self._access = access
        self._following = following

    async def was_never_to_be(self, key: ThreadKey, thread: ThreadRow, dead: Lock) -> bool:
        """Whether the lock is of an older turn: somebody died between lock and replay, or a lost write of a
        lock came late.
        """
        if dead.replaces is not None:
            return False
        known = await self._access.turns.find(key, dead.response_id)
        return known is not None and known.number <= thread.n

    async def fence(self, key: ThreadKey, thread: ThreadRow, dead: Lock) -> TurnRow | None:
        """Write a dead lock's turn as interrupted, so that nobody else can. The row that stands is returned:
        ours, another's that was here first, or the holder's own, written at the last moment. None: the lock
        was given back before.
        """
        if not await self._access.locks.close(key, dead.attempt):
            return None
        row = await self._following.fenced(key, dead, thread.running_number)
        return await self._access.turns.put(key, row, dead.replaces)
