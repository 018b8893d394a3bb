"""How a thread ends: its row is marked as deleted, its other rows are swept, and its id may begin again.

Each step may be interrupted and repeated, by any process.
"""

from c1fn.errors import Busy
from c1fn.stores.dynamodb.access import Access
from c1fn.stores.dynamodb.keys import ThreadKey
from c1fn.stores.dynamodb.rows import ThreadRow


class Deletion:
    """Deletes threads, and finishes deletions that another process began."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def delete(self, key: ThreadKey, row: ThreadRow, *, unused: bool = False) -> None:
        """Mark a thread as deleted, and delete its rows. It may be interrupted and repeated.

        :param unused: see ``ThreadRows.bury``.
        """
        if not row.gone:
            await self._access.threads.bury(
                key, row, unused=unused
            )  # or somebody else does: then we sweep together
            row = await self._access.threads.get(key) or row
        if row.sweep:
            await self.sweep(key, row)

    async def sweep(self, key: ThreadKey, row: ThreadRow) -> None:
        """Delete what is left of a deleted thread, or of one that was never shown.

        :param row: the thread's row as it was read.
        """
        unseen = row.importing is not None
        if unseen and not await self._access.threads.abandon(key, row):
            return
        running = row.lock.response_id if row.lock else None
        await self._access.sweeping.sweep(key.of(row), row.n, running=running, forget=unseen)
        await self._access.threads.swept(key, row)

    async def begin_again(self, key: ThreadKey, row: ThreadRow, title: str, draft: str = "") -> None:
        """Begin the next generation of a thread, after deleting the rows of the last one.

        :raises Busy: this thread is being made, with turns from elsewhere.
        """
        if row.is_imported(self._access.clock()):
            raise Busy("This conversation is being made. Wait for it, then send again.")
        await self.delete(key, row, unused=True)
        await self._access.threads.begin_again(key, row, title, draft)
