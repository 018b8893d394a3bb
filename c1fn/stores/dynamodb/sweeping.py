"""How the rows of a thread are deleted: in passes, until nothing is left.

A turn's row is replaced by a *tombstone*, which closes its number to a process that writes late. DynamoDB
deletes it a day after.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
"""

from collections.abc import Callable

from c1fn.errors import StoreUnavailable
from c1fn.stores.dynamodb.calls import Calls
from c1fn.stores.dynamodb.items import Item, N, S, delete, names, put, text_of
from c1fn.stores.dynamodb.keys import ThreadKey, turn_sk
from c1fn.stores.dynamodb.retention import TOMBSTONES
from c1fn.stores.dynamodb.rows import GONE, V
from c1fn.stores.dynamodb.texts import Texts

PASSES = 20
"""Sweeps over a deleted thread. Each takes what is left."""


class Sweeping:
    """Deletes the rows of a thread that was deleted."""

    def __init__(self, calls: Calls, texts: Texts, clock: Callable[[], float]) -> None:
        self._calls = calls
        self._texts = texts
        self._clock = clock

    async def sweep(
        self, key: ThreadKey, n: int, *, running: str | None = None, forget: bool = False
    ) -> None:
        """Delete what a thread of ``n`` turns has left, and close its numbers to late writers.

        :param running: the responseId of the turn that ran.
        :param forget: nobody was told of these turns, so their responseIds need not be known.
        """
        await self._texts.batch([put(self._tombstone(key.pk, turn_sk(n + 1), running))])
        query = {
            "ConsistentRead": True,
            "KeyConditionExpression": "pk = :pk",
            "FilterExpression": "attribute_not_exists(#state) OR #state <> :gone",
            "ProjectionExpression": "pk, sk, #response",
            "ExpressionAttributeNames": names("#state #response"),
            "ExpressionAttributeValues": {":pk": S(key.pk), ":gone": S(GONE)},
        }
        for _ in range(PASSES):
            left = [found async for page in self._calls.pages(query) for found in page]
            if not left:
                return
            await self._texts.batch([self._ended(found, forget=forget) for found in left])
        raise StoreUnavailable("The conversation is written to faster than it can be deleted.")

    async def wipe(self, key: ThreadKey) -> None:
        """Delete every row of a generation, tombstones too: nobody can write there any more."""
        query = {
            "ConsistentRead": True,
            "KeyConditionExpression": "pk = :pk",
            "ProjectionExpression": "pk, sk",
            "ExpressionAttributeValues": {":pk": S(key.pk)},
        }
        async for page in self._calls.pages(query):
            await self._texts.batch([delete(one) for one in page])

    def _ended(self, item: Item, *, forget: bool) -> Item:
        """The write that ends a row: a turn's number stays closed for a day, and its responseId known; the
        rest just goes.
        """
        pk, sk = item["pk"]["S"], item["sk"]["S"]
        if sk.startswith("T#"):
            return put(self._tombstone(pk, sk, None if forget else text_of(item, "response")))
        return delete({"pk": S(pk), "sk": S(sk)})

    def _tombstone(self, pk: str, sk: str, response_id: str | None) -> Item:
        return tombstone(pk, sk, response_id, self._clock())


def tombstone(pk: str, sk: str, response_id: str | None, now: float) -> Item:
    """The row that keeps a deleted thread's responseId from being used again, for ``TOMBSTONES`` seconds."""
    expires = N(int(now) + TOMBSTONES)
    row = {"pk": S(pk), "sk": S(sk), "state": S(GONE), "attempt": S(GONE), "expires_at": expires}
    return V | row | ({"response": S(response_id)} if response_id else {})
