"""A thread's row without its lock: made, listed, renamed, and deleted.

thread_updates.py tells why a write that is delivered twice does no harm.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from c1fn.errors import StoreUnavailable
from c1fn.stores.dynamodb.calls import Calls
from c1fn.stores.dynamodb.failures import ConditionFailed
from c1fn.stores.dynamodb.items import YES, Item, N, S, clean, expiry, names
from c1fn.stores.dynamodb.keys import ThreadKey, thread_key
from c1fn.stores.dynamodb.retention import TOMBSTONES, Retention
from c1fn.stores.dynamodb.rows import ThreadRow
from c1fn.stores.dynamodb.table import BY_RECENCY
from c1fn.stores.dynamodb.thread_updates import NOBODY, TRIES, ThreadUpdates

_HERE = "attribute_exists(#pk) AND attribute_not_exists(#gone)"


@dataclass(frozen=True, slots=True)
class Listed:
    """Threads of a list, and those that were deleted, but not to the end."""

    shown: list[ThreadRow] = field(default_factory=list)
    unswept: list[ThreadRow] = field(default_factory=list)


class ThreadRows:
    """An owner's list, and the beginning and the end of a thread. ``locks`` has its turns' lock."""

    def __init__(
        self, calls: Calls, updates: ThreadUpdates, clock: Callable[[], float], retention: Retention
    ) -> None:
        self._calls = calls
        self._updates = updates
        self._clock = clock
        self._retention = retention
        self.get = updates.get
        self.new_generation = updates.new_generation

    async def is_gone(self, key: ThreadKey) -> bool:
        """Whether this generation was deleted meanwhile: then not all of its rows were read."""
        row = await self.get(key)
        return row is None or row.gone or key.of(row) != key

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
        new = self._updates.begun(title) | {"draft": S(NOBODY)}
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
        return (found.draft and await self._updates.mark(key, {"draft": S(NOBODY)}, _HERE, {})) or found

    async def rename(self, key: ThreadKey, row: ThreadRow, title: str, named: str) -> ThreadRow | None:
        """The renamed row; None where there is no thread any more.

        :param row: as it was read. A renaming that others were faster than is written after theirs.
        :param named: a fresh random token, that tells this renaming from all others.
        """
        change = {"title": S(clean(title)), "named": S(named), "draft": S(NOBODY)}
        for _ in range(TRIES):
            seen = "attribute_not_exists(#named)" if row.named is None else "#named = :seen"
            values = {} if row.named is None else {":seen": S(row.named)}
            try:
                return await self._updates.change(key, change, f"{_HERE} AND {seen}", values)
            except ConditionFailed as failed:
                found = ThreadRow.read(failed.item) if failed.item else None
                if found is None or found.gone or found.named == named:
                    return None if found is None or found.gone else found
                row = found
        raise StoreUnavailable("The conversation is renamed by others all the time.")

    async def retitle(self, key: ThreadKey, old: str, new: str) -> None:
        """Another title, where nobody has given one."""
        condition = f"{_HERE} AND #title = :old AND attribute_not_exists(#named)"
        await self._updates.mark(key, {"title": S(clean(new))}, condition, {":old": S(clean(old))})

    async def bury(self, key: ThreadKey, row: ThreadRow, *, unused: bool = False) -> None:
        """Mark a thread as gone, and its rows as still to be swept: until then this row does not expire,
        tells which turn ran, and stays in the list's index, where the sweep is found again. If somebody else
        did: good.

        :param unused: only if nobody used it since this row was read. Another machine's clock may say that it
            is not too old yet.
        """
        here, values = this_generation(row)
        here = f"attribute_not_exists(#gone) AND {here}"
        if unused:
            here += " AND #updated = :used"
            values |= {":used": N(row.updated)}
        change = {"gone": YES, "sweep": YES, "draft": S(NOBODY)}
        with suppress(ConditionFailed):
            await self._updates.change(key, change, here, values, drop=("title", "expires_at"))

    async def swept(self, key: ThreadKey, row: ThreadRow) -> None:
        """Nothing of the thread that is gone is left."""
        here, values = this_generation(row)
        until = expiry(self._clock() + TOMBSTONES)
        here = f"attribute_exists(#gone) AND {here}"
        with suppress(ConditionFailed):
            await self._updates.change(key, until, here, values, drop=("sweep", "slot", "run"))

    async def abandon(self, key: ThreadKey, row: ThreadRow) -> bool:
        """Nobody shall show this thread, whose turns were being written. False: somebody did, or goes on."""
        here, values = this_generation(row)
        here = f"attribute_exists(#gone) AND #importing = :importing AND {here}"
        values |= {":importing": N(row.importing or 0)}
        try:
            await self._updates.change(key, {}, here, values, drop=("importing", "forked"))
        except ConditionFailed as failed:
            found = ThreadRow.read(failed.item) if failed.item else None
            same = found is not None and found.generation == row.generation
            return bool(found and same and found.sweep and found.importing is None)
        return True

    async def remove(self, key: ThreadKey, row: ThreadRow) -> None:
        """Delete the row of a thread that is gone, and that nobody can write to any more."""
        here, values = this_generation(row)
        condition = f"attribute_exists(#gone) AND {here}"
        with suppress(ConditionFailed):  # its id was used again, or somebody else removed it
            await self._calls(
                "delete_item",
                Key=key.row,
                ConditionExpression=condition,
                ExpressionAttributeNames=names(condition),
                **({"ExpressionAttributeValues": values} if values else {}),
            )

    async def begin_again(self, key: ThreadKey, row: ThreadRow, title: str, draft: str = NOBODY) -> None:
        """Begin the next generation of a thread that is gone. If somebody else did: good.

        If that is a draft, and is taken back, the responseIds that count are those of the thread before it.
        """
        here, values = this_generation(row)
        until = expiry(self._retention.row(self._clock()))
        earlier = row.earlier if row.draft and row.earlier is not None else row.generation or 0
        change = self._updates.begun(title) | until | {"draft": S(draft), "earlier": N(earlier)}
        state = ("gone", "sweep", "run", "next", "last", "named")
        old = (*state, "context", "forked", "importing", "expires_at")
        drop = [name for name in old if name not in change]
        with suppress(ConditionFailed):
            await self._updates.change(key, change, f"attribute_exists(#gone) AND {here}", values, drop=drop)


def this_generation(row: ThreadRow) -> tuple[str, dict[str, Item]]:
    """The condition that the thread is in the generation in which it was seen, and its values."""
    if row.generation is None:
        return "attribute_not_exists(#generation)", {}
    return "#generation = :seen", {":seen": N(row.generation)}
