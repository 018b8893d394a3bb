"""The table's reads and conditional writes, each one law of `rows`: what a store does, not when.

Every write that another machine might contest carries its condition. A write whose condition failed because
it had been made already (its reply was lost, and it was sent again) counts as made: the row that comes back
with the failure tells. Nothing is ever added to a number.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ConditionExpressions.html
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from c1fn.errors import DamagedRow, StoreUnavailable
from c1fn.stores.dynamodb.calls import Calls, ConditionFailed
from c1fn.stores.dynamodb.pack import unpack_text
from c1fn.stores.dynamodb.rows import (
    GONE,
    SLOT,
    B,
    Item,
    N,
    Packed,
    Run,
    S,
    ThreadRow,
    TurnRow,
    names,
    part_sk,
    thread_key,
    turn_sk,
    turns_pk,
)
from c1fn.stores.dynamodb.table import BY_RECENCY, BY_RESPONSE
from c1fn.turn import Turn

DAY = 86_400

SHORT_LIFE = 3_600
"""Seconds for which checkpoints and the parts of a running prompt are kept: longer than any turn."""

TOMBSTONES = DAY
"""Seconds for which a deleted thread's rows refuse late writers: no machine runs one turn for a day."""

BATCH = 25
"""DynamoDB's own limit of one BatchWriteItem."""

PASSES = 20
"""Sweeps over a deleted thread, and tries of one batch. Each takes what is left."""

_T = TypeVar("_T")


