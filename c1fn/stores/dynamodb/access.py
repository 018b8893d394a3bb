"""Bundles the objects that read and write the table, one for each kind of row."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from c1fn.stores.dynamodb.follower_limit import FollowerLimit
from c1fn.stores.dynamodb.later import Later
from c1fn.stores.dynamodb.locking import Locks
from c1fn.stores.dynamodb.retention import Retention
from c1fn.stores.dynamodb.sweeping import Sweeping
from c1fn.stores.dynamodb.texts import Texts
from c1fn.stores.dynamodb.thread_rows import ThreadRows
from c1fn.stores.dynamodb.turn_quota import TurnQuota
from c1fn.stores.dynamodb.turn_rows import TurnRows
from c1fn.stores.dynamodb.write_quota import WriteQuota


@dataclass(frozen=True, slots=True)
class Access:
    """``turn_quota``, ``followers``: None where nothing is counted. ``sleep`` waits seconds of ``clock``;
    ``jitter`` is 0 to 1; ``token`` is a fresh random text at each call.
    """

    locks: Locks
    threads: ThreadRows
    turns: TurnRows
    texts: Texts
    sweeping: Sweeping
    turn_quota: TurnQuota | None
    followers: FollowerLimit | None
    write_quota: WriteQuota
    later: Later
    retention: Retention
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    jitter: Callable[[], float]
    token: Callable[[], str]
