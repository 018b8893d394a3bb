"""Threads in this process's memory: for a laptop and for tests. They are gone when the process ends."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable

from c1fn.stores import Quota
from c1fn.stores.memory.owners import MemoryOwners
from c1fn.stores.memory.shares import MemoryShares
from c1fn.stores.memory.state import Memory
from c1fn.stores.memory.threads import MemoryThreads
from c1fn.stores.memory.turns import MemoryTurns


class MemoryStore:
    """A ``Store`` in memory.

    :param quota: what one owner may take.
    :param clock: seconds since the epoch.
    :param sleep: waits that many seconds of that clock.
    :param token: a fresh random token at each call.
    """

    def __init__(
        self,
        *,
        quota: Quota = Quota(),  # noqa: B008 - it is frozen
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        token: Callable[[], str] = lambda: secrets.token_urlsafe(12),
    ) -> None:
        self.memory = Memory(clock, quota)
        self.turns = MemoryTurns(self.memory, sleep, token)
        self.threads = MemoryThreads(self.memory, token)
        self.owners = MemoryOwners(self.memory)
        self.shares = MemoryShares(self.memory, token)

    async def ready(self) -> None:
        """It always is."""

    async def settle(self) -> None:
        """Nothing is left for later here."""

    async def aclose(self) -> None:
        """There is nothing to give back."""
