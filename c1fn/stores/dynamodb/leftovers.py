"""Every row of an owner, whether anything leads to it or not: found by reading the whole table.

A Scan is the only read that finds a row whose thread's row is gone. It costs half a read unit a kilobyte of
the table, so it is for an operator's commands alone.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Scan.html
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from c1fn.stores.dynamodb.calls import Calls
from c1fn.stores.dynamodb.items import Item, S, names, number_of, text_of
from c1fn.stores.dynamodb.keys import OF_SHARES, thread_key, usage_key
from c1fn.stores.dynamodb.rows import GONE
from c1fn.stores.owners import Kind, Remnant, Tell

_KINDS: dict[str, Kind] = {"T#": "turn", "P#": "part", "S#": "checkpoint"}
"""What a row of a thread's generation is, by the beginning of its second key."""


@dataclass(frozen=True, slots=True)
class Found:
    """A row of an owner. ``gone``: it is a tombstone."""

    pk: str
    sk: str
    gone: bool
    expires: float | None

    @classmethod
    def read(cls, item: Item) -> "Found":
        """Read a row of which only the keys and these attributes were asked for."""
        gone = "gone" in item or text_of(item, "state") == GONE
        return cls(item["pk"]["S"], item["sk"]["S"], gone, number_of(item, "expires_at"))

    @property
    def key(self) -> Item:
        """The row's key."""
        return {"pk": S(self.pk), "sk": S(self.sk)}

    def remnant(self, *, expire: bool) -> Remnant:
        """:param expire: whether the table deletes what has expired."""
        return Remnant(self._kind(), f"{self.pk} {self.sk}", self.expires if expire else None)

    def _kind(self) -> Kind:
        if self.gone:
            return "tombstone"
        if self.pk.startswith("T#"):
            return _KINDS.get(self.sk[:2], "unknown")
        if self.is_share:
            return "share"
        return "usage" if self.pk.startswith("Q#") else "thread"

    @property
    def is_share(self) -> bool:
        """A shared link, or its place in its owner's list."""
        return self.pk.startswith("H#") or self.sk.startswith(OF_SHARES)


async def leftovers(calls: Calls, owner: str, tell: Tell) -> AsyncGenerator[Found, None]:
    """The rows of an owner, of every kind. Each kind has the owner at the same place of its key, but for that
    of shared links, which have an attribute.
    """
    pk = thread_key(owner, "-")["pk"]
    mine = "pk = :threads OR pk = :usage OR begins_with(pk, :turns) OR #owner = :owner"
    told = "pk, sk, #state, gone, expires_at"
    scan: dict[str, Any] = {
        "ConsistentRead": True,
        "FilterExpression": mine,
        "ProjectionExpression": told,
        "ExpressionAttributeNames": names(told, mine),
        "ExpressionAttributeValues": {
            ":owner": S(owner),
            ":threads": pk,
            ":usage": usage_key(owner)["pk"],
            ":turns": S(f"T{pk['S'][1:]}#"),
        },
    }
    read = 0
    async for items, count in calls.scan(scan):
        read += count
        tell("rows read", read)
        for item in items:
            yield Found.read(item)
