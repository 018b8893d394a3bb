"""The lock of a thread's turns, which stands in the thread's row: taken, kept, and given back.

At most one attempt holds it; thread_updates.py tells why a write that is delivered twice does no harm.
"""

from collections.abc import Callable
from contextlib import suppress

from c1fn.stores.dynamodb.failures import ConditionFailed
from c1fn.stores.dynamodb.items import YES, Item, N, S, expiry
from c1fn.stores.dynamodb.keys import ThreadKey
from c1fn.stores.dynamodb.lock import Lock
from c1fn.stores.dynamodb.place import OPEN
from c1fn.stores.dynamodb.retention import Retention
from c1fn.stores.dynamodb.rows import ThreadRow
from c1fn.stores.dynamodb.thread_updates import NOBODY, TRIES, ThreadUpdates

_OURS = "#run.#attempt = :attempt AND attribute_not_exists(#gone)"
_OPEN = f"{_OURS} AND attribute_not_exists(#run.#closing)"
_ONWARD = "#n <= :new_n"  # what comes late, after its own late lock, sets nothing back
_FREE = (
    "attribute_not_exists(#run) AND attribute_not_exists(#gone)"
    " AND (attribute_not_exists(#expires_at) OR #expires_at > :now)"
    " AND (attribute_not_exists(#updated) OR #updated > :oldest)"
    " AND (attribute_not_exists(#last) OR #last <> :attempt)"
    " AND (attribute_not_exists(#pk) OR attribute_exists(#generation))"
    f" AND {OPEN}"
)
_LONGER = "(attribute_not_exists(#pk) OR #expires_at <= :new_expires_at)"


