"""A thread's row: the lock of its turns, and what a list shows. Reads and conditional writes, one law each.

A write whose condition failed because it had been made already (its reply was lost, and it was sent again)
counts as made: the row that comes back with the failure tells. Nothing is ever added to a number, and a
write that is delivered twice, or long after its reply was given up, must do no harm.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ConditionExpressions.html
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any

from c1fn.stores.dynamodb.calls import Calls, ConditionFailed
from c1fn.stores.dynamodb.rows import (
    SLOT,
    TOMBSTONES,
    Item,
    N,
    Run,
    S,
    Spot,
    ThreadRow,
    names,
    thread_key,
)
from c1fn.stores.dynamodb.table import BY_RECENCY

_OURS = "#run.#attempt = :attempt"
_ONWARD = "#n <= :new_n"  # a release or a seizure that comes late, after its own late lock, sets nothing back
_FREE = (
    "attribute_not_exists(#run) AND attribute_not_exists(#gone)"
    " AND (attribute_not_exists(#expires_at) OR #expires_at > :now)"
    " AND (attribute_not_exists(#last) OR #last <> :attempt)"
)
_YES = {"BOOL": True}


class Threads:
    """:param lifetime: seconds for which a thread is kept after its last use; 0 is for ever."""

    def __init__(self, calls: Calls, clock: Callable[[], float], lifetime: float) -> None:
        self._calls = calls
        self._clock = clock
        self._lifetime = lifetime

    async def get(self, spot: Spot, *, consistent: bool = True) -> ThreadRow | None:
        """The thread's row, also one that is gone; not consistent: as it was a moment ago, at half price."""
        answer = await self._calls("get_item", Key=spot.key, ConsistentRead=consistent)
        return ThreadRow.read(answer["Item"]) if "Item" in answer else None

    async def page(self, owner: str, after: tuple[float, str] | None, limit: int) -> list[ThreadRow]:
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
        rows: list[ThreadRow] = []
        async for keys in self._calls.pages(query, limit):
            rows += await self._listed(Spot(owner, key["sk"]["S"]) for key in keys)
            if len(rows) >= limit:
                break
        return rows[:limit]

    async def _listed(self, spots: Any) -> list[ThreadRow]:
        rows = await asyncio.gather(*(self.get(spot) for spot in spots))
        return [row for row in rows if row and row.slot is not None and row.is_there(self._clock())]

    async def create(self, spot: Spot, title: str) -> ThreadRow:
        """A new, empty thread, or the row that stands there."""
        row = spot.key | self._used(title)
        try:
            await self._calls(
                "put_item",
                Item=row,
                ConditionExpression="attribute_not_exists(pk)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ConditionFailed as failed:
            return ThreadRow.read(failed.item or row)
        return ThreadRow.read(row)

    async def rename(self, spot: Spot, title: str) -> ThreadRow | None:
        """The renamed row; None where there is no thread."""
        here = "attribute_exists(#pk) AND attribute_not_exists(#gone)"
        with suppress(ConditionFailed):
            return await self._change(spot, {"title": S(_clean(title))}, here, {}, wanted="ALL_NEW")
        return None

    # ---- the lock

    async def lock(self, spot: Spot, run: Run, title: str) -> tuple[bool, ThreadRow]:
        """Run ``run`` if nothing runs; the thread is created if it is missing.

        :return: whether it runs, and the row as it was before (or as it is, if not).
        """
        change = {"run": run.value} | self._used(title)
        values = {":now": N(self._clock()), ":attempt": S(run.attempt)}
        try:
            row = await self._change(spot, change, _FREE, values, keep=("created", "title", "n"))
        except ConditionFailed as failed:
            row = ThreadRow.read(failed.item or spot.key)
            return _runs(row, run), row
        return True, row or ThreadRow(spot.thread_id)

    async def seize(self, spot: Spot, run: Run, dead: Run, after: ThreadRow) -> bool:
        """Run ``run`` in the place of a run that is over.

        :param after: the thread as that leaves it: its newest turn is its own for good, and counted up.
        """
        change = {"run": run.value, "n": N(after.n), "spent": N(after.spent)} | self._used()
        if after.last is not None:
            change["last"] = S(after.last)
        try:
            await self._change(spot, change, f"{_OURS} AND {_ONWARD}", {":attempt": S(dead.attempt)})
        except ConditionFailed as failed:
            return failed.item is not None and _runs(ThreadRow.read(failed.item), run)
        return True

    async def run_again(self, spot: Spot, run: Run, replaces: str) -> bool:
        """Let ``run`` overwrite the newest turn, that ``replaces`` wrote. False: it runs no longer."""
        return await self._mark(spot, run.attempt, {"run.replaces": S(replaces)}) is not None

    async def renew(self, spot: Spot, attempt: str, until: float) -> Run | None:
        """The run with its new lease; None: somebody else runs, or nobody."""
        row = await self._mark(spot, attempt, {"run.until": N(until)})
        return row.run if row else None

    async def ask_to_stop(self, spot: Spot, attempt: str) -> bool:
        """Whether it still ran, and was asked."""
        return await self._mark(spot, attempt, {"run.stop": _YES}) is not None

    def release(self, spot: Spot, attempt: str, number: int, spent: int) -> Coroutine[None, None, None]:
        """The run is over now: it wrote the turn ``number``, and its thread has ``spent`` so many tokens."""
        change = {"updated": N(self._clock()), "n": N(number), "last": S(attempt), "spent": N(spent)}
        return self._release(spot, attempt, change)

    async def give_back(self, spot: Spot, attempt: str, *, created: bool) -> None:
        """The run is not to be. A thread that it ``created`` is gone with it, for nothing was said there."""
        if not created:
            await self._release(spot, attempt, {})
            return
        change = {"gone": _YES, "expires_at": N(int(self._clock()) + TOMBSTONES)}
        with suppress(ConditionFailed):
            await self._change(spot, change, _OURS, {":attempt": S(attempt)}, drop=("run", "slot", "title"))

    async def _release(self, spot: Spot, attempt: str, change: dict[str, Item]) -> None:
        here = f"{_OURS} AND {_ONWARD}" if change else _OURS
        with suppress(ConditionFailed):  # released before, taken over, or deleted
            await self._change(spot, change, here, {":attempt": S(attempt)}, drop=("run",))

    async def _mark(self, spot: Spot, attempt: str, change: dict[str, Item]) -> ThreadRow | None:
        with suppress(ConditionFailed):
            return await self._change(spot, change, _OURS, {":attempt": S(attempt)}, wanted="ALL_NEW")
        return None

    # ---- the end, and after

    async def bury(self, spot: Spot, row: ThreadRow) -> None:
        """Mark a thread as gone, and its rows as still to be swept. If somebody else did: good."""
        until = N(int(self._clock()) + TOMBSTONES)
        change = {"gone": _YES, "sweep": _YES, "expires_at": until}
        here, values = _this_life(row)
        here = f"attribute_not_exists(#gone) AND {here}"
        with suppress(ConditionFailed):
            await self._change(spot, change, here, values, drop=("run", "slot", "title"))

    async def swept(self, spot: Spot, row: ThreadRow) -> None:
        """Nothing of the thread that is gone is left."""
        here, values = _this_life(row)
        with suppress(ConditionFailed):
            await self._change(spot, {}, f"attribute_exists(#gone) AND {here}", values, drop=("sweep",))

    async def revive(self, spot: Spot, row: ThreadRow, title: str) -> None:
        """Begin the next life of a thread that is gone or has expired. If somebody else did: good."""
        here, values = _this_life(row)
        values[":now"] = N(self._clock())
        dead = f"(attribute_exists(#gone) OR #expires_at <= :now) AND {here}"
        change = self._used(title) | {"generation": N(row.generation + 1)}
        drop = [name for name in ("gone", "sweep", "run", "expires_at") if name not in change]
        with suppress(ConditionFailed):
            await self._change(spot, change, dead, values, drop=drop)

    # ---- how

    def _used(self, title: str | None = None) -> dict[str, Item]:
        """What a use of the thread changes, and with a title what its creation sets."""
        now = self._clock()
        used = {"updated": N(now), "slot": N(int(now // SLOT))}
        if self._lifetime:
            used["expires_at"] = N(int(now + self._lifetime))
        if title is not None:
            used |= {"created": N(now), "title": S(_clean(title)), "n": N(0)}
        return used

    async def _change(
        self,
        spot: Spot,
        change: dict[str, Item],
        condition: str,
        values: dict[str, Item],
        *,
        keep: Sequence[str] = (),
        drop: Sequence[str] = (),
        wanted: str = "ALL_OLD",
    ) -> ThreadRow | None:
        """Update the row. ``keep``: what is only set where it is missing. ``drop``: what goes."""
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
            Key=spot.key,
            UpdateExpression=update,
            ConditionExpression=condition,
            ExpressionAttributeNames=names(update, condition),
            ReturnValues=wanted,
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
            **({"ExpressionAttributeValues": given} if given else {}),
        )
        return ThreadRow.read(answer["Attributes"]) if answer.get("Attributes") else None


def _runs(row: ThreadRow, run: Run) -> bool:
    """Whether ``run`` is what runs there: then our own write had been made, and only its reply was lost."""
    return row.run is not None and row.run.attempt == run.attempt


def _this_life(row: ThreadRow) -> tuple[str, dict[str, Item]]:
    """The condition that the thread is in the life in which it was seen, and its values."""
    if not row.generation:
        return "attribute_not_exists(#generation)", {}
    return "#generation = :life", {":life": N(row.generation)}


def _clean(title: str) -> str:
    """A title that DynamoDB takes: lone surrogates cannot be encoded."""
    return title.encode("utf-8", "replace").decode()
