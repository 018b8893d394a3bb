"""The rows of turns and of their texts: read, written once on a condition, and swept away.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.html
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import suppress

from c1fn.errors import DamagedRow, StoreUnavailable
from c1fn.stores.dynamodb.calls import Calls, ConditionFailed
from c1fn.stores.dynamodb.pack import Packed, unpack_text
from c1fn.stores.dynamodb.rows import (
    GONE,
    TOMBSTONES,
    B,
    Item,
    N,
    S,
    Spot,
    TurnRow,
    names,
    part_sk,
    turn_sk,
)
from c1fn.stores.dynamodb.table import BY_RESPONSE
from c1fn.turn import Turn

CHECKPOINTS = 3_600
"""Seconds for which a piece of a running answer is kept: longer than any turn."""

BATCH = 25
"""DynamoDB's own limit of one BatchWriteItem."""

PASSES = 20
"""Sweeps over a deleted thread, and tries of one batch. Each takes what is left."""

_NEW = "attribute_not_exists(#sk) OR #expires_at < :now"
_STILL = "#attempt = :attempt"


class Turns:
    """:param lifetime: seconds for which a turn is kept; 0 is for ever."""

    def __init__(self, calls: Calls, clock: Callable[[], float], lifetime: float) -> None:
        self._calls = calls
        self._clock = clock
        self._lifetime = lifetime

    async def newest(self, spot: Spot, count: int, *, consistent: bool) -> list[TurnRow]:
        """The newest turns, newest first."""
        rows: list[TurnRow] = []
        async for page in self._pages(spot, count, consistent=consistent, newest_first=True):
            rows += page
            if len(rows) >= count:
                break
        return rows[:count]

    async def all(self, spot: Spot) -> list[TurnRow]:
        """All turns, oldest first."""
        pages = self._pages(spot, None, consistent=True, newest_first=False)
        return [row async for page in pages for row in page]

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

    async def get(self, spot: Spot, number: int) -> TurnRow | None:
        answer = await self._calls("get_item", Key=_key(spot, turn_sk(number)), ConsistentRead=True)
        item = answer.get("Item")
        return TurnRow.read(item) if item and self._is_there(item) else None

    async def find_row(self, spot: Spot, response_id: str) -> TurnRow | None:
        number = await self.find(spot, response_id)
        return None if number is None else await self.get(spot, number)

    async def put(self, spot: Spot, row: TurnRow, replaces: str | None) -> TurnRow:
        """Write a turn: a new one, or in the place of the one that ``replaces`` wrote.

        :return: the row that stands there now. If it is not this writing, nothing was written.
        """
        await self.stow(spot, row.body)
        condition, values = _NEW, {":now": N(self._clock())}
        if replaces is not None:
            condition, values = _STILL, {":attempt": S(replaces)}
        try:
            old = await self._calls(
                "put_item",
                Item=_key(spot, turn_sk(row.number)) | row.value | self._life,
                ConditionExpression=condition,
                ExpressionAttributeNames=names(condition),
                ExpressionAttributeValues=values,
                ReturnValues="ALL_OLD",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ConditionFailed as failed:
            stands = TurnRow.read(failed.item or self._tombstone(spot.pk, turn_sk(row.number)))
            if stands.body.token != row.body.token:
                await self.discard(spot, row.body)
            return stands
        if "Attributes" in old:
            await self._discard_texts(spot, TurnRow.read(old["Attributes"]))
        return row

    async def _discard_texts(self, spot: Spot, row: TurnRow) -> None:
        for packed in (row.body, row.revised):
            if packed:
                await self.discard(spot, packed)

    async def revise(self, spot: Spot, row: TurnRow, revised: Packed) -> bool:
        """Give a turn its revision. False: the turn was written anew meanwhile."""
        await self.stow(spot, revised)
        try:
            await self._calls(
                "update_item",
                Key=_key(spot, turn_sk(row.number)),
                UpdateExpression="SET #revised = :revised",
                ConditionExpression=_STILL,
                ExpressionAttributeNames=names("#revised", _STILL),
                ExpressionAttributeValues={":revised": revised.value, ":attempt": S(row.attempt)},
            )
        except ConditionFailed:
            return False
        if row.revised:
            await self.discard(spot, row.revised)
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
        return tuple(await asyncio.gather(*(self.noun(spot, row) for row in rows)))

    # ---- texts

    async def stow(self, spot: Spot, packed: Packed) -> None:
        """Write the parts of a large text; nothing to do for a small one."""
        items = [
            _key(spot, part_sk(packed.token, index)) | {"data": B(piece)} | self._life
            for index, piece in enumerate(packed.slices)
        ]
        await asyncio.gather(*(self._calls("put_item", Item=item) for item in items))

    async def fetch(self, spot: Spot, packed: Packed) -> bytes:
        """:raises DamagedRow: a part is missing."""
        keys = [_key(spot, part_sk(packed.token, index)) for index in range(packed.count)]
        reads = (self._calls("get_item", Key=key, ConsistentRead=True) for key in keys)
        try:
            parts = [bytes(answer["Item"]["data"]["B"]) for answer in await asyncio.gather(*reads)]
        except KeyError:
            raise DamagedRow("A part of a stored turn is missing.") from None
        return packed.data if not packed.count else b"".join(parts)

    async def discard(self, spot: Spot, packed: Packed) -> None:
        """Delete the parts of a text that nothing refers to; they do no harm if this fails."""
        keys = [_key(spot, part_sk(packed.token, index)) for index in range(packed.count)]
        with suppress(StoreUnavailable):
            await self._write([{"DeleteRequest": {"Key": key}} for key in keys])

    async def put_checkpoint(self, spot: Spot, sk: str, at: int, text: bytes) -> None:
        """A piece of a running answer, that begins at its character number ``at``."""
        life = {"expires_at": N(int(self._clock()) + CHECKPOINTS)}
        await self._calls("put_item", Item=_key(spot, sk) | {"at": N(at), "text": B(text)} | life)

    async def checkpoints(self, spot: Spot, first: str, last: str) -> list[tuple[int, str]]:
        """The pieces between two keys, each with the place where it begins."""
        query = {
            "ConsistentRead": True,
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :last",
            "ExpressionAttributeValues": {":pk": S(spot.pk), ":first": S(first), ":last": S(last)},
        }
        pages = self._calls.pages(query)
        return [
            (int(item["at"]["N"]), unpack_text(bytes(item["text"]["B"])))
            async for page in pages
            for item in page
        ]

    # ---- the end

    async def sweep(self, spot: Spot, n: int) -> None:
        """Delete what a thread of ``n`` turns has left, and close its numbers to late writers."""
        await self._write([_put(self._tombstone(spot.pk, turn_sk(n + 1)))])
        query = {
            "ConsistentRead": True,
            "KeyConditionExpression": "pk = :pk",
            "FilterExpression": "attribute_not_exists(#state) OR #state <> :gone",
            "ProjectionExpression": "pk, sk",
            "ExpressionAttributeNames": names("#state"),
            "ExpressionAttributeValues": {":pk": S(spot.pk), ":gone": S(GONE)},
        }
        for _ in range(PASSES):
            left = [key async for page in self._calls.pages(query) for key in page]
            if not left:
                return
            await self._write([self._ended(key) for key in left])
        raise StoreUnavailable("The conversation is written to faster than it can be deleted.")

    def _ended(self, key: Item) -> Item:
        """The write that ends a row: a turn's number stays closed for a day, the rest just goes."""
        pk, sk = key["pk"]["S"], key["sk"]["S"]
        return _put(self._tombstone(pk, sk)) if sk.startswith("T#") else {"DeleteRequest": {"Key": key}}

    def _tombstone(self, pk: str, sk: str) -> Item:
        expires = N(int(self._clock()) + TOMBSTONES)
        return {"pk": S(pk), "sk": S(sk), "state": S(GONE), "attempt": S(GONE), "expires_at": expires}

    # ---- how

    @property
    def _life(self) -> Item:
        return {"expires_at": N(int(self._clock() + self._lifetime))} if self._lifetime else {}

    def _is_there(self, item: Item) -> bool:
        """Whether a turn's row counts: not deleted, and not past the time that DynamoDB may delete late."""
        expires = float(item["expires_at"]["N"]) if "expires_at" in item else None
        return item.get("state") != S(GONE) and (expires is None or expires > self._clock())

    async def _pages(
        self, spot: Spot, limit: int | None, *, consistent: bool, newest_first: bool
    ) -> AsyncGenerator[list[TurnRow], None]:
        query = {
            "ConsistentRead": consistent,
            "ScanIndexForward": not newest_first,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :turn)",
            "ExpressionAttributeValues": {":pk": S(spot.pk), ":turn": S("T#")},
        }
        async for page in self._calls.pages(query, limit):
            yield [TurnRow.read(item) for item in page if self._is_there(item)]

    async def _write(self, requests: list[Item]) -> None:
        for start in range(0, len(requests), BATCH):
            left = {self._calls.table: requests[start : start + BATCH]}
            for attempt in range(PASSES):
                left = (await self._calls("batch_write_item", RequestItems=left)).get("UnprocessedItems", {})
                if not left:
                    break
                await self._calls.pause(attempt)
            else:
                raise StoreUnavailable("DynamoDB did not take all of a batch.")


def _key(spot: Spot, sk: str) -> Item:
    return {"pk": S(spot.pk), "sk": S(sk)}


def _put(item: Item) -> Item:
    return {"PutRequest": {"Item": item}}