class Locks:
    """Who runs a turn on which thread."""

    def __init__(self, updates: ThreadUpdates, clock: Callable[[], float], retention: Retention) -> None:
        self._updates = updates
        self._clock = clock
        self._retention = retention

    async def acquire(self, key: ThreadKey, lock: Lock, title: str) -> tuple[bool, ThreadRow]:
        """Take the lock if nobody holds it; the thread is created if it is missing.

        :return: whether it is held by us, and the row as it is.
        """
        change = {"run": lock.value, "draft": S(lock.attempt)} | self._updates.begun(title)
        oldest = N(max(0.0, self._retention.oldest(self._clock())))
        values = {":attempt": S(lock.attempt), ":response": S(lock.response_id), ":oldest": oldest}
        keep = ("created", "title", "n", "v", "generation", "draft")
        longer, row = True, ThreadRow(key.thread_id)
        for _ in range(TRIES):
            until = expiry(self._retention.row(self._clock())) if longer else {}
            condition = f"{_FREE} AND {_LONGER}" if until else _FREE
            drop = ("next",) if self._retention.seconds else ("next", "expires_at")
            given = values | {":now": N(self._clock())}
            try:
                return True, await self._updates.change(
                    key, change | until, condition, given, keep=keep, drop=drop
                )
            except ConditionFailed as failed:
                row = ThreadRow.read(failed.item or key.row)
                reserved = row.is_reserved(lock.response_id, self._clock())
                if row.lock or reserved or not row.is_there(self._clock(), self._retention):
                    return _holds(row, lock), row
                if row.generation is None:
                    await self._adopt(key)
                else:
                    longer = False  # it expires later than we would say, or not at all: so do its turns
        return False, row

    async def _adopt(self, key: ThreadKey) -> None:
        """Give a row of version 1 what it lacks. Its turns are those of generation 0."""
        change = {"generation": N(0), "draft": S(NOBODY)}
        with suppress(ConditionFailed):
            await self._updates.change(key, change, "attribute_exists(#pk)", {}, keep=("generation", "draft"))

    async def take_over(self, key: ThreadKey, lock: Lock, dead: Lock, after: ThreadRow) -> bool:
        """Take the lock from one that is over.

        :param after: the thread as that one leaves it: its newest turn is its own for good.
        """
        change = {"run": lock.value, "n": N(after.n)} | self._updates.used()
        if after.last is not None:
            change["last"] = S(after.last)
        if after.expires is not None:
            change |= expiry(max(after.expires, self._retention.row(self._clock()) or 0))
        ours = after.next is not None and after.next.response_id == lock.response_id
        drop = ("next",) if ours else ()
        try:
            await self._updates.change(
                key, change, f"{_OURS} AND {_ONWARD}", {":attempt": S(dead.attempt)}, drop=drop
            )
        except ConditionFailed as failed:
            return failed.item is not None and _holds(ThreadRow.read(failed.item), lock)
        return True

    async def close(self, key: ThreadKey, attempt: str) -> bool:
        """Say that the turn of this lock, which is over, is being closed: from now on the lock is taken over,
        and not given back or renewed. False: it was before.
        """
        return await self._mark_ours(key, attempt, {"run.closing": YES}) is not None

    async def run_again(self, key: ThreadKey, attempt: str, replaces: str) -> bool:
        """Let ours overwrite the newest turn, that ``replaces`` wrote. False: the lock is no longer ours."""
        return await self._mark_ours(key, attempt, {"run.replaces": S(replaces)}) is not None

    async def catch_up(self, key: ThreadKey, attempt: str, row: ThreadRow) -> bool:
        """Let the row, which is locked by ours, name its newest turn. False: the lock is no longer ours."""
        change = {"n": N(row.n), "last": S(row.last or NOBODY)}
        values = {":attempt": S(attempt)}
        return await self._updates.mark(key, change, f"{_OURS} AND {_ONWARD}", values) is not None

    async def reserve(
        self, key: ThreadKey, change: dict[str, Item], condition: str, values: dict[str, Item]
    ) -> None:
        """:raises ConditionFailed: nothing else runs, or the next turn is reserved already."""
        await self._updates.change(key, change, condition, values)

    async def unreserve(self, key: ThreadKey, response_id: str) -> None:
        with suppress(ConditionFailed):
            ours = {":response": S(response_id)}
            await self._updates.change(key, {}, "#next.#response = :response", ours, drop=("next",))

    async def renew(self, key: ThreadKey, attempt: str, until: float) -> Lock | None:
        """The lock with its new lease; None: it is no longer ours."""
        change, values = {"run.until": N(until)}, {":attempt": S(attempt)}
        row = await self._updates.mark(key, change, _OPEN, values)
        return row.lock if row else None

    async def ask_to_stop(self, key: ThreadKey, attempt: str) -> bool:
        """Whether it still ran, and was asked."""
        return await self._mark_ours(key, attempt, {"run.stop": YES}) is not None

    async def ask_to_follow(self, key: ThreadKey, attempt: str) -> None:
        """Let whoever runs the turn write down what it says as it grows."""
        await self._mark_ours(key, attempt, {"run.followed": YES})

    async def release(self, key: ThreadKey, attempt: str, number: int, context: int, ended: float) -> None:
        """The turn ``number`` was written at ``ended``, and took ``context`` tokens: the lock is free."""
        change = {"updated": N(ended), "n": N(number), "last": S(attempt), "context": N(context)}
        with suppress(ConditionFailed):  # released before, taken over, or deleted
            await self._updates.change(
                key, change, f"{_OURS} AND {_ONWARD}", {":attempt": S(attempt)}, drop=("run",)
            )

    async def cancel(self, key: ThreadKey, attempt: str) -> ThreadRow | None:
        """The turn is not to be. A thread that this lock made, and nobody asked for, goes with it.

        :return: the row of such a thread, that is still to be swept.
        """
        values = {":attempt": S(attempt), ":zero": N(0)}
        change = {"gone": YES, "sweep": YES}
        unasked = f"{_OPEN} AND #draft = :attempt AND #n = :zero"
        try:
            return await self._updates.change(
                key, change, unasked, values, drop=("run", "title", "expires_at")
            )
        except ConditionFailed as failed:
            if failed.item and _attempt(ThreadRow.read(failed.item)) == attempt:
                with suppress(ConditionFailed):
                    await self._updates.change(key, {}, _OPEN, {":attempt": S(attempt)}, drop=("run",))
        return None

    async def _mark_ours(self, key: ThreadKey, attempt: str, change: dict[str, Item]) -> ThreadRow | None:
        return await self._updates.mark(key, change, _OURS, {":attempt": S(attempt)})


def _attempt(row: ThreadRow) -> str | None:
    return row.lock.attempt if row.lock else None


def _holds(row: ThreadRow, lock: Lock) -> bool:
    """Whether the lock that stands there is ours: our write had been made, and only its reply was lost."""
    return _attempt(row) == lock.attempt
