"""A thread's row: the lock of its turns, and the data for lists. Reads and conditional writes.

Every write has a condition on the row's earlier state. If the condition fails because the write was already
made (its reply was lost, and it was sent again), the write counts as made: the row in the failure's reply
shows it. So a write that is delivered twice, or long after its timeout, does no harm.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ConditionExpressions.html
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from c1fn.errors import StoreUnavailable
from c1fn.stores.dynamodb.calls import Calls, ConditionFailed
from c1fn.stores.dynamodb.rows import (
    SLOT,
    TOMBSTONES,
    YES,
    Item,
    Lock,
    N,
    Retention,
    S,
    ThreadKey,
    ThreadRow,
    V,
    expiry,
    names,
    thread_key,
)
from c1fn.stores.dynamodb.table import BY_RECENCY

ROUNDS = 4
"""Writes of one change, each on what the one before it found."""

_OURS = "#run.#attempt = :attempt AND attribute_not_exists(#gone)"
_ONWARD = "#n <= :new_n"  # what comes late, after its own late lock, sets nothing back
_FREE = (
    "attribute_not_exists(#run) AND attribute_not_exists(#gone)"
    " AND (attribute_not_exists(#expires_at) OR #expires_at > :now)"
    " AND (attribute_not_exists(#updated) OR #updated > :oldest)"
    " AND (attribute_not_exists(#last) OR #last <> :attempt)"
    " AND (attribute_not_exists(#pk) OR attribute_exists(#generation))"
)
_LONGER = "(attribute_not_exists(#pk) OR #expires_at <= :new_expires_at)"
_HERE = "attribute_exists(#pk) AND attribute_not_exists(#gone)"
_NOBODY = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """Threads of a list, and those that were deleted, but not to the end."""

    shown: list[ThreadRow] = field(default_factory=list)
    unswept: list[ThreadRow] = field(default_factory=list)


class ThreadRows:
    """:param generation: a fresh random number of 48 bits at each call."""

    def __init__(
        self,
        calls: Calls,
        clock: Callable[[], float],
        retention: Retention,
        generation: Callable[[], int],
    ) -> None:
        self._calls = calls
        self._clock = clock
        self._retention = retention
        self._generation = generation

    async def get(self, key: ThreadKey, *, consistent: bool = True) -> ThreadRow | None:
        """The thread's row, also one that is gone; not consistent: as it was a moment ago, at half price."""
        answer = await self._calls("get_item", Key=key.row, ConsistentRead=consistent)
        return ThreadRow.read(answer["Item"]) if "Item" in answer else None

    async def page(self, owner: str, after: tuple[float, str] | None, limit: int) -> Listed:
        """An owner's threads after a place, those of the most recent quarter of an hour first."""
        pk = thread_key(owner, "-")["pk"]
        query: dict[str, Any] = {
            "IndexName": BY_RECENCY,
            "ConsistentRead": True,
            "ScanIndexForward": False,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": pk},
        }
        if after:
            query["ExclusiveStartKey"] = {"pk": pk, "sk": S(after[1]), "slot": N(int(after[0]))}
        listed, now = Listed(), self._clock()
        async for keys in self._calls.pages(query, limit):
            rows = await asyncio.gather(*(self.get(ThreadKey(owner, key["sk"]["S"])) for key in keys))
            found = [row for row in rows if row and row.slot is not None]
            listed.shown.extend(row for row in found if row.is_there(now, self._retention))
            listed.unswept.extend(row for row in found if row.sweep and not row.is_imported(now))
            if len(listed.shown) >= limit:
                break
        return listed

    async def create(self, key: ThreadKey, title: str) -> ThreadRow:
        """A new, empty thread, or the row that stands there: from now on somebody has asked for it."""
        new = self._begun(title) | {"draft": S(_NOBODY)}
        row = key.row | new | expiry(self._retention.row(self._clock()))
        try:
            await self._calls(
                "put_item",
                Item=row,
                ConditionExpression="attribute_not_exists(pk)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ConditionFailed as failed:
            found = ThreadRow.read(failed.item or row)
        else:
            return ThreadRow.read(row)
        return (found.draft and await self._mark(key, {"draft": S(_NOBODY)}, _HERE, {})) or found

    async def rename(self, key: ThreadKey, row: ThreadRow, title: str, named: str) -> ThreadRow | None:
        """The renamed row; None where there is no thread any more.

        :param row: as it was read. A renaming that others were faster than is written after theirs.
        :param named: a fresh random token, that tells this renaming from all others.
        """
        change = {"title": S(clean(title)), "named": S(named), "draft": S(_NOBODY)}
        for _ in range(ROUNDS):
            seen = "attribute_not_exists(#named)" if row.named is None else "#named = :seen"
            values = {} if row.named is None else {":seen": S(row.named)}
            try:
                return await self._change(key, change, f"{_HERE} AND {seen}", values)
            except ConditionFailed as failed:
                found = ThreadRow.read(failed.item) if failed.item else None
                if found is None or found.gone or found.named == named:
                    return None if found is None or found.gone else found
                row = found
        raise StoreUnavailable("The conversation is renamed by others all the time.")

    # ---- the lock

    async def acquire(self, key: ThreadKey, lock: Lock, title: str) -> tuple[bool, ThreadRow]:
        """Take the lock if nobody holds it; the thread is created if it is missing.

        :return: whether it is held by us, and the row as it is.
        """
        change = {"run": lock.value, "draft": S(lock.attempt)} | self._begun(title)
        values = {":attempt": S(lock.attempt), ":oldest": N(max(0.0, self._retention.oldest(self._clock())))}
        keep = ("created", "title", "n", "v", "generation", "draft")
        longer, row = True, ThreadRow(key.thread_id)
        for _ in range(ROUNDS):
            until = expiry(self._retention.row(self._clock())) if longer else {}
            condition = f"{_FREE} AND {_LONGER}" if until else _FREE
            drop = () if self._retention.seconds else ("expires_at",)
            given = values | {":now": N(self._clock())}
            try:
                return True, await self._change(key, change | until, condition, given, keep=keep, drop=drop)
            except ConditionFailed as failed:
                row = ThreadRow.read(failed.item or key.row)
                if row.lock or not row.is_there(self._clock(), self._retention):
                    return _holds(row, lock), row
                if row.generation is None:
                    await self._adopt(key)
                else:
                    longer = False  # it expires later than we would say, or not at all: so do its turns
        return False, row

    async def _adopt(self, key: ThreadKey) -> None:
        """Give a row of version 1 what it lacks. Its turns are those of generation 0."""
        change = {"generation": N(0), "draft": S(_NOBODY)}
        with suppress(ConditionFailed):
            await self._change(key, change, "attribute_exists(#pk)", {}, keep=("generation", "draft"))

    async def take_over(self, key: ThreadKey, lock: Lock, dead: Lock, after: ThreadRow) -> bool:
        """Take the lock from one that is over.

        :param after: the thread as that one leaves it: its newest turn is its own for good.
        """
        change = {"run": lock.value, "n": N(after.n)} | self._used()
        if after.last is not None:
            change["last"] = S(after.last)
        if after.expires is not None:
            change |= expiry(max(after.expires, self._retention.row(self._clock()) or 0))
        try:
            await self._change(key, change, f"{_OURS} AND {_ONWARD}", {":attempt": S(dead.attempt)})
        except ConditionFailed as failed:
            return failed.item is not None and _holds(ThreadRow.read(failed.item), lock)
        return True

    async def run_again(self, key: ThreadKey, attempt: str, replaces: str) -> bool:
        """Let ours overwrite the newest turn, that ``replaces`` wrote. False: the lock is no longer ours."""
        return await self._mark_ours(key, attempt, {"run.replaces": S(replaces)}) is not None

    async def catch_up(self, key: ThreadKey, attempt: str, row: ThreadRow) -> bool:
        """Let the row, which is locked by ours, name its newest turn. False: the lock is no longer ours."""
        change = {"n": N(row.n), "last": S(row.last or _NOBODY)}
        values = {":attempt": S(attempt)}
        return await self._mark(key, change, f"{_OURS} AND {_ONWARD}", values) is not None

    async def renew(self, key: ThreadKey, attempt: str, until: float) -> Lock | None:
        """The lock with its new lease; None: it is no longer ours."""
        row = await self._mark_ours(key, attempt, {"run.until": N(until)})
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
            await self._change(key, change, f"{_OURS} AND {_ONWARD}", {":attempt": S(attempt)}, drop=("run",))

    async def cancel(self, key: ThreadKey, attempt: str) -> ThreadRow | None:
        """The turn is not to be. A thread that this lock made, and nobody asked for, goes with it.

        :return: the row of such a thread, that is still to be swept.
        """
        values = {":attempt": S(attempt), ":zero": N(0)}
        change = {"gone": YES, "sweep": YES}
        unasked = f"{_OURS} AND #draft = :attempt AND #n = :zero"
        try:
            return await self._change(key, change, unasked, values, drop=("run", "title", "expires_at"))
        except ConditionFailed as failed:
            if failed.item and _attempt(ThreadRow.read(failed.item)) == attempt:
                with suppress(ConditionFailed):
                    await self._change(key, {}, _OURS, {":attempt": S(attempt)}, drop=("run",))
        return None

    # ---- the end, and after

    async def bury(self, key: ThreadKey, row: ThreadRow) -> None:
        """Mark a thread as gone, and its rows as still to be swept: until then this row does not expire,
        tells which turn ran, and stays in the list's index, where the sweep is found again. If somebody else
        did: good.
        """
        here, values = this_generation(row)
        here = f"attribute_not_exists(#gone) AND {here}"
        change = {"gone": YES, "sweep": YES}
        with suppress(ConditionFailed):
            await self._change(key, change, here, values, drop=("title", "expires_at"))

    async def swept(self, key: ThreadKey, row: ThreadRow) -> None:
        """Nothing of the thread that is gone is left."""
        here, values = this_generation(row)
        until = expiry(self._clock() + TOMBSTONES)
        here = f"attribute_exists(#gone) AND {here}"
        with suppress(ConditionFailed):
            await self._change(key, until, here, values, drop=("sweep", "slot", "run"))

    async def abandon(self, key: ThreadKey, row: ThreadRow) -> bool:
        """Nobody shall show this thread, whose turns were being written. False: somebody did, or goes on."""
        here, values = this_generation(row)
        here = f"attribute_exists(#gone) AND #importing = :importing AND {here}"
        values |= {":importing": N(row.importing or 0)}
        try:
            await self._change(key, {}, here, values, drop=("importing", "forked"))
        except ConditionFailed as failed:
            found = ThreadRow.read(failed.item) if failed.item else None
            same = found is not None and found.generation == row.generation
            return bool(found and same and found.sweep and found.importing is None)
        return True

    def new_generation(self) -> int:
        return self._generation()

    async def begin_again(self, key: ThreadKey, row: ThreadRow, title: str, draft: str = _NOBODY) -> None:
        """Begin the next generation of a thread that is gone. If somebody else did: good."""
        here, values = this_generation(row)
        until = expiry(self._retention.row(self._clock()))
        change = self._begun(title) | until | {"draft": S(draft)}
        old = ("gone", "sweep", "run", "last", "named", "context", "forked", "importing", "expires_at")
        drop = [name for name in old if name not in change]
        with suppress(ConditionFailed):
            await self._change(key, change, f"attribute_exists(#gone) AND {here}", values, drop=drop)

    # ---- how

    def _used(self) -> dict[str, Item]:
        """What a use of the thread changes."""
        now = self._clock()
        return {"updated": N(now), "slot": N(int(now // SLOT))}

    def _begun(self, title: str) -> dict[str, Item]:
        """What a new thread has."""
        new = {"created": N(self._clock()), "title": S(clean(title)), "n": N(0)}
        return V | self._used() | new | {"generation": N(self._generation())}

    async def _mark_ours(self, key: ThreadKey, attempt: str, change: dict[str, Item]) -> ThreadRow | None:
        return await self._mark(key, change, _OURS, {":attempt": S(attempt)})

    async def _mark(
        self, key: ThreadKey, change: dict[str, Item], condition: str, values: dict[str, Item]
    ) -> ThreadRow | None:
        """The row with its change; None: the condition does not hold."""
        with suppress(ConditionFailed):
            return await self._change(key, change, condition, values)
        return None

    async def _change(
        self,
        key: ThreadKey,
        change: dict[str, Item],
        condition: str,
        values: dict[str, Item],
        *,
        keep: Sequence[str] = (),
        drop: Sequence[str] = (),
    ) -> ThreadRow:
        """Update the row. ``keep``: what is only set where it is missing. ``drop``: what goes.

        :return: the row as it is then.
        """
        sets = []
        for name in change:
            path = ".".join(f"#{part}" for part in name.split("."))
            value = f":new_{name.replace('.', '_')}"
            sets.append(f"{path} = if_not_exists({path}, {value})" if name in keep else f"{path} = {value}")
        update = f"SET {', '.join(sets)} " if sets else ""
        update += f"REMOVE {', '.join(f'#{name}' for name in drop)}" if drop else ""
        given = values | {f":new_{name.replace('.', '_')}": value for name, value in change.items()}
        answer = await self._calls(
            "update_item",
            Key=key.row,
            UpdateExpression=update,
            ConditionExpression=condition,
            ExpressionAttributeNames=names(update, condition),
            ReturnValues="ALL_NEW",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
            **({"ExpressionAttributeValues": given} if given else {}),
        )
        return ThreadRow.read(answer["Attributes"])


def _attempt(row: ThreadRow) -> str | None:
    return row.lock.attempt if row.lock else None


def _holds(row: ThreadRow, lock: Lock) -> bool:
    """Whether the lock that stands there is ours: our write had been made, and only its reply was lost."""
    return _attempt(row) == lock.attempt


def this_generation(row: ThreadRow) -> tuple[str, dict[str, Item]]:
    """The condition that the thread is in the generation in which it was seen, and its values."""
    if row.generation is None:
        return "attribute_not_exists(#generation)", {}
    return "#generation = :seen", {":seen": N(row.generation)}


def clean(title: str) -> str:
    """A title that DynamoDB takes: lone surrogates cannot be encoded."""
    return title.encode("utf-8", "replace").decode()
