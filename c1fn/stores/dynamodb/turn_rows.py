"""The rows of turns: read, written once with a condition, and revised. sweeping.py deletes them.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.html
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

from c1fn.errors import DamagedRow, NotFound, StoreUnavailable
from c1fn.stores.dynamodb.calls import Calls
from c1fn.stores.dynamodb.failures import ConditionFailed
from c1fn.stores.dynamodb.items import Item, N, S, names, number_of
from c1fn.stores.dynamodb.keys import ThreadKey, row_key, turn_sk
from c1fn.stores.dynamodb.pack import Packed, unpack_text
from c1fn.stores.dynamodb.retention import Retention
from c1fn.stores.dynamodb.rows import GONE, TurnRow, feedback_value
from c1fn.stores.dynamodb.sweeping import tombstone
from c1fn.stores.dynamodb.table import BY_RESPONSE
from c1fn.stores.dynamodb.texts import Texts
from c1fn.turn import Feedback, Turn

TORN = 3
"""Readings of a turn whose texts are written anew meanwhile; then it counts as damaged."""

MOST = 9_999_999_999
"""The largest number of a turn: a key has ten digits for it."""

TRIES = 4
"""Writes of one revision, each on what the one before it found."""

_NEW = "attribute_not_exists(#sk) OR #expires_at < :now"
_STILL = "#attempt = :attempt"


class TurnRows:
    """Turns' rows: written once, or in the place of an attempt that failed."""

    def __init__(self, calls: Calls, texts: Texts, clock: Callable[[], float], retention: Retention) -> None:
        self._calls = calls
        self._texts = texts
        self._clock = clock
        self._retention = retention

    async def newest(self, key: ThreadKey, count: int) -> list[TurnRow]:
        """The newest turns, newest first."""
        return (await self.older(key, None, count))[::-1]

    async def older(self, key: ThreadKey, before: int | None, limit: int | None) -> list[TurnRow]:
        """Turns with a smaller number than ``before``, oldest first; the newest ``limit`` of them."""
        rows: list[TurnRow] = []
        async for page in self._pages(key, before, limit):
            rows += page
            if limit is not None and len(rows) >= limit:
                break
        return rows[:limit][::-1]

    async def items(self, key: ThreadKey, last: int) -> AsyncGenerator[Item, None]:
        """The rows of the turns until this number as they are stored, oldest first."""
        first = {":pk": S(key.pk), ":first": S(turn_sk(0))}
        query = {
            "ConsistentRead": True,
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :last",
            "ExpressionAttributeValues": first | {":last": S(turn_sk(last))},
        }
        async for page in self._calls.pages(query):
            for item in page:
                if self._is_there(item):
                    yield item

    async def find(self, key: ThreadKey, response_id: str) -> TurnRow | None:
        """The turn with this responseId."""
        rows = await asyncio.gather(
            *(self.get(key, number) for number in await self._numbers(key, response_id))
        )
        return next((row for row in rows if row), None)

    async def was_asked(self, key: ThreadKey, response_id: str) -> bool:
        """Whether a turn had this responseId, also one that was deleted: its tombstone keeps that."""
        return bool(await self._numbers(key, response_id))

    async def _numbers(self, key: ThreadKey, response_id: str) -> list[int]:
        answer = await self._calls(
            "query",
            IndexName=BY_RESPONSE,
            ConsistentRead=True,
            KeyConditionExpression="#pk = :pk AND #response = :response",
            ExpressionAttributeNames=names("#pk #response"),
            ExpressionAttributeValues={":pk": S(key.pk), ":response": S(response_id)},
        )
        return [int(item["sk"]["S"][2:]) for item in answer["Items"]]

    async def get(self, key: ThreadKey, number: int) -> TurnRow | None:
        """The turn of this number, read consistently; None: there is none."""
        answer = await self._calls("get_item", Key=row_key(key, turn_sk(number)), ConsistentRead=True)
        item = answer.get("Item")
        return TurnRow.read(item) if item and self._is_there(item) else None

    async def put(self, key: ThreadKey, row: TurnRow, replaces: str | None) -> TurnRow:
        """Write a turn: a new one, or in the place of the one that ``replaces`` wrote.

        :return: the row that stands there now. If it is not this writing, nothing was written.
        """
        row = replace(row, expires=self._retention.until(self._clock()))
        await self._texts.write(key, row.body, row.expires)
        condition, values = _NEW, {":now": N(self._clock())}
        if replaces is not None:
            condition, values = _STILL, {":attempt": S(replaces)}
        try:
            old = await self._calls(
                "put_item",
                Item=row_key(key, turn_sk(row.number)) | row.value,
                ConditionExpression=condition,
                ExpressionAttributeNames=names(condition),
                ExpressionAttributeValues=values,
                ReturnValues="ALL_OLD",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ConditionFailed as failed:
            stands = TurnRow.read(failed.item or tombstone(key.pk, turn_sk(row.number), None, self._clock()))
            if stands.body.token != row.body.token:
                await self._texts.discard(key, row.body)
            return stands
        if "Attributes" in old:
            before = TurnRow.read(old["Attributes"])
            await self._texts.discard(key, before.body)
            await self._texts.discard(key, before.revised)
        return row

    async def revise(self, key: ThreadKey, row: TurnRow, content: bytes, saved: str) -> bool:
        """Give a turn its revision. False: the turn is gone, or was written anew.

        :param row: as it was read. A revision that others were faster than is written after theirs.
        :param saved: a fresh random token, that tells this revision from all others.
        """
        revised = Packed.of(content, saved)
        await self._texts.write_unnamed(key, revised)
        before = await self._change(key, row, {"revised": revised.value}, "saved", saved)
        if before is None:
            await self._texts.discard(key, revised)
            return False
        await self._texts.keep(key, revised, before.expires)
        await self._texts.discard(key, before.revised)
        return True

    async def rate(self, key: ThreadKey, row: TurnRow, feedback: Feedback | None, rated: str) -> bool:
        """Give a turn its feedback, or take it away; the parameters are those of ``revise``."""
        change = {"feedback": feedback_value(feedback) if feedback else None}
        return await self._change(key, row, change, "rated", rated) is not None

    async def _change(
        self, key: ThreadKey, row: TurnRow, change: Mapping[str, Item | None], mark: str, token: str
    ) -> TurnRow | None:
        """Change a finished turn's row; what is None goes. Changes with one mark are made one after another:
        a late delivery of an older one changes nothing.

        :param mark: the attribute that has the token of the last such change.
        :return: the row before the change; None: the turn is gone, or was written anew.
        """
        sets = ", ".join(f"#{name} = :new_{name}" for name, value in change.items() if value)
        gone = ", ".join(f"#{name}" for name, value in change.items() if not value)
        update = f"SET #{mark} = :token{', ' if sets else ''}{sets}{' REMOVE ' if gone else ''}{gone}"
        given = {f":new_{name}": value for name, value in change.items() if value} | {":token": S(token)}
        for _ in range(TRIES):
            last: str | None = getattr(row, mark)
            same = f"attribute_not_exists(#{mark})" if last is None else f"#{mark} = :seen"
            condition = f"{_STILL} AND {same}"
            seen = {} if last is None else {":seen": S(last)}
            try:
                await self._calls(
                    "update_item",
                    Key=row_key(key, turn_sk(row.number)),
                    UpdateExpression=update,
                    ConditionExpression=condition,
                    ExpressionAttributeNames=names(update, condition),
                    ExpressionAttributeValues=given | seen | {":attempt": S(row.attempt)},
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except ConditionFailed as failed:
                found = TurnRow.read(failed.item) if failed.item and self._is_there(failed.item) else None
                if found is None or found.attempt != row.attempt:
                    return None
                if getattr(found, mark) != token:
                    row = found
                    continue
            return row
        raise StoreUnavailable("The answer is saved by others all the time.")

    async def noun(self, key: ThreadKey, row: TurnRow) -> Turn:
        """The turn with its texts; one that cannot be read is told of as a failed turn.

        A part may be missing because the turn is written anew meanwhile: then its row tells.

        :raises NotFound: or because its thread was deleted meanwhile.
        """
        for _ in range(TORN):
            try:
                return row.noun(await self._texts.read(key, row.body), await self._revision(key, row))
            except DamagedRow:
                found = await self.get(key, row.number)
                if found is None:
                    raise NotFound("This conversation was deleted.") from None
                if found == row:
                    break
                row = found
        with suppress(DamagedRow):
            return row.noun(await self._texts.read(key, row.body), None)  # its revision alone is damaged
        return row.damaged()

    async def _revision(self, key: ThreadKey, row: TurnRow) -> str | None:
        return unpack_text(await self._texts.read(key, row.revised)) if row.revised else None

    async def nouns(self, key: ThreadKey, rows: Iterable[TurnRow]) -> tuple[Turn, ...]:
        """The rows as turns, in their order, with texts that stand in rows of their own."""
        return tuple(await asyncio.gather(*(self.noun(key, row) for row in rows)))

    def _is_there(self, item: Item) -> bool:
        """Whether a turn's row counts: not deleted, and not past the time that DynamoDB may delete late."""
        expires, started, now = number_of(item, "expires_at"), number_of(item, "started"), self._clock()
        aged = started is not None and started <= self._retention.oldest(now)
        return item.get("state") != S(GONE) and (expires is None or expires > now) and not aged

    async def _pages(
        self, key: ThreadKey, before: int | None, limit: int | None
    ) -> AsyncGenerator[list[TurnRow], None]:
        """Newest first."""
        last = turn_sk(MOST if before is None else max(0, min(before - 1, MOST)))
        query = {
            "ConsistentRead": True,
            "ScanIndexForward": False,
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :last",
            "ExpressionAttributeValues": {":pk": S(key.pk), ":first": S(turn_sk(0)), ":last": S(last)},
        }
        async for page in self._calls.pages(query, limit):
            yield [TurnRow.read(item) for item in page if self._is_there(item)]
