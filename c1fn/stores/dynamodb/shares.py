"""Shared links in DynamoDB: one row that the token leads to, and one in its owner's list.

| row   | pk            | sk                | holds                                                    |
|-------|---------------|-------------------|----------------------------------------------------------|
| link  | ``H#<token>`` | ``share``         | owner, thread, generation, what it shows, views of a day |
| share | ``Q#<owner>`` | ``share#<token>`` | the same for the owner's list                            |

The list's row is written first and ended last, so that every link that works can be found and revoked. Both
leave tombstones, which hold the token and the owner, so that a late delivery of a write does not bring a link
back. The link's row alone decides whether it works; it is counted and read by one conditional write, which
costs the same whatever the token is.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from c1fn.errors import NotFound, ShareUsedUp, StoreUnavailable, TooManyShares
from c1fn.stores import DAY, kilobytes
from c1fn.stores.dynamodb.access import Access
from c1fn.stores.dynamodb.calls import Calls
from c1fn.stores.dynamodb.failures import ConditionFailed
from c1fn.stores.dynamodb.items import YES, Item, N, S, expiry, names, number_of, text_of
from c1fn.stores.dynamodb.keys import OF_SHARES, ThreadKey, link_key, share_key, usage_key
from c1fn.stores.dynamodb.retention import TOMBSTONES
from c1fn.stores.dynamodb.rows import V
from c1fn.stores.shares import SHARES, VIEWS, Share
from c1fn.turn import ANSWERED, Turn

NEWEST = 20
"""Turns that are read at a time to find the newest answered one."""

TRIES = 4
"""Writes of one view, each on what the one before it found."""

_COUNTED = "#expires_at > :now AND #day = :today AND #views < :most"


class DynamoShares:
    """``Shares`` in DynamoDB."""

    def __init__(self, access: Access, calls: Calls) -> None:
        self._access = access
        self._calls = calls

    async def create(self, owner: str, thread_id: str, seconds: float) -> Share:
        await self._access.later.settled(owner, thread_id)
        key, now = ThreadKey(owner, thread_id), self._access.clock()
        thread = await self._access.threads.get(key)
        if thread is None or not thread.is_there(now, self._access.retention):
            raise NotFound("There is no such conversation.")
        key = key.of(thread)
        if len(await self._of(owner)) >= SHARES:
            raise TooManyShares
        await self._access.write_quota.count(owner, kilobytes(thread.title))
        token, last = self._access.token() + self._access.token(), await self._newest_answered(key)
        share = Share(token, thread_id, thread.title, last, now, float(int(now + seconds)))
        shown = V | expiry(share.expires) | _shown(share)
        shown |= {"generation": N(key.generation)}
        link = {"owner": S(owner), "day": N(int(now // DAY)), "views": N(0)}
        for row in (share_key(owner, token) | shown, link_key(token) | shown | link):
            await self._put(row)
        return share

    async def _newest_answered(self, key: ThreadKey) -> int:
        """The number of the newest answered turn: it and those before it will not be run again."""
        before = None
        while rows := await self._access.turns.older(key, before, NEWEST):
            for row in reversed(rows):
                if row.state in ANSWERED:
                    return row.number
            before = rows[0].number
        return 0

    async def list(self, owner: str) -> tuple[Share, ...]:
        found = await self._of(owner)
        keys = {_thread_of(owner, item) for item in found}
        there = dict(zip(keys, await asyncio.gather(*map(self._is_there, keys)), strict=True))
        mine = [
            _share(item, item["sk"]["S"].removeprefix(OF_SHARES))
            for item in found
            if there[_thread_of(owner, item)]
        ]
        return tuple(sorted(mine, key=lambda share: (share.created, share.token), reverse=True))

    async def _of(self, owner: str) -> Sequence[Item]:
        """The rows of the owner's links, also of those whose thread is gone."""
        query = {
            "ConsistentRead": True,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :of_shares)",
            "ExpressionAttributeValues": {":pk": usage_key(owner)["pk"], ":of_shares": S(OF_SHARES)},
        }
        return [item async for page in self._calls.pages(query) for item in page if self._is_valid(item)]

    async def _is_there(self, key: ThreadKey) -> bool:
        """Whether the thread is still the one that was shared."""
        thread = await self._access.threads.get(key)
        shown = thread is not None and thread.is_there(self._access.clock(), self._access.retention)
        return shown and thread is not None and key.of(thread) == key

    async def revoke(self, owner: str, token: str) -> None:
        answer = await self._calls("get_item", Key=share_key(owner, token), ConsistentRead=True)
        if not self._is_valid(answer.get("Item", {})):
            raise NotFound("There is no such link.")
        for key in (link_key(token) | {"owner": S(owner)}, share_key(owner, token)):
            tombstone = key | V | {"gone": YES} | expiry(self._access.clock() + TOMBSTONES)
            await self._calls("put_item", Item=tombstone)

    async def view(self, token: str, *, before: int | None, limit: int) -> tuple[Share, tuple[Turn, ...]]:
        item = await self._counted(token)
        share, owner = _share(item, token), text_of(item, "owner") or ""
        key = _thread_of(owner, item)
        if not await self._is_there(key):
            raise NotFound("There is no such link.")
        end = share.last + 1 if before is None else min(before, share.last + 1)
        rows = await self._access.turns.older(key, end, limit)
        return share, await self._access.turns.nouns(key, rows)

    # ---- how

    async def _counted(self, token: str) -> Item:
        """The link's row, with one view more.

        :raises NotFound: there is none that is valid.
        :raises ShareUsedUp: it has as many views today as it may have.
        """
        for _ in range(TRIES):
            now = self._access.clock()
            today, given = int(now // DAY), {":now": N(now), ":today": N(int(now // DAY)), ":one": N(1)}
            try:
                return await self._update(
                    token, "SET #views = #views + :one", _COUNTED, given | {":most": N(VIEWS)}
                )
            except ConditionFailed as failed:
                item = failed.item or {}
            if not self._is_valid(item):
                raise NotFound("There is no such link.")
            if number_of(item, "day") == today:
                raise ShareUsedUp(retry_after=DAY - now % DAY)
            try:
                seen = {":seen": item["day"]} if "day" in item else {}
                same = "#day = :seen" if seen else "attribute_not_exists(#day)"
                update, condition = "SET #day = :today, #views = :one", f"#expires_at > :now AND {same}"
                return await self._update(token, update, condition, given | seen)
            except ConditionFailed:
                continue  # somebody else began the day, or revoked it
        raise StoreUnavailable("This link is opened faster than it can be counted.")

    async def _update(self, token: str, update: str, condition: str, values: dict[str, Item]) -> Item:
        answer: dict[str, Any] = await self._calls(
            "update_item",
            Key=link_key(token),
            UpdateExpression=update,
            ConditionExpression=condition,
            ExpressionAttributeNames=names(update, condition),
            ExpressionAttributeValues=values,
            ReturnValues="ALL_NEW",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
        item: Item = answer["Attributes"]
        return item

    async def _put(self, item: Item) -> None:
        """A new row. If there is one, it is this one, whose reply was lost, or it was revoked."""
        with suppress(ConditionFailed):
            await self._calls("put_item", Item=item, ConditionExpression="attribute_not_exists(pk)")

    def _is_valid(self, item: Item) -> bool:
        expires = number_of(item, "expires_at")
        return "gone" not in item and expires is not None and expires > self._access.clock()


def _thread_of(owner: str, item: Item) -> ThreadKey:
    return ThreadKey(owner, text_of(item, "thread") or "", int(number_of(item, "generation") or 0))


def _shown(share: Share) -> Item:
    return {
        "thread": S(share.thread_id),
        "title": S(share.title),
        "last": N(share.last),
        "created": N(share.created),
    }


def _share(item: Item, token: str) -> Share:
    """Never fails: what cannot be understood was not shared."""
    return Share(
        token=token,
        thread_id=text_of(item, "thread") or "",
        title=text_of(item, "title") or "",
        last=int(number_of(item, "last") or 0),
        created=number_of(item, "created") or 0.0,
        expires=number_of(item, "expires_at") or 0.0,
    )
