"""Counts what an owner writes outside of turns, in the owner's usage row, before it is written.

New threads, titles and saved answers count once for each kilobyte, which is how DynamoDB counts writes; this
count itself is one write. It has no slot that a second delivery would find: a count whose reply was lost is
counted twice, never less than once.
"""

from collections.abc import Callable
from contextlib import suppress

from c1fn.errors import StoreUnavailable
from c1fn.stores import DAY, Quota
from c1fn.stores.dynamodb.failures import ConditionFailed
from c1fn.stores.dynamodb.items import N
from c1fn.stores.dynamodb.usage_row import UsageRow, Write
from c1fn.stores.dynamodb.usage_rows import KEPT, TRIES, UsageRows


class WriteQuota:
    """Holds what an owner writes on one day to the quota."""

    def __init__(self, rows: UsageRows, clock: Callable[[], float], quota: Quota) -> None:
        self._rows = rows
        self._clock = clock
        self._quota = quota

    async def count(self, owner: str, more: int) -> None:
        """Count so many kilobytes.

        :raises WritesUsedUp: this is more than is left of the day. Nothing was counted.
        """
        if not self._quota.writes:
            return
        for _ in range(TRIES):
            now = self._clock()
            if refusal := self._quota.refusal_of_writes(0, more, now):
                raise refusal
            try:
                await self._rows.write(owner, self._counted(more, now))
            except ConditionFailed as failed:
                await self._make_room(owner, UsageRow.read(failed.item or {}), more, now)
            else:
                return
        raise StoreUnavailable("This owner's writes come faster than they can be counted.")

    def _counted(self, more: int, now: float) -> Write:
        """The write that counts on a row that is as it mostly is: of today, and with room."""
        return Write(
            sets=["#writes = if_not_exists(#writes, :zero) + :more", "#expires_at = :expires"],
            conditions=["#day >= :today", "(attribute_not_exists(#writes) OR #writes <= :room)"],
            values={
                ":zero": N(0),
                ":more": N(more),
                ":room": N(self._quota.writes - more),
                ":today": N(int(now // DAY)),
                ":expires": N(int(now) + KEPT),
            },
        )

    async def _make_room(self, owner: str, row: UsageRow, more: int, now: float) -> None:
        """It could not be counted on this row: begin the row or its day.

        :raises WritesUsedUp: that is not the reason.
        """
        if row.is_old(now):
            with suppress(ConditionFailed):  # somebody else did
                await self._rows.begin_day(owner, row, now)
        elif refusal := self._quota.refusal_of_writes(row.writes, more, now):
            raise refusal
