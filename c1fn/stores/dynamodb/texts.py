"""Texts that are too large for a row, in parts; and the checkpoints of a running answer.

A part's key begins with its writer: the attempt of a turn, so that a process that takes over the turn finds
the parts of the earlier one; or the token of a revision, whose parts expire unless a row refers to them.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from c1fn.errors import DamagedRow, StoreUnavailable
from c1fn.stores.dynamodb.calls import Calls, all_over
from c1fn.stores.dynamodb.failures import ConditionFailed
from c1fn.stores.dynamodb.items import B, Item, N, S, delete, expiry
from c1fn.stores.dynamodb.keys import ThreadKey, checkpoint_sk, part_sk, row_key
from c1fn.stores.dynamodb.pack import Packed, unpack_text
from c1fn.stores.dynamodb.rows import V

CHECKPOINTS = 3_600
"""Seconds for which a piece of a running answer is kept: longer than any turn."""

UNNAMED = 86_400
"""Seconds for which a part is kept that no row names yet."""

BATCH = 25
"""DynamoDB's own limit of one BatchWriteItem."""

PASSES = 20
"""Tries of one batch. Each takes what is left."""


class Texts:
    """Parts and checkpoints: texts in rows of their own."""

    def __init__(self, calls: Calls, clock: Callable[[], float]) -> None:
        self._calls = calls
        self._clock = clock

    async def write(
        self, key: ThreadKey, packed: Packed, expires: float | None, condition: str | None = None
    ) -> None:
        """Write the parts of a large text; nothing to do for a small one. When this returns or fails, no
        part is still being written.

        :param condition: parts for which it does not hold stay as they are.
        """
        items = [
            row_key(key, part_sk(packed.token, index)) | {"data": B(piece)} | V | expiry(expires)
            for index, piece in enumerate(packed.slices)
        ]
        await all_over(self._put(item, condition) for item in items)

    async def write_unnamed(self, key: ThreadKey, packed: Packed) -> None:
        """The same, before a row names them: if none ever does, they go by themselves."""
        await self.write(key, packed, self._clock() + UNNAMED, "attribute_not_exists(pk)")

    async def keep(self, key: ThreadKey, packed: Packed, expires: float | None) -> None:
        """A row names these parts now: they stay as long as it does, unless they were replaced meanwhile."""
        await self.write(key, packed, expires, "attribute_exists(pk)")

    async def _put(self, item: Item, condition: str | None) -> None:
        with suppress(ConditionFailed):
            await self._calls(
                "put_item", Item=item, **({"ConditionExpression": condition} if condition else {})
            )

    async def read(self, key: ThreadKey, packed: Packed) -> bytes:
        """:raises DamagedRow: a part is missing."""
        keys = [row_key(key, part_sk(packed.token, index)) for index in range(packed.count)]
        reads = (self._calls("get_item", Key=one, ConsistentRead=True) for one in keys)
        try:
            parts = [bytes(answer["Item"]["data"]["B"]) for answer in await asyncio.gather(*reads)]
        except KeyError:
            raise DamagedRow("A part of a stored turn is missing.") from None
        return packed.data if not packed.count else b"".join(parts)

    async def copy(self, key: ThreadKey, packed: Packed, to: ThreadKey) -> bool:
        """Copy the parts of a text to another thread; False: some are missing. Each part is read and written
        by itself, so that a large text does not have to fit into the process. When this returns or fails, no
        part is still being written.
        """
        parts = (self._copy(key, part_sk(packed.token, index), to) for index in range(packed.count))
        return all(await all_over(parts))

    async def _copy(self, key: ThreadKey, sk: str, to: ThreadKey) -> bool:
        answer = await self._calls("get_item", Key=row_key(key, sk), ConsistentRead=True)
        if "Item" in answer:
            await self._calls("put_item", Item=answer["Item"] | row_key(to, sk))
        return "Item" in answer

    async def discard(self, key: ThreadKey, packed: Packed | None) -> None:
        """Delete the parts of a text that nothing refers to any more."""
        if packed and packed.count:
            keys = [row_key(key, part_sk(packed.token, index)) for index in range(packed.count)]
            with suppress(StoreUnavailable):
                await self.batch([delete(one) for one in keys])

    async def discard_of(self, key: ThreadKey, attempt: str) -> None:
        """Delete every part that a dead attempt wrote, its prompt's among them."""
        query = _between(key, f"P#{attempt}.", f"P#{attempt}/") | {"ProjectionExpression": "pk, sk"}
        with suppress(StoreUnavailable):
            async for page in self._calls.pages(query):
                await self.batch([delete(one) for one in page])

    async def add_checkpoint(self, key: ThreadKey, attempt: str, index: int, at: int, text: bytes) -> None:
        """A piece of a running answer, that begins at its character number ``at``."""
        row = row_key(key, checkpoint_sk(attempt, index)) | {"at": N(at), "text": B(text)}
        await self._calls("put_item", Item=row | V | expiry(self._clock() + CHECKPOINTS))

    async def checkpoints(self, key: ThreadKey, attempt: str) -> str:
        """What the checkpoints hold, as far as each begins where the last one ends. One that was given up
        may come late, and replace the longer one that was written for it; what is after it is not told then.
        """
        said = ""
        query = _between(key, checkpoint_sk(attempt, 0), checkpoint_sk(attempt, 999_999))
        async for page in self._calls.pages(query):
            for item in page:
                try:
                    at, text = int(item["at"]["N"]), unpack_text(bytes(item["text"]["B"]))
                except (DamagedRow, KeyError, TypeError, ValueError):
                    return said
                if at != len(said):
                    return said
                said += text
        return said

    async def batch(self, requests: list[Item]) -> None:
        """Do these writes, however many."""
        for start in range(0, len(requests), BATCH):
            left = {self._calls.table: requests[start : start + BATCH]}
            for attempt in range(PASSES):
                left = (await self._calls("batch_write_item", RequestItems=left)).get("UnprocessedItems", {})
                if not left:
                    break
                await self._calls.pause(attempt)
            else:
                raise StoreUnavailable("DynamoDB did not take all of a batch.")


def _between(key: ThreadKey, first: str, last: str) -> Item:
    return {
        "ConsistentRead": True,
        "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :last",
        "ExpressionAttributeValues": {":pk": S(key.pk), ":first": S(first), ":last": S(last)},
    }
