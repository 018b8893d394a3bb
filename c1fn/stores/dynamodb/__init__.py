"""The store that keeps threads in one DynamoDB table.

The thread's row holds the lock; a turn's row, written once with a condition, is authoritative. `rows` and
`keys` define the rows, `table` the table; `locking`, `thread_rows`, `turn_rows`, `texts` and `usage_rows`
read and write them; `turn_quota`, `write_quota` and `follower_limit` hold an owner to its limits; `opening`,
`following`, `deletion` and `forking` define the order of the steps; `turns` and `threads` implement the
ports. This module puts them together.
docs/store.md explains why it is safe and what it costs.
"""

import asyncio
import random
import secrets
import time
from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import TYPE_CHECKING

from c1fn.net.aws import Service
from c1fn.stores import DAY, Quota
from c1fn.stores.dynamodb.access import Access
from c1fn.stores.dynamodb.calls import Calls, connect, service
from c1fn.stores.dynamodb.deletion import Deletion
from c1fn.stores.dynamodb.follower_limit import FollowerLimit
from c1fn.stores.dynamodb.following import Following
from c1fn.stores.dynamodb.items import S
from c1fn.stores.dynamodb.later import Later
from c1fn.stores.dynamodb.locking import Locks
from c1fn.stores.dynamodb.opening import Opening
from c1fn.stores.dynamodb.retention import Retention
from c1fn.stores.dynamodb.sweeping import Sweeping
from c1fn.stores.dynamodb.texts import Texts
from c1fn.stores.dynamodb.thread_rows import ThreadRows
from c1fn.stores.dynamodb.thread_updates import ThreadUpdates
from c1fn.stores.dynamodb.threads import DynamoThreads
from c1fn.stores.dynamodb.turn_quota import TurnQuota
from c1fn.stores.dynamodb.turn_rows import TurnRows
from c1fn.stores.dynamodb.turns import Checkpoints, DynamoTurns
from c1fn.stores.dynamodb.usage_rows import UsageRows
from c1fn.stores.dynamodb.write_quota import WriteQuota

if TYPE_CHECKING:
    from c1fn.stores.owners import Owners
    from c1fn.stores.shares import Shares

__all__ = ["DynamoStore", "connect", "service"]

OPENING = 2
"""Calls at once that open a turn, behind its lock; one more counts it for its owner."""


class DynamoStore:
    """A ``Store`` in DynamoDB.

    :param through: the service that it calls, see ``service``; it is closed with the store.
    :param quota: the limits of one owner.
    :param retention_days: days that a thread is kept after its last turn; 0 means for ever.
    :param checkpoints: when a running answer is stored in checkpoints.
    :param clock: seconds since the epoch. ``sleep``: waits that many of them. ``jitter``: 0 to 1.
    :param token: a fresh random token at each call. ``generation``: a fresh random number of 48 bits.
    """

    def __init__(
        self,
        through: Service,
        table: str,
        *,
        quota: Quota = Quota(),  # noqa: B008 - it is frozen
        retention_days: int = 0,
        checkpoints: Checkpoints = "followed",
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
        token: Callable[[], str] = lambda: secrets.token_urlsafe(12),
        generation: Callable[[], int] = lambda: secrets.randbits(48),
    ) -> None:
        self._calls = Calls(through, table, sleep=sleep, jitter=jitter)
        used = UsageRows(self._calls)
        self._turn_quota = TurnQuota(used, clock, quota) if quota.of_turns else None
        self._later = Later()
        retention = Retention(retention_days * DAY)
        texts = Texts(self._calls, clock)
        updates = ThreadUpdates(self._calls, clock, generation)
        access = Access(
            locks=Locks(updates, clock, retention),
            threads=ThreadRows(self._calls, updates, clock, retention),
            turns=TurnRows(self._calls, texts, clock, retention),
            texts=texts,
            sweeping=Sweeping(self._calls, texts, clock),
            turn_quota=self._turn_quota,
            followers=FollowerLimit(used, clock, quota.followers) if quota.followers else None,
            write_quota=WriteQuota(used, clock, quota),
            later=self._later,
            retention=retention,
            clock=clock,
            sleep=sleep,
            jitter=jitter,
            token=token,
        )
        following = Following(access)
        deletion = Deletion(access)
        opening = Opening(access, deletion, following)
        self.turns = DynamoTurns(access, opening, following, checkpoints=checkpoints)
        self.threads = DynamoThreads(access, deletion, following, self._calls)
        self._access, self._deletion = access, deletion

    @cached_property
    def owners(self) -> "Owners":
        """Imported when an operator asks: most processes never do."""
        from c1fn.stores.dynamodb.hidden import HiddenThreads
        from c1fn.stores.dynamodb.owners import DynamoOwners

        hidden = HiddenThreads(self._access, self._deletion, self._calls)
        return DynamoOwners(self._access, self._deletion, hidden, self._calls)

    @cached_property
    def shares(self) -> "Shares":
        """Imported when somebody shares: most processes never do."""
        from c1fn.stores.dynamodb.shares import DynamoShares

        return DynamoShares(self._access, self._calls)

    def connect(self) -> None:
        """Begin to open as many connections as the first turn will use at once."""
        self._calls.connect(OPENING + (self._turn_quota is not None))

    async def ready(self) -> None:
        await self._calls("get_item", Key={"pk": S("?"), "sk": S("?")})  # no key of ours is like that

    async def settle(self) -> None:
        await self._later.settle()

    async def aclose(self) -> None:
        await self.settle()
        await self._calls.aclose()
