"""The memory store with a file beside it: for a laptop whose threads outlive the process.

Everything is read at the start. Each change is made in memory, by the memory store, and then written in one
transaction of SQLite; only then does the call return. So the rules of a turn are those of the memory store,
and the file has to hold its state and nothing else. All threads are in memory: this is for one person.

One process at a time has the file. https://sqlite.org/pragma.html#pragma_locking_mode
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from c1fn.errors import StoreUnavailable
from c1fn.stores import Quota
from c1fn.stores.memory.state import Memory
from c1fn.stores.sqlite.file import File
from c1fn.stores.sqlite.ports import SqliteOwners, SqliteShares, SqliteThreads, SqliteTurns
from c1fn.stores.sqlite.writer import Writer


class SqliteStore:
    """A ``Store`` in memory and in a file. Parameters as for ``MemoryStore``.

    :raises StoreUnavailable: the file cannot be used; the message says why and what to do.
    """

    def __init__(
        self,
        path: Path,
        *,
        quota: Quota = Quota(),  # noqa: B008 - it is frozen
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        token: Callable[[], str] = lambda: secrets.token_urlsafe(12),
    ) -> None:
        self.memory = Memory(clock, quota)
        self._writer = Writer(File(path), self.memory)
        self.turns = SqliteTurns(self.memory, self._writer, sleep, token)
        self.threads = SqliteThreads(self.memory, self._writer, token)
        self.owners = SqliteOwners(self.memory, self._writer)
        self.shares = SqliteShares(self.memory, self._writer, token)

    def end_turns(self) -> None:
        """The process that ran the turns of this file has ended, because the file is ours: their leases are
        over, and nobody waits for them.
        """
        now = self.memory.clock()
        for thread in self.memory.threads.values():
            if thread.run:
                thread.run.lease_until = min(thread.run.lease_until, now)
        for used in self.memory.used.values():
            for slot in used.slots.values():
                slot.until = min(slot.until, now)

    async def ready(self) -> None:
        """It was when it was made."""

    async def settle(self) -> None:
        """Nothing is left for later here."""

    async def aclose(self) -> None:
        """What could not be written is tried once more; each call that it failed has said so."""
        with suppress(StoreUnavailable):
            await self._writer.write()
        self._writer.close()