async def together(*calls: Awaitable[_T]) -> list[_T]:
    """All results, once all calls have ended; the first error, if there was one."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results  # type: ignore[return-value]  # the errors were raised above


@dataclass(frozen=True, slots=True)
class Spot:
    """One life of one thread."""

    owner: str
    thread_id: str
    generation: int = 0

    @property
    def key(self) -> Item:
        return thread_key(self.owner, self.thread_id)

    @property
    def pk(self) -> str:
        return turns_pk(self.owner, self.thread_id, self.generation)


class Shelf:
    """:param retention_days: for how long a thread is kept after its last turn; 0 is for ever."""

    def __init__(self, calls: Calls, clock: Callable[[], float], retention_days: int = 0) -> None:
        self._calls = calls
        self._clock = clock
        self._retention = retention_days * DAY

    # ---- threads

    async def thread(self, spot: Spot) -> ThreadRow | None:
        """The thread's row, read consistently; also one that is gone."""
        answer = await self._calls("get_item", Key=spot.key, ConsistentRead=True)
        return ThreadRow.read(answer["Item"]) if "Item" in answer else None

    async def glance(self, spot: Spot) -> ThreadRow | None:
        """The thread's row as it was at most a moment ago, for half the price."""
        answer = await self._calls("get_item", Key=spot.key)
        return ThreadRow.read(answer["Item"]) if "Item" in answer else None

    async def recent(self, owner: str, after: tuple[float, str] | None, limit: int) -> list[Item]:
        """The rows of an owner's threads, those of the most recent quarter of an hour first."""
        pk = thread_key(owner, "-")["pk"]
        place: dict[str, Any] = {}
        if after:
            start = {"pk": pk, "sk": S(after[1]), "slot": N(int(after[0]))}
            place = {"ExclusiveStartKey": start}
        query = {
            "IndexName": BY_RECENCY,
            "ConsistentRead": True,
            "ScanIndexForward": False,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": pk},
        }
        rows: list[Item] = []
        now = self._clock()
        async for page in self._pages(query | place, limit):
            found = await together(
                *(
                    self._calls("get_item", Key={"pk": pk, "sk": item["sk"]}, ConsistentRead=True)
                    for item in page
                )
            )
            items = [answer["Item"] for answer in found if "Item" in answer]
            rows += [item for item in items if "slot" in item and ThreadRow.read(item).is_there(now)]
            if len(rows) >= limit:
                break
        return rows[:limit]

    async def put_thread(self, spot: Spot, title: str) -> ThreadRow:
        """A new, empty thread, or the row that stands there."""
        row = spot.key | self._touch(create=title)
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
        change = {"title": S(_clean(title))}
        here = "attribute_exists(#pk) AND attribute_not_exists(#gone)"
        try:
            return await self._change(spot, change, here, {}, wanted="ALL_NEW")
        except ConditionFailed:
            return None

    async def lock(self, spot: Spot, run: Run, title: str) -> tuple[bool, ThreadRow]:
        """Run ``run`` if nothing runs; the thread is created if it is missing.

        :return: whether it runs, and the row as it was before (or as it is, if not).
        """
        free = (
            "attribute_not_exists(#run) AND attribute_not_exists(#gone)"
            " AND (attribute_not_exists(#expires_at) OR #expires_at > :now)"
            " AND (attribute_not_exists(#last) OR #last <> :attempt)"
        )
        change = {"run": run.value} | self._touch(create=title)
        values = {":now": N(self._clock()), ":attempt": S(run.attempt)}
        try:
            row = await self._change(spot, change, free, values, keep=("created", "title", "n"))
        except ConditionFailed as failed:
            row = ThreadRow.read(failed.item or spot.key)
            return _runs(row, run), row
        return True, row or ThreadRow(spot.thread_id)

    async def seize(self, spot: Spot, run: Run, dead: Run, n: int, last: str | None) -> bool:
        """Run ``run`` in the place of a dead run, whose turn has become the number ``n`` for good."""
        change = {"run": run.value, "n": N(n)} | self._touch()
        if last is not None:
            change["last"] = S(last)
        return await self._held(spot, change, dead, run)

    async def run_again(self, spot: Spot, run: Run, replaces: str) -> bool:
        """Let ``run`` overwrite the newest turn, that ``replaces`` wrote. False: it runs no longer."""
        try:
            await self._change(
                spot, {"run.replaces": S(replaces)}, "#run.#attempt = :attempt", {":attempt": S(run.attempt)}
            )
        except ConditionFailed:
            return False
        return True

    async def renew(self, spot: Spot, attempt: str, until: float) -> Run | None:
        """The run with its new lease; None: somebody else runs, or nobody."""
        here = "#run.#attempt = :attempt"
        try:
            row = await self._change(
                spot, {"run.until": N(until)}, here, {":attempt": S(attempt)}, wanted="ALL_NEW"
            )
        except ConditionFailed:
            return None
        return row.run if row else None

    async def ask_to_stop(self, spot: Spot, attempt: str) -> bool:
        here = "#run.#attempt = :attempt"
        try:
            await self._change(spot, {"run.stop": {"BOOL": True}}, here, {":attempt": S(attempt)})
        except ConditionFailed:
            return False
        return True

    def release(self, spot: Spot, attempt: str, number: int | None) -> Coroutine[None, None, None]:
        """The run is over now; ``number`` is the turn that it wrote, if it wrote one."""
        change = {"updated": N(self._clock()), "n": N(number), "last": S(attempt)} if number else {}
        return self._release(spot, attempt, change)

    async def _release(self, spot: Spot, attempt: str, change: dict[str, Item]) -> None:
        here = "#run.#attempt = :attempt"
        with suppress(ConditionFailed):  # released before, taken over, or deleted
            await self._change(spot, change, here, {":attempt": S(attempt)}, drop=("run",))

    async def revive(self, spot: Spot, row: ThreadRow, title: str) -> None:
        """Begin the next life of a thread that is gone or has expired. If somebody else did: good."""
        change = self._touch(create=title) | {"generation": N(row.generation + 1)}
        values = {":now": N(self._clock())}
        dead = f"(attribute_exists(#gone) OR #expires_at <= :now) AND {_this_life(row, values)}"
        drop = ("gone", "sweep", "last", "run", *(() if self._retention else ("expires_at",)))
        with suppress(ConditionFailed):
            await self._change(spot, change, dead, values, drop=drop)

    async def bury(self, spot: Spot, row: ThreadRow) -> bool:
        """Mark a thread as gone. False: somebody else did."""
        until = N(int(self._clock()) + TOMBSTONES)
        change = {"gone": {"BOOL": True}, "sweep": {"BOOL": True}, "expires_at": until}
        values: dict[str, Item] = {}
        here = f"attribute_not_exists(#gone) AND {_this_life(row, values)}"
        try:
            await self._change(spot, change, here, values, drop=("run", "slot", "title"))
        except ConditionFailed:
            return False
        return True

    async def sweep(self, spot: Spot, row: ThreadRow) -> None:
        """Delete what a thread that is gone has left, and close its numbers to late writers."""
        await self._write([_put(self._tombstone(spot.pk, turn_sk(row.n + 1)))])
        for _ in range(PASSES):
            left = [item async for item in self._keys(spot.pk)]
            if not left:
                break
            for start in range(0, len(left), BATCH):
                await self._write([self._ended(item) for item in left[start : start + BATCH]])
        values: dict[str, Item] = {}
        here = f"attribute_exists(#gone) AND {_this_life(row, values)}"
        with suppress(ConditionFailed):
            await self._change(spot, {}, here, values, drop=("sweep",))

    # ---- turns

    async def newest(self, spot: Spot, count: int, *, consistent: bool) -> list[TurnRow]:
        """The rows of the newest turns, newest first."""
        return [row async for row in self._turns(spot, count, consistent=consistent, newest_first=True)]

    async def all(self, spot: Spot) -> list[TurnRow]:
        """The rows of all turns, oldest first."""
        return [row async for row in self._turns(spot, None, consistent=True, newest_first=False)]

    async def find(self, spot: Spot, response_id: str) -> int | None:
        """The number of the turn with this responseId."""
        answer = await self._calls(
            "query",
            IndexName=BY_RESPONSE,
            ConsistentRead=True,
            KeyConditionExpression="#pk = :pk AND #response = :response",
            ExpressionAttributeNames=names("#pk #response"),
            ExpressionAttributeValues={":pk": S(spot.pk), ":response": S(response_id)},
        )
        return int(answer["Items"][0]["sk"]["S"][2:]) if answer["Items"] else None

    async def turn(self, spot: Spot, number: int) -> TurnRow | None:
        key = {"pk": S(spot.pk), "sk": S(turn_sk(number))}
        answer = await self._calls("get_item", Key=key, ConsistentRead=True)
        item = answer.get("Item")
        return TurnRow.read(item) if item and self._is_there(item) else None

    async def find_turn(self, spot: Spot, response_id: str) -> TurnRow | None:
        number = await self.find(spot, response_id)
        return None if number is None else await self.turn(spot, number)

    async def put_turn(self, spot: Spot, row: TurnRow, replaces: str | None) -> TurnRow:
        """Write a turn: a new one, or in the place of the one that ``replaces`` wrote.

        :return: the row that stands there now. If it is not this one, nothing was written.
        """
        await self.stow(spot, row.body, self._expiry)
        condition, values = "attribute_not_exists(#sk) OR #expires_at < :now", {":now": N(self._clock())}
        if replaces is not None:
            condition, values = "#attempt = :replaces", {":replaces": S(replaces)}
        try:
            await self._calls(
                "put_item",
                Item=row.item(spot.pk, self._expiry),
                ConditionExpression=condition,
                ExpressionAttributeNames=names(condition),
                ExpressionAttributeValues=values,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ConditionFailed as failed:
            stands = TurnRow.read(failed.item or self._tombstone(spot.pk, turn_sk(row.number)))
            if not stands.same_writing(row):
                await self._discard(spot, row.body)
            return stands
        return row

    async def revise(self, spot: Spot, row: TurnRow, revised: Packed) -> bool:
        """Give a turn its revision. False: the turn was written anew meanwhile."""
        await self.stow(spot, revised, self._expiry)
        key = {"pk": S(spot.pk), "sk": S(turn_sk(row.number))}
        try:
            await self._calls(
                "update_item",
                Key=key,
                UpdateExpression="SET #revised = :revised",
                ConditionExpression="#attempt = :attempt",
                ExpressionAttributeNames=names("#revised #attempt"),
                ExpressionAttributeValues={":revised": revised.value, ":attempt": S(row.attempt)},
            )
        except ConditionFailed:
            return False
        if row.revised and row.revised.token != revised.token:
            await self._discard(spot, row.revised)
        return True

    async def noun(self, spot: Spot, row: TurnRow) -> Turn:
        """The turn with its texts; one that cannot be read is told of as a failed turn."""
        try:
            body = await self.fetch(spot, row.body)
            revised = unpack_text(await self.fetch(spot, row.revised)) if row.revised else None
            return row.noun(body, revised)
        except DamagedRow:
            return row.damaged()

    async def nouns(self, spot: Spot, rows: Iterable[TurnRow]) -> tuple[Turn, ...]:
        return tuple(await together(*(self.noun(spot, row) for row in rows)))

    # ---- texts

    async def stow(self, spot: Spot, packed: Packed, expires: float | None) -> None:
        """Write the parts of a large text; nothing to do for a small one."""
        life = {} if expires is None else {"expires_at": N(int(expires))}
        await together(
            *(
                self._calls(
                    "put_item",
                    Item={
                        "pk": S(spot.pk),
                        "sk": S(part_sk(packed.token, index)),
                        "data": B(piece),
                        **life,
                    },
                )
                for index, piece in enumerate(packed.slices)
            )
        )

    async def fetch(self, spot: Spot, packed: Packed) -> bytes:
        """:raises DamagedRow: a part is missing."""
        keys = [{"pk": S(spot.pk), "sk": S(part_sk(packed.token, i))} for i in range(packed.count)]
        found = await together(*(self._calls("get_item", Key=key, ConsistentRead=True) for key in keys))
        try:
            return packed.data + b"".join(bytes(answer["Item"]["data"]["B"]) for answer in found)
        except KeyError:
            raise DamagedRow("A part of a stored turn is missing.") from None

    async def put_checkpoint(self, spot: Spot, sk: str, at: int, text: bytes) -> None:
        """A piece of a running answer, that begins ``at`` its character of this number."""
        expires = N(int(self._clock()) + SHORT_LIFE)
        row = {"pk": S(spot.pk), "sk": S(sk), "at": N(at), "text": B(text), "expires_at": expires}
        await self._calls("put_item", Item=row)

    async def checkpoints(self, spot: Spot, first: str, last: str) -> list[tuple[int, str]]:
        """The pieces between two keys, each with the place where it begins."""
        query = {
            "ConsistentRead": True,
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :last",
            "ExpressionAttributeValues": {":pk": S(spot.pk), ":first": S(first), ":last": S(last)},
        }
        return [
            (int(item["at"]["N"]), unpack_text(bytes(item["text"]["B"])))
            async for page in self._pages(query, None)
            for item in page
        ]

    # ---- how

    @property
    def _expiry(self) -> float | None:
        return self._clock() + self._retention if self._retention else None

    @property
    def short_life(self) -> float:
        return self._clock() + SHORT_LIFE

    def _touch(self, create: str | None = None) -> dict[str, Item]:
        """What a use of the thread changes, and with a title what its creation sets."""
        now = self._clock()
        touch = {"updated": N(now), "slot": N(int(now // SLOT))}
        if self._expiry is not None:
            touch["expires_at"] = N(int(self._expiry))
        if create is not None:
            touch |= {"created": N(now), "title": S(_clean(create)), "n": N(0)}
        return touch

    async def _held(self, spot: Spot, change: dict[str, Item], holder: Run, run: Run) -> bool:
        values = {":attempt": S(holder.attempt)}
        try:
            await self._change(spot, change, "#run.#attempt = :attempt", values)
        except ConditionFailed as failed:
            return failed.item is not None and _runs(ThreadRow.read(failed.item), run)
        return True

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
        """Update a thread's row. ``keep``: what is only set where it is missing. ``drop``: what goes."""
        sets, given = [], dict(values)
        for index, (name, value) in enumerate(change.items()):
            path = ".".join(f"#{part}" for part in name.split("."))
            sets.append(f"{path} = if_not_exists({path}, :{index})" if name in keep else f"{path} = :{index}")
            given[f":{index}"] = value
        update = f"SET {', '.join(sets)} " if sets else ""
        update += f"REMOVE {', '.join(f'#{name}' for name in drop)}" if drop else ""
        optional = {"ExpressionAttributeValues": given} if given else {}
        answer = await self._calls(
            "update_item",
            Key=spot.key,
            UpdateExpression=update,
            ConditionExpression=condition,
            ExpressionAttributeNames=names(update, condition),
            ReturnValues=wanted,
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
            **optional,
        )
        return ThreadRow.read(answer["Attributes"]) if answer.get("Attributes") else None

    async def _turns(
        self, spot: Spot, count: int | None, *, consistent: bool, newest_first: bool
    ) -> AsyncGenerator[TurnRow, None]:
        query = {
            "ConsistentRead": consistent,
            "ScanIndexForward": not newest_first,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :turn)",
            "ExpressionAttributeValues": {":pk": S(spot.pk), ":turn": S("T#")},
        }
        seen = 0
        async for page in self._pages(query, count):
            for item in page:
                if self._is_there(item):
                    yield TurnRow.read(item)
            seen += len(page)
            if count is not None and seen >= count:
                return

    def _is_there(self, item: Item) -> bool:
        """Whether a turn's row counts: not deleted, and not past the time that DynamoDB may delete late."""
        expires = float(item["expires_at"]["N"]) if "expires_at" in item else None
        return item.get("state") != S(GONE) and (expires is None or expires > self._clock())

    async def _pages(self, query: dict[str, Any], limit: int | None) -> AsyncGenerator[list[Item], None]:
        more: dict[str, Any] = {} if limit is None else {"Limit": max(1, limit)}
        while True:
            answer = await self._calls("query", **query | more)
            yield answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            more["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    async def _keys(self, pk: str) -> AsyncGenerator[Item, None]:
        """The keys of all rows of a thread that are not tombstones."""
        query = {
            "ConsistentRead": True,
            "KeyConditionExpression": "pk = :pk",
            "FilterExpression": "#state <> :gone",
            "ProjectionExpression": "pk, sk",
            "ExpressionAttributeNames": names("#state"),
            "ExpressionAttributeValues": {":pk": S(pk), ":gone": S(GONE)},
        }
        async for page in self._pages(query, None):
            for item in page:
                yield item

    def _tombstone(self, pk: str, sk: str) -> Item:
        expires = N(int(self._clock()) + TOMBSTONES)
        return {"pk": S(pk), "sk": S(sk), "state": S(GONE), "attempt": S(GONE), "expires_at": expires}

    def _ended(self, item: Item) -> Item:
        """The write that ends a row: a turn's number stays closed for a day, the rest just goes."""
        pk, sk = item["pk"]["S"], item["sk"]["S"]
        if sk.startswith("T#"):
            return _put(self._tombstone(pk, sk))
        return {"DeleteRequest": {"Key": {"pk": S(pk), "sk": S(sk)}}}

    async def _discard(self, spot: Spot, packed: Packed) -> None:
        keys = [{"pk": S(spot.pk), "sk": S(part_sk(packed.token, i))} for i in range(packed.count)]
        for start in range(0, len(keys), BATCH):
            await self._write([{"DeleteRequest": {"Key": key}} for key in keys[start : start + BATCH]])

    async def _write(self, requests: list[Item]) -> None:
        left = {self._calls.table: requests}
        for _ in range(PASSES):
            answer = await self._calls("batch_write_item", RequestItems=left)
            left = answer.get("UnprocessedItems") or {}
            if not left:
                return
            await self._calls.pause()
        raise StoreUnavailable("DynamoDB did not take all of a batch.")


def _runs(row: ThreadRow, run: Run) -> bool:
    """Whether ``run`` is what runs there: then our own write had been made, and only its reply was lost."""
    return row.run is not None and row.run.attempt == run.attempt


def _this_life(row: ThreadRow, values: dict[str, Item]) -> str:
    """The condition that the thread is in the life in which it was seen."""
    if not row.generation:
        return "attribute_not_exists(#generation)"
    values[":life"] = N(row.generation)
    return "#generation = :life"


def _put(item: Item) -> Item:
    return {"PutRequest": {"Item": item}}


def _clean(title: str) -> str:
    """A title that DynamoDB takes: lone surrogates cannot be encoded."""
    return title.encode("utf-8", "replace").decode()
