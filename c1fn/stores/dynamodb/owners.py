"""The port ``Owners``: all that one owner has is found, erased, or restored.

An erased thread that was used within a day leaves tombstones, as every deleted thread does: a process that
still runs a turn of it may write there. One that was not used for a day leaves nothing.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable
from dataclasses import dataclass, field

from c1fn.stores.dynamodb.access import Access
from c1fn.stores.dynamodb.calls import Calls
from c1fn.stores.dynamodb.deletion import Deletion
from c1fn.stores.dynamodb.hidden import HiddenThreads
from c1fn.stores.dynamodb.keys import ThreadKey, thread_key, unescaped, usage_key
from c1fn.stores.dynamodb.leftovers import Found, leftovers
from c1fn.stores.dynamodb.restoring import Restoring
from c1fn.stores.dynamodb.retention import TOMBSTONES
from c1fn.stores.dynamodb.rows import ThreadRow
from c1fn.stores.dynamodb.table import EXPIRY
from c1fn.stores.owners import Remnant, Restored, Tell, nobody
from c1fn.turn import Thread, Turn

AT_ONCE = 4
"""Threads that are erased at once: each has about four calls at a time, and there are 16 sockets."""


class DynamoOwners:
    """``Owners`` in DynamoDB."""

    def __init__(self, access: Access, deletion: Deletion, hidden: HiddenThreads, calls: Calls) -> None:
        self._access = access
        self._deletion = deletion
        self._calls = calls
        self._restoring = Restoring(access, hidden)

    async def remains(self, owner: str, tell: Tell = nobody) -> AsyncGenerator[Remnant, None]:
        expire = await self._expires()
        async for found in leftovers(self._calls, owner, tell):
            yield found.remnant(expire=expire)

    async def erase(self, owner: str, tell: Tell = nobody) -> AsyncGenerator[Remnant, None]:
        expire, erased = await self._expires(), 0
        query = {
            "ConsistentRead": True,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": thread_key(owner, "-")["pk"]},
        }
        async for page in self._calls.pages(query):
            rows = [ThreadRow.read(item) for item in page]
            for start in range(0, len(rows), AT_ONCE):
                some = rows[start : start + AT_ONCE]
                await asyncio.gather(*(self._erase(ThreadKey(owner, row.id), row) for row in some))
                erased += len(some)
                tell("threads", erased)
        await self._calls("delete_item", Key=usage_key(owner))
        stays = _Stays(owner, self._access)
        async for found in leftovers(self._calls, owner, tell):
            if await stays.holds(found):
                yield found.remnant(expire=expire)
            else:
                await self._calls("delete_item", Key=found.key)

    async def restore(self, owner: str, thread: Thread, turns: AsyncIterable[Turn]) -> Restored:
        return await self._restoring.restore(ThreadKey(owner, thread.id), thread, turns)

    async def _erase(self, key: ThreadKey, row: ThreadRow) -> None:
        """A thread, and its row, unless it was used within a day: then it is deleted as people delete it."""
        if not row.gone:
            await self._access.threads.bury(key, row)
        now, found = self._access.clock(), await self._access.threads.get(key)
        if found is None or not found.gone:
            return  # somebody else erased it, or has begun a new one of its id
        quiet = found.updated + TOMBSTONES <= now and not found.alive(now)
        if quiet and found.importing is None:
            await self._access.sweeping.wipe(key.of(found))
            await self._access.threads.remove(key, found)
        elif found.sweep:
            await self._deletion.sweep(key, found)

    async def _expires(self) -> bool:
        """Whether the table deletes what has expired."""
        answer = await self._calls("describe_time_to_live")
        found = answer["TimeToLiveDescription"]
        return found["TimeToLiveStatus"] in ("ENABLED", "ENABLING") and found.get("AttributeName") == EXPIRY


@dataclass(slots=True)
class _Stays:
    """Whether a row that was found behind the threads has to stay. Rows of one key are found together."""

    owner: str
    access: Access
    pk: str = ""
    live: bool = field(default=False)

    async def holds(self, found: Found) -> bool:
        if found.is_share:
            return False
        if not found.pk.startswith("T#"):
            return not found.gone or not self._is_over(found)
        if found.pk != self.pk:
            self.pk, self.live = found.pk, await self._is_live(found.pk)
        return self.live or (found.gone and not self._is_over(found))

    def _is_over(self, found: Found) -> bool:
        return found.expires is not None and found.expires <= self.access.clock()

    async def _is_live(self, pk: str) -> bool:
        """Whether these are the rows of a thread that was begun meanwhile, or that others sweep now."""
        _, _, thread_id, generation = pk.split("#")
        row = await self.access.threads.get(ThreadKey(self.owner, unescaped(thread_id)))
        here = row is not None and str(row.generation or 0) == generation
        return here and row is not None and (not row.gone or row.sweep)
