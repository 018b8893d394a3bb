"""Shared links in DynamoDB under faults, and what they cost."""

from typing import Any

import pytest

from c1fn.errors import NotFound, ShareUsedUp, StoreUnavailable, TooManyShares
from c1fn.stores import DAY
from c1fn.stores.dynamodb.calls import ATTEMPTS
from c1fn.stores.dynamodb.items import N
from c1fn.stores.dynamodb.keys import link_key, share_key
from c1fn.stores.shares import SHARES, VIEWS
from tests.stores.clockwork import Clockwork
from tests.stores.forks import say
from tests.stores.machines import Machine, everything
from tests.stores.sharing import NO_LINK, WEEK, seen


async def shared(machine: Machine) -> str:
    await say(machine.store, "r1")
    await machine.store.settle()
    return (await machine.store.shares.create("ann", "t", WEEK)).token


@pytest.mark.parametrize("fault", ["lost", "unsent"])
async def test_a_fault_at_any_write_of_a_link(one: Machine, fault: str) -> None:
    """It is made once, opened, and revoked, whatever call is lost on its way there or back."""
    await say(one.store, "r1")
    await one.store.settle()
    one.sky.at("PutItem", *[getattr(one.sky, fault)] * 3)
    share = await one.store.shares.create("ann", "t", WEEK)
    assert await one.store.shares.list("ann") == (share,)
    one.sky.at("UpdateItem", getattr(one.sky, fault))
    assert len(await seen(one.store, share.token)) == 1
    one.sky.at("PutItem", *[getattr(one.sky, fault)] * 3)
    await one.store.shares.revoke("ann", share.token)
    with pytest.raises(NotFound, match=NO_LINK):
        await seen(one.store, share.token)
    assert await one.store.shares.list("ann") == ()


async def test_a_link_that_comes_late_is_not_there_again(one: Machine) -> None:
    """What made it is delivered once more after it was revoked."""
    await say(one.store, "r1")
    await one.store.settle()
    ghosts: list[Any] = []
    one.sky.at("PutItem", ghosts.append, ghosts.append)
    share = await one.store.shares.create("ann", "t", WEEK)
    await one.store.shares.revoke("ann", share.token)
    for ghost in ghosts:
        await one.sky.pass_on(ghost)
    with pytest.raises(NotFound, match=NO_LINK):
        await seen(one.store, share.token)
    assert await one.store.shares.list("ann") == ()


async def test_a_link_that_was_made_by_half_can_be_revoked(one: Machine) -> None:
    """It does not open; its owner sees it in the list."""
    await say(one.store, "r1")
    await one.store.settle()
    one.sky.at("PutItem", lambda _: None, *[one.sky.unsent] * ATTEMPTS)
    with pytest.raises(StoreUnavailable):
        await one.store.shares.create("ann", "t", WEEK)
    (share,) = await one.store.shares.list("ann")
    with pytest.raises(NotFound, match=NO_LINK):
        await seen(one.store, share.token)
    await one.store.shares.revoke("ann", share.token)


async def test_a_revocation_that_broke_off_can_be_repeated(one: Machine) -> None:
    """The link ends first: what is left is its place in the list."""
    token = await shared(one)
    one.sky.at("PutItem", lambda _: None, *[one.sky.unsent] * ATTEMPTS)
    with pytest.raises(StoreUnavailable):
        await one.store.shares.revoke("ann", token)
    with pytest.raises(NotFound, match=NO_LINK):
        await seen(one.store, token)
    await one.store.shares.revoke("ann", token)
    assert await one.store.shares.list("ann") == ()


async def test_a_guess_costs_the_same_call_as_every_token(one: Machine) -> None:
    """One conditional write; what is valid then reads its thread's row and its turns."""
    token = await shared(one)
    one.sky.seen.clear()
    with pytest.raises(NotFound, match=NO_LINK):
        await seen(one.store, "x" * 32)
    assert one.sky.seen == ["UpdateItem"]
    await seen(one.store, token)
    assert one.sky.seen[1:] == ["UpdateItem", "GetItem", "Query"]
    await one.store.shares.revoke("ann", token)
    one.sky.seen.clear()
    with pytest.raises(NotFound, match=NO_LINK):
        await seen(one.store, token)
    assert one.sky.seen == ["UpdateItem"]


async def test_every_row_of_a_link_expires(one: Machine, endpoint: tuple[str, str]) -> None:
    """With the link; what is left of a revoked one a day later. That holds nothing of its thread."""
    kept, revoked = await shared(one), (await one.store.shares.create("ann", "t", WEEK)).token
    await one.store.shares.revoke("ann", revoked)
    rows = [item for item in everything(one.client, endpoint[1]) if "share" in item["sk"]["S"]]
    assert len(rows) == 4
    assert all("expires_at" in row for row in rows)
    assert {frozenset(row) for row in rows if kept not in str(row)} == {
        frozenset({"pk", "sk", "v", "gone", "expires_at"}),
        frozenset({"pk", "sk", "v", "gone", "expires_at", "owner"}),
    }


async def test_what_is_left_of_a_revoked_link_is_erased_with_its_owner(
    one: Machine, endpoint: tuple[str, str]
) -> None:
    """Both of its rows are named and erased: also the one that is not under its owner's key."""
    await one.store.shares.revoke("ann", await shared(one))
    left = [row async for row in one.store.owners.remains("ann") if "share" in row.key]
    assert [row.kind for row in left] == ["tombstone"] * 2
    assert [row async for row in one.store.owners.erase("ann") if "share" in row.key] == []
    assert [row for row in everything(one.client, endpoint[1]) if "share" in row["sk"]["S"]] == []


async def test_so_many_views(one: Machine, endpoint: tuple[str, str], time: Clockwork) -> None:
    """The last view of a day is counted, the next refused; a new day begins with none."""
    time.now -= time.now % DAY - 600
    token = await shared(one)
    one.client.update_item(
        TableName=endpoint[1],
        Key=link_key(token),
        UpdateExpression="SET #views = :views",
        ExpressionAttributeNames={"#views": "views"},
        ExpressionAttributeValues={":views": N(VIEWS - 1)},
    )
    assert len(await seen(one.store, token)) == 1
    with pytest.raises(ShareUsedUp) as told:
        await seen(one.store, token)
    assert told.value.retry_after == DAY - 600
    time.advance(DAY - 600)
    assert len(await seen(one.store, token)) == 1
    row = one.client.get_item(TableName=endpoint[1], Key=link_key(token))["Item"]
    assert row["views"] == {"N": "1"}


async def test_so_many_links(one: Machine, endpoint: tuple[str, str]) -> None:
    """One more than the last is refused; a revoked one makes room."""
    token = await shared(one)
    row = one.client.get_item(TableName=endpoint[1], Key=share_key("ann", token))["Item"]
    for number in range(SHARES - 1):
        one.client.put_item(TableName=endpoint[1], Item=row | share_key("ann", f"copy {number}"))
    with pytest.raises(TooManyShares):
        await one.store.shares.create("ann", "t", WEEK)
    await one.store.shares.revoke("ann", token)
    await one.store.shares.create("ann", "t", WEEK)
