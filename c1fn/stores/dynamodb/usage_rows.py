"""Usage rows, one for each owner: written, and begun on each new day.

`turn_quota`, `follower_limit` and `write_quota` count in it, each in a part of its own.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
"""

from c1fn.stores import DAY
from c1fn.stores.dynamodb.calls import Calls
from c1fn.stores.dynamodb.items import N, S, expiry
from c1fn.stores.dynamodb.rows import V
from c1fn.stores.dynamodb.usage_row import UsageRow, Write

KEPT = 2 * DAY
"""Seconds for which the row is kept after its last count: its day's counts must outlive that day."""

TRIES = 16
"""Writes of one count that others may get ahead of."""


class UsageRows:
    """Usage rows, one for each owner."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def write(self, owner: str, write: Write) -> UsageRow:
        """The row with its change.

        :raises ConditionFailed: it was not as demanded.
        """
        answer = await self._calls("update_item", **write.arguments(owner))
        return UsageRow.read(answer["Attributes"])

    async def begin_day(self, owner: str, row: UsageRow, now: float) -> None:
        """The first count of an owner, or of a day. Slots stay, for turns run on at midnight.

        :raises ConditionFailed: somebody else did.
        """
        write = Write(values={":none": {"M": {}}})
        if row.slots is None:  # there are none, or they are of another form
            write.sets.append("#running = :none")
            write.conditions.append("NOT attribute_type(#running, :map)")
            write.values[":map"] = S("M")
        write.sets.append("#places = if_not_exists(#places, :none)")  # c1fn 0.1.0 may still read the row
        if row.day is None or row.day < now // DAY:
            write.sets.append("#day = :today")
            write.sets += [f"#{count} = :zero" for count in ("turns", "tokens", "writes")]
            write.sets += ["#v = :v", "#expires_at = :until"]
            write.values |= {":today": N(int(now // DAY)), ":zero": N(0), ":v": V["v"]}
            write.values |= {":until": expiry(now + KEPT)["expires_at"]}
        if row.raw_day is None:
            write.conditions.append("attribute_not_exists(#day)")
        else:
            write.conditions.append("#day = :seen")
            write.values[":seen"] = row.raw_day
        await self.write(owner, write)
