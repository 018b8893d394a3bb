"""One conditional write of a thread's row.

Every write has a condition on the row's earlier state. If the condition fails because the write was already
made (its reply was lost, and it was sent again), the write counts as made: the row in the failure's reply
shows it. So a write that is delivered twice, or long after its timeout, does no harm.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ConditionExpressions.html
"""

from collections.abc import Callable, Sequence
from contextlib import suppress

from c1fn.stores.dynamodb.calls import Calls
from c1fn.stores.dynamodb.failures import ConditionFailed
from c1fn.stores.dynamodb.items import Item, N, S, clean, names
from c1fn.stores.dynamodb.keys import ThreadKey
from c1fn.stores.dynamodb.rows import SLOT, ThreadRow, V

TRIES = 4
"""Writes of one change, each on what the one before it found."""


NOBODY = ""


class ThreadUpdates:
    """:param generation: a fresh random number of 48 bits at each call."""

    def __init__(self, calls: Calls, clock: Callable[[], float], generation: Callable[[], int]) -> None:
        self._calls = calls
        self._clock = clock
        self._generation = generation

    async def get(self, key: ThreadKey, *, consistent: bool = True) -> ThreadRow | None:
        """The thread's row, also one that is gone; not consistent: as it was a moment ago, at half price."""
        answer = await self._calls("get_item", Key=key.row, ConsistentRead=consistent)
        return ThreadRow.read(answer["Item"]) if "Item" in answer else None

    def new_generation(self) -> int:
        """A random number of 48 bits: the rows of a deleted thread of this id have another one."""
        return self._generation()

    def used(self) -> dict[str, Item]:
        """What a use of the thread changes."""
        now = self._clock()
        return {"updated": N(now), "slot": N(int(now // SLOT))}

    def begun(self, title: str) -> dict[str, Item]:
        """What a new thread has."""
        new = {"created": N(self._clock()), "title": S(clean(title)), "n": N(0)}
        return V | self.used() | new | {"generation": N(self._generation())}

    async def mark(
        self, key: ThreadKey, change: dict[str, Item], condition: str, values: dict[str, Item]
    ) -> ThreadRow | None:
        """The row with its change; None: the condition does not hold."""
        with suppress(ConditionFailed):
            return await self.change(key, change, condition, values)
        return None

    async def change(
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
