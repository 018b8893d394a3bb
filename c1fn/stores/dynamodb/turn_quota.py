"""What an owner's turns used today: turns and tokens counted, and a slot for each turn that runs.

A turn that begins takes a *slot*, under its attempt, in the write that counts it; a turn that ends gives it
back, in the write that adds its tokens. A slot has a lease, which is renewed with the turn's own: a machine
that dies gives it back by that, and the next turn that begins adds the slot's ``reserve`` to the tokens.
Every write names the slot that it makes, extends or removes in its condition: one that is delivered twice
changes nothing.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
"""

from collections.abc import Callable
from contextlib import suppress

from c1fn.errors import OverQuota, StoreUnavailable
from c1fn.stores import DAY, LEASE, Quota
from c1fn.stores.dynamodb.failures import ConditionFailed
from c1fn.stores.dynamodb.items import N, S
from c1fn.stores.dynamodb.usage_row import UsageRow, Write, lend, strange
from c1fn.stores.dynamodb.usage_rows import KEPT, TRIES, UsageRows

_MINE = "attribute_exists(#running.#mine)"


class TurnQuota:
    """Counts an owner's turns and holds them to the quota."""

    def __init__(self, rows: UsageRows, clock: Callable[[], float], quota: Quota) -> None:
        self._rows = rows
        self._clock = clock
        self._quota = quota

    async def begin(self, owner: str, attempt: str, reserve: int) -> None:
        """Count a turn, once, and give it a slot.

        :param reserve: the tokens that count if the turn dies without telling.
        :raises OverQuota: its owner may not begin a turn now; nothing was counted.
        """
        for _ in range(TRIES):
            now = self._clock()
            try:
                row = await self._rows.write(owner, self._beginning(attempt, reserve, now))
            except ConditionFailed as failed:
                row = UsageRow.read(failed.item or {})
                if attempt not in (row.slots or {}):
                    await self._make_room(owner, row, now)
                    continue
            return await self._settle_after(owner, attempt, row, now)
        raise StoreUnavailable("This owner's turns begin faster than they can be counted.")

    async def renew(self, owner: str, attempt: str, until: float) -> None:
        """Extend the slot's lease, if it is still there."""
        write = _slot_write(attempt)
        write.sets.append("#running.#mine.#until = :until")
        write.values[":until"] = N(until)
        with suppress(ConditionFailed):
            await self._rows.write(owner, write)

    async def end(self, owner: str, attempt: str, tokens: int) -> None:
        """Give the slot back, and count what the turn took."""
        write = _slot_write(attempt)
        write.sets.append("#tokens = #tokens + :used")
        write.removes.append("#running.#mine")
        write.values[":used"] = N(tokens)
        with suppress(ConditionFailed):  # done before, or its lease was over and its reserve was counted
            await self._rows.write(owner, write)

    async def undo(self, owner: str, attempt: str) -> None:
        """The turn did not begin after all: it is not counted, unless another day has begun."""
        write = _slot_write(attempt)
        write.sets.append("#turns = #turns - :one")
        write.removes.append("#running.#mine")
        write.conditions.append("#running.#mine.#day = #day")
        write.values[":one"] = N(1)
        try:
            await self._rows.write(owner, write)
        except ConditionFailed:
            await self.end(owner, attempt, 0)

    # ---- how

    def _beginning(self, attempt: str, reserve: int, now: float) -> Write:
        """The write that counts a turn on a row that is as it mostly is: of today, and with room."""
        today, quota = int(now // DAY), self._quota
        slot = {"until": N(now + LEASE), "reserve": N(reserve), "day": N(today)}
        write = Write(
            sets=["#turns = #turns + :one", "#running.#mine = :slot", "#expires_at = :expires"],
            conditions=["#day >= :today", "attribute_type(#running, :map)", f"NOT {_MINE}"],
            names={"#mine": attempt},
            values={
                ":one": N(1),
                ":slot": {"M": slot},
                ":today": N(today),
                ":expires": N(int(now) + KEPT),
                ":map": S("M"),
            },
        )
        for condition, limit in (
            ("#turns < :turns", quota.turns),
            ("#tokens < :tokens", quota.tokens),
            ("size(#running) < :at_once", quota.at_once),
        ):
            if limit:
                write.conditions.append(condition)
                write.values[f":{condition.rpartition(':')[2]}"] = N(limit)
        return write

    async def _make_room(self, owner: str, row: UsageRow, now: float) -> None:
        """A turn could not be counted on this row: begin the row or its day, or settle what is over.

        :raises OverQuota: none of these is the reason.
        """
        with suppress(ConditionFailed):  # somebody else did, or changed the row: look again
            if row.is_old(now):
                await self._rows.begin_day(owner, row, now)
            elif row.over(now):
                await self._settle(owner, row, now)
            elif unread := strange(row.slots):
                await self._rows.write(owner, lend("running", unread, now + LEASE))
            elif refusal := self._refusal(row, now):
                raise refusal

    async def _settle(self, owner: str, row: UsageRow, now: float) -> UsageRow:
        """Give back the slots whose lease is over, and count their reserves.

        :raises ConditionFailed: one of them was renewed or settled meanwhile. Nothing was changed.
        """
        over = row.over(now)
        write = Write(sets=["#tokens = #tokens + :reserves"])
        write.values[":reserves"] = N(sum(slot.reserve for slot in over.values()))
        for index, (attempt, slot) in enumerate(over.items()):
            write.names[f"#s{index}"] = attempt
            write.values[f":s{index}"] = N(slot.until)
            write.conditions.append(f"#running.#s{index}.#until = :s{index}")
            write.removes.append(f"#running.#s{index}")
        return await self._rows.write(owner, write)

    async def _settle_after(self, owner: str, attempt: str, row: UsageRow, now: float) -> None:
        """The turn is counted. If others are over that did not tell, they count first.

        :raises OverQuota: with what they used there is nothing left. The turn is not counted then.
        """
        if not row.over(now):
            return
        with suppress(ConditionFailed):  # another turn settles them
            row = await self._settle(owner, row, now)
        refusal = self._quota.refusal(turns=0, tokens=row.tokens, running=0, now=now)
        if refusal:
            await self.undo(owner, attempt)
            raise refusal

    def _refusal(self, row: UsageRow, now: float) -> OverQuota | None:
        return self._quota.refusal(turns=row.turns, tokens=row.tokens, running=len(row.slots or {}), now=now)


def _slot_write(attempt: str) -> Write:
    return Write(conditions=[_MINE], names={"#mine": attempt})
