"""Gives old rows the expiry of a retention that changed.

Rows get their ``expires_at`` when they are written. This goes over the whole table and gives each thread, its
turns and their parts the expiry that they would get now, by the time of their use. It may be interrupted and
repeated: what is right already is not written again.

At each moment a thread's row expires later than the rows of its turns: where the retention is shortened the
turns come first, where it is lengthened the thread does.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from c1fn.net.aws import Service
from c1fn.stores import DAY
from c1fn.stores.dynamodb.calls import Calls
from c1fn.stores.dynamodb.failures import ConditionFailed
from c1fn.stores.dynamodb.items import Item, N, S, names, text_of
from c1fn.stores.dynamodb.keys import ThreadKey, part_sk, row_key, turn_sk, unescaped
from c1fn.stores.dynamodb.retention import TOMBSTONES, Retention
from c1fn.stores.dynamodb.rows import GONE, ThreadRow, TurnRow
from c1fn.stores.dynamodb.turn_rows import MOST
from c1fn.stores.owners import Tell

AT_ONCE = 4
"""Threads at once: each writes a few rows at a time."""

ROUNDS = 4
"""Tries of one thread that is used meanwhile; then its own last use has given it its expiry."""

SLACK = TOMBSTONES
"""Seconds by which an expiry may be later than a turn's start asks: it was counted from the turn's end."""


@dataclass(slots=True)
class Aged:
    """What was looked at, and what was changed."""

    threads: int = 0
    turns: int = 0
    changed: int = 0


async def age(through: Service, table: str, days: int, tell: Tell) -> Aged:
    """Go over a table with a retention of so many days; 0: nothing expires."""
    calls = Calls(through, table)
    try:
        return await Aging(calls, Retention(days * DAY), tell).run()
    finally:
        await calls.aclose()


@dataclass(slots=True)
class Aging:
    """One run over the table."""

    calls: Calls
    retention: Retention
    tell: Tell
    done: Aged = field(default_factory=Aged)

    async def run(self) -> Aged:
        scan: dict[str, Any] = {
            "ConsistentRead": True,
            "FilterExpression": "begins_with(pk, :threads)",
            "ExpressionAttributeValues": {":threads": S("U#")},
        }
        async for items, _ in self.calls.scan(scan):
            for start in range(0, len(items), AT_ONCE):
                await asyncio.gather(*(self._thread(item) for item in items[start : start + AT_ONCE]))
                self.tell("threads", self.done.threads)
        return self.done

    async def _thread(self, item: Item) -> None:
        owner = unescaped(item["pk"]["S"].removeprefix("U#"))
        row = ThreadRow.read(item)
        self.done.threads += 1
        for _ in range(ROUNDS):
            if row.gone:
                return  # it expires already, or is deleted now
            key = ThreadKey(owner, row.id).of(row)
            wanted = self.retention.row(row.updated)
            longer = _later(wanted, row.expires)
            if not longer:
                await self._turns(key, row)
            found = None if wanted == row.expires else await self._row(key, row, wanted)
            if found is None:
                if longer:
                    await self._turns(key, row)
                return
            row = ThreadRow.read(found)

    async def _row(self, key: ThreadKey, row: ThreadRow, wanted: float | None) -> Item | None:
        """The thread's row gets its expiry, unless it was used or deleted meanwhile: that row is returned."""
        unused = "#updated = :seen AND attribute_not_exists(#gone)"
        return await self._set(key.row, wanted, unused, {":seen": N(row.updated)})

    async def _turns(self, key: ThreadKey, thread: ThreadRow) -> None:
        query = {
            "ConsistentRead": True,
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :last",
            "ExpressionAttributeValues": {
                ":pk": S(key.pk),
                ":first": S(turn_sk(0)),
                ":last": S(turn_sk(MOST)),
            },
        }
        async for page in self.calls.pages(query):
            for item in page:
                if text_of(item, "state") != GONE:
                    await self._turn(key, TurnRow.read(item), thread.updated)

    async def _turn(self, key: ThreadKey, row: TurnRow, used: float) -> None:
        """Its parts come first: where this breaks off, the row says that it is still to be done."""
        self.done.turns += 1
        wanted = self.retention.until(row.started or used)
        if wanted is None and row.expires is None:
            return
        if wanted is not None and row.expires is not None and wanted <= row.expires <= wanted + SLACK:
            return
        for text in (row.body, row.revised):
            for index in range(text.count if text else 0):
                part = row_key(key, part_sk(text.token if text else "", index))
                await self._set(part, wanted, "attribute_exists(#pk)", {})
        await self._set(
            row_key(key, turn_sk(row.number)), wanted, "#attempt = :seen", {":seen": S(row.attempt)}
        )

    async def _set(
        self, key: Item, wanted: float | None, condition: str, values: dict[str, Item]
    ) -> Item | None:
        """Give a row its expiry, on a condition; the row that stands there if that does not hold."""
        update = "REMOVE #expires_at" if wanted is None else "SET #expires_at = :wanted"
        given = values if wanted is None else values | {":wanted": N(int(wanted))}
        try:
            await self.calls(
                "update_item",
                Key=key,
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeNames=names(update, condition),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **({"ExpressionAttributeValues": given} if given else {}),
            )
        except ConditionFailed as failed:
            return failed.item
        self.done.changed += 1
        return None


def _later(one: float | None, other: float | None) -> bool:
    """Whether the first expires later; None: never."""
    return other is not None and (one is None or one > other)
