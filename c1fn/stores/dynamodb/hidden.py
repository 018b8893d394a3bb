"""A thread that is hidden until all of its turns are written.

Its row comes first, as that of a deleted thread whose rows are still to be swept, with a lease
(``importing``). Then its turns are written, in a new generation. Then the row is written as it should be, on
condition that nobody changed it: at that moment the thread is there. A process that is killed before leaves a
deletion that was not completed, which the owner's next list goes on with, once the lease is over.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from c1fn.errors import Busy, StoreUnavailable
from c1fn.stores import LEASE
from c1fn.stores.dynamodb.access import Access
from c1fn.stores.dynamodb.calls import Calls, all_over
from c1fn.stores.dynamodb.deletion import Deletion
from c1fn.stores.dynamodb.failures import ConditionFailed
from c1fn.stores.dynamodb.forked import Forked
from c1fn.stores.dynamodb.items import YES, Item, N, S, clean, expiry, names
from c1fn.stores.dynamodb.keys import ThreadKey
from c1fn.stores.dynamodb.rows import SLOT, ThreadRow, TurnRow, V
from c1fn.stores.dynamodb.thread_rows import this_generation
from c1fn.turn import Thread

_OURS = (
    "#draft = :token AND #generation = :generation AND attribute_exists(#sweep)"
    " AND attribute_exists(#importing)"
)


AT_ONCE = 25
"""Turns that are written at once: a process that is suspended may write so many after its lease is over."""


@dataclass(slots=True)
class Hidden:
    """A thread whose turns are being written. ``until``: the end of its lease."""

    key: ThreadKey
    row: ThreadRow
    token: str
    until: float


class HiddenThreads:
    """Threads that are being written, by a fork or by a restore, and that nobody sees yet."""

    def __init__(self, access: Access, deletion: Deletion, calls: Calls) -> None:
        self._access = access
        self._deletion = deletion
        self._calls = calls

    async def begin(self, key: ThreadKey, row: ThreadRow | None) -> Hidden:
        """The hidden row of a new generation.

        :param row: what stands there now: a thread that is gone.
        :raises Busy: somebody else was faster.
        """
        if row:
            await self._deletion.delete(key, row, unused=True)
        token, now = self._access.token(), self._access.clock()
        item = key.row | V | {"generation": N(self._access.threads.new_generation()), "draft": S(token)}
        item |= {"n": N(0), "gone": YES, "sweep": YES, "importing": N(now + LEASE)}
        item |= {"slot": N(int(now // SLOT)), "updated": N(now)}
        condition, values = "attribute_not_exists(#pk)", dict[str, Item]()
        if row:
            here, values = this_generation(row)
            condition += f" OR (attribute_exists(#gone) AND attribute_not_exists(#sweep) AND {here})"
        if not await self._put(item, condition, values):
            raise Busy("This conversation is just being made. Wait for it, then send again.")
        hidden = ThreadRow.read(item)
        return Hidden(key.of(hidden), hidden, token, now + LEASE)

    async def hold(self, hidden: Hidden) -> None:
        """Renew the lease when half of it is over. Call it before each write.

        :raises Busy: somebody deleted the thread, or began a new one of its id.
        """
        now = self._access.clock()
        if now >= hidden.until - LEASE / 2:
            await self._update(hidden, "SET #importing = :until", {":until": N(now + LEASE)})
            hidden.until = now + LEASE

    async def write(self, hidden: Hidden, rows: Sequence[Item]) -> None:
        """Write the rows of turns, each on condition that its number is free. A batch would be fewer calls,
        but has no conditions: one that comes late would undo what was done in the thread since.

        :raises Busy: somebody deleted the thread, or began a new one of its id.
        """
        for start in range(0, len(rows), AT_ONCE):
            await self.hold(hidden)
            await all_over(self._write(row) for row in rows[start : start + AT_ONCE])

    async def _write(self, row: Item) -> None:
        with suppress(ConditionFailed):  # it is there already, or is not to be: then the thread is not shown
            await self._calls("put_item", Item=row, ConditionExpression="attribute_not_exists(pk)")

    async def show(self, hidden: Hidden, shown: Item) -> ThreadRow:
        """The thread is there, with all of its turns.

        :param shown: the attributes of its row.
        :raises Busy: somebody deleted the thread, or began a new one of its id.
        """
        sets = ", ".join(f"#{name} = :{name}" for name in shown)
        values = {f":{name}": value for name, value in shown.items()}
        return await self._update(hidden, f"SET {sets} REMOVE #gone, #sweep, #importing", values)

    async def undo(self, hidden: Hidden) -> None:
        """It is not to be. What fails here is done by the owner's next list; but what was written since
        somebody else swept the thread, only we know of.
        """
        with suppress(StoreUnavailable):
            row = await self._access.threads.get(hidden.key)
            ours = row is not None and row.generation == hidden.key.generation
            if row and ours and row.importing is not None:
                await self._deletion.sweep(hidden.key, row)
            elif row is None or row.gone or not ours:
                await self._access.sweeping.wipe(hidden.key)

    async def _update(self, hidden: Hidden, update: str, values: dict[str, Item]) -> ThreadRow:
        """Change the hidden row.

        :raises Busy: it is not ours any more.
        """
        ours = {":token": S(hidden.token), ":generation": N(hidden.key.generation)}
        try:
            answer = await self._calls(
                "update_item",
                Key=hidden.key.row,
                UpdateExpression=update,
                ConditionExpression=_OURS,
                ExpressionAttributeNames=names(update, _OURS),
                ExpressionAttributeValues=values | ours,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ConditionFailed as failed:
            found = ThreadRow.read(failed.item) if failed.item else None
            if found and not found.gone and found.generation == hidden.key.generation:
                return found  # the reply of this write was lost
            raise Busy("This conversation was deleted, or begun anew, while it was made.") from None
        return ThreadRow.read(answer["Attributes"])

    async def _put(self, item: Item, condition: str, values: dict[str, Item]) -> bool:
        """Whether the row was written: by this call, or by one whose reply was lost."""
        try:
            await self._calls(
                "put_item",
                Item=item,
                ConditionExpression=condition,
                ExpressionAttributeNames=names(condition),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **({"ExpressionAttributeValues": values} if values else {}),
            )
        except ConditionFailed as failed:
            return bool(failed.item) and ThreadRow.read(failed.item or item).draft == item["draft"]["S"]
        return True


def row_of(
    thread: Thread, last: TurnRow | None, *, context: int, forked: Forked | None, expires: float | None
) -> Item:
    """The attributes with which a thread is shown.

    :param last: its newest turn. ``context``: the tokens of that turn.
    :param expires: no earlier than its turns do.
    """
    row = {
        "title": S(clean(thread.title)),
        "created": N(thread.created),
        "updated": N(thread.updated),
        "slot": N(int(thread.updated // SLOT)),
        "n": N(last.number if last else 0),
        "context": N(context),
        "draft": S(""),
    }
    row |= {"last": S(last.attempt)} if last else {}
    row |= {"forked": forked.value} if forked else {}
    return row | expiry(expires)
