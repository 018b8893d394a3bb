"""What may stay in the table, and for how long: nothing that no row leads to."""

import asyncio

import pytest

from c1fn.errors import LeaseLost, NotFound, StoreUnavailable, TooManyAtOnce
from c1fn.net.aws.client import Answer, Request
from c1fn.stores import DAY, LEASE, Quota, Replay
from c1fn.stores.dynamodb import connect
from c1fn.stores.dynamodb.calls import ATTEMPTS
from c1fn.stores.dynamodb.keys import ThreadKey, usage_key
from c1fn.turn import State
from tests.stores.clockwork import Clockwork
from tests.stores.contract import answered, ask, claimed
from tests.stores.machines import Machine, everything, meanwhile, passed, says

LONG = "".join(f"{i * 104_729:08x}" for i in range(60_000))


async def keys_left(machine: Machine, endpoint: tuple[str, str], *, but: str = "U#") -> list[str]:
    """The rows that do not expire by themselves, without those of threads."""
    items = everything(machine.client, endpoint[1])
    return [
        item["sk"]["S"] for item in items if "expires_at" not in item and not item["pk"]["S"].startswith(but)
    ]


async def test_a_long_prompt_leaves_nothing(one: Machine, endpoint: tuple[str, str]) -> None:
    """Its parts go when the turn is committed, in each generation of the thread."""
    text = LONG[:20_000]  # more than the lock holds, less than a turn's row does
    for life in range(2):
        claim = claimed(await one.store.turns.open(ask(f"r{life}", text), history=20))
        assert [sk[:2] for sk in await keys_left(one, endpoint)] == ["P#"]
        (running,) = await one.store.threads.load("ann", "t")
        assert running.prompt.content == text
        await one.store.turns.commit(claim, answered(claim, "hi"))
        await one.store.settle()
        assert [sk[:2] for sk in await keys_left(one, endpoint)] == ["T#"]
        await one.store.threads.delete("ann", "t")
        assert await keys_left(one, endpoint) == []


async def test_a_machine_that_died_leaves_no_parts(one: Machine, other: Machine, time: Clockwork) -> None:
    """What it had written of its answer goes when its turn is taken over."""
    claim = claimed(await one.store.turns.open(ask("r1", LONG), history=20))
    denied = says(400, "AccessDeniedException")
    one.sky.at("PutItem", passed, passed, *[denied] * 200)
    one.sky.at("UpdateItem", *[denied] * 200)
    with pytest.raises(StoreUnavailable):
        await one.store.turns.commit(claim, answered(claim, f"{LONG}{LONG[::-1]}"))
    one.sky.clear()
    time.advance(LEASE)
    claimed(await other.store.turns.open(ask("r2"), history=20))
    name = one.store._calls.table
    items = everything(one.client, name)
    assert [item["sk"]["S"] for item in items if item["sk"]["S"].startswith(f"P#{claim.attempt}.")] == []


async def test_a_thread_that_was_deleted_during_an_open_leaves_no_parts(
    one: Machine, endpoint: tuple[str, str], time: Clockwork
) -> None:
    """Its prompt was written after the deletion was complete; it goes when its turn ends."""

    async def deleted() -> None:
        another = Machine(endpoint, time)
        await another.store.threads.delete("ann", "t")
        await another.close()

    one.sky.at("PutItem", meanwhile(deleted))
    claim = claimed(await one.store.turns.open(ask("r1", LONG[:20_000]), history=20))
    with pytest.raises(LeaseLost):
        await one.store.turns.commit(claim, answered(claim, "hi"))
    await one.store.settle()
    assert await keys_left(one, endpoint) == []


async def test_an_open_that_lost_its_lock_leaves_no_parts(
    one: Machine, endpoint: tuple[str, str], time: Clockwork
) -> None:
    """Its lease ended before it wrote its long prompt: another turn runs, and nothing leads to the parts."""

    async def taken_over() -> None:
        time.advance(LEASE)
        another = Machine(endpoint, time)
        claimed(await another.store.turns.open(ask("r2"), history=20))
        await another.close()

    one.sky.at("PutItem", meanwhile(taken_over))
    opened = await one.store.turns.open(ask("r1", LONG[:20_000]), history=20)
    assert isinstance(opened, Replay)
    assert opened.turn.state is State.INTERRUPTED
    await one.store.settle()
    assert [sk for sk in await keys_left(one, endpoint) if sk.startswith("P#")] == []


async def test_a_failed_open_leaves_no_parts(
    one: Machine, endpoint: tuple[str, str], time: Clockwork
) -> None:
    """Its prompt's parts go, also if they were still being written when its client left."""
    machine = Machine(endpoint, time)
    await one.store.threads.create("ann", "t", "Plans")
    writing = machine.sky.slow("PutItem", "BatchWriteItem")
    opening = asyncio.create_task(machine.store.turns.open(ask("r1", LONG[:20_000]), history=20))
    await writing.wait()
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await machine.close()
    assert await keys_left(one, endpoint) == []


async def test_parts_of_a_form_that_was_never_saved_expire(one: Machine, endpoint: tuple[str, str]) -> None:
    """What is written before a row names it goes by itself, and stays once a row does."""
    claim = claimed(await one.store.turns.open(ask("r1"), history=20))
    await one.store.turns.commit(claim, answered(claim, "hi"))
    await one.store.settle()
    one.sky.at("UpdateItem", *[one.sky.unsent] * ATTEMPTS)
    with pytest.raises(StoreUnavailable):
        await one.store.threads.revise("ann", "t", "r1", LONG)
    assert [sk for sk in await keys_left(one, endpoint) if sk.startswith("P#")] == []
    (turn,) = await one.store.threads.load("ann", "t")
    assert turn.visible == "hi"
    await one.store.threads.revise("ann", "t", "r1", LONG)
    assert len([sk for sk in await keys_left(one, endpoint) if sk.startswith("P#")]) == 1


async def test_the_list_goes_on_with_a_deletion_that_broke_off(
    other: Machine, endpoint: tuple[str, str], time: Clockwork
) -> None:
    """Whoever looks at the list finishes it; until then the thread's row leads to what is left."""
    one = Machine(endpoint, time, retention_days=30)
    for response in ("r1", "r2"):
        claim = claimed(await one.store.turns.open(ask(response), history=20))
        await one.store.turns.commit(claim, answered(claim, "hi"))
    await one.store.settle()
    one.sky.at("BatchWriteItem", *[one.sky.unsent] * ATTEMPTS)
    with pytest.raises(StoreUnavailable):
        await one.store.threads.delete("ann", "t")
    row = one.client.get_item(TableName=endpoint[1], Key=ThreadKey("ann", "t").row)["Item"]
    assert "expires_at" not in row
    assert (await other.store.threads.page("ann", cursor=None, limit=3)).threads == ()
    await other.store.settle()
    assert await keys_left(one, endpoint, but="-") == []
    assert [item for item in everything(one.client, endpoint[1]) if "body" in item or "run" in item] == []
    await one.close()


async def test_a_turn_hears_of_a_deletion_that_broke_off(
    one: Machine, other: Machine, time: Clockwork
) -> None:
    """As soon as the thread is hidden, whoever runs a turn on it has lost it."""
    claim = claimed(await one.store.turns.open(ask("r1"), history=20))
    other.sky.at("BatchWriteItem", *[other.sky.unsent] * ATTEMPTS)
    with pytest.raises(StoreUnavailable):
        await other.store.threads.delete("ann", "t")
    for seconds in (1, 10):
        time.advance(seconds)
        with pytest.raises(LeaseLost):
            await one.store.turns.renew(claim, "so far")


async def test_a_thread_of_a_used_id_is_kept(one: Machine, endpoint: tuple[str, str]) -> None:
    """It does not expire with the tombstone of the one before, also while nobody has asked in it."""
    claim = claimed(await one.store.turns.open(ask("r1"), history=20))
    await one.store.turns.commit(claim, answered(claim, "hi"))
    await one.store.threads.delete("ann", "t")
    await one.store.threads.create("ann", "t", "Sales")
    await one.store.settle()
    row = one.client.get_item(TableName=endpoint[1], Key=ThreadKey("ann", "t").row)["Item"]
    assert "expires_at" not in row


@pytest.mark.parametrize(("before", "after"), [(0, 30), (30, 0)])
async def test_old_turns_of_a_thread_whose_retention_changed(
    endpoint: tuple[str, str], time: Clockwork, before: int, after: int
) -> None:
    """What is too old now, or has expired, is not shown, though it is still there."""
    for days, response in ((before, "r1"), (after, "r2")):
        machine = Machine(endpoint, time, retention_days=days)
        claim = claimed(await machine.store.turns.open(ask(response), history=20))
        await machine.store.turns.commit(claim, answered(claim, "hi"))
        await machine.close()
        time.advance(20 * DAY)
    machine = Machine(endpoint, time, retention_days=after)
    assert [turn.response_id for turn in await machine.store.threads.load("ann", "t")] == ["r2"]
    claim = claimed(await machine.store.turns.open(ask("r3"), history=20))
    assert (claim.number, [turn.response_id for turn in claim.history]) == (3, ["r2"])
    await machine.close()


async def test_a_generation_is_never_used_again(one: Machine, endpoint: tuple[str, str]) -> None:
    """If a thread's row goes before its turns, a new thread of its id shows nothing of them."""
    claim = claimed(await one.store.turns.open(ask("r1"), history=20))
    await one.store.turns.commit(claim, answered(claim, "hi"))
    await one.store.settle()
    one.client.delete_item(TableName=endpoint[1], Key=ThreadKey("ann", "t").row)
    claim = claimed(await one.store.turns.open(ask("r1"), history=20))
    assert (claim.number, claim.history) == (1, ())


@pytest.mark.parametrize(("before", "after"), [(0, 30), (90, 30), (30, 0), (30, 90)])
async def test_a_threads_row_outlives_its_turns(
    endpoint: tuple[str, str], time: Clockwork, before: int, after: int
) -> None:
    """However the retention changes: no row of a thread expires later than the row that leads to it."""
    for days in (before, after, after):
        machine = Machine(endpoint, time, retention_days=days)
        claim = claimed(await machine.store.turns.open(ask(f"r{time.now}", LONG), history=20))
        await machine.store.turns.commit(claim, answered(claim, f"{LONG} too"))
        await machine.store.threads.revise("ann", "t", claim.ask.response_id, LONG)
        time.advance(DAY)
        await machine.close()
    client = connect(endpoint[0])
    items = everything(client, endpoint[1])
    client.close()
    (thread,) = [item for item in items if item["pk"]["S"].startswith("U#")]
    kept = float(thread["expires_at"]["N"]) if "expires_at" in thread else float("inf")
    others = [item for item in items if item is not thread]
    assert len(others) >= 6
    assert max(float(item.get("expires_at", {"N": "inf"})["N"]) for item in others) <= kept


@pytest.mark.parametrize("before", [0, 30])
async def test_a_retention_that_was_switched_on_hides_what_is_too_old(
    endpoint: tuple[str, str], time: Clockwork, before: int
) -> None:
    """Also rows that were written when there was none, or that expire a day later; the id begins anew."""
    machine = Machine(endpoint, time, retention_days=before)
    claim = claimed(await machine.store.turns.open(ask("r1"), history=20))
    await machine.store.turns.commit(claim, answered(claim, "hi"))
    await machine.close()
    time.advance(30.5 * DAY)
    machine = Machine(endpoint, time, retention_days=30)
    assert (await machine.store.threads.page("ann", cursor=None, limit=3)).threads == ()
    with pytest.raises(NotFound):
        await machine.store.threads.load("ann", "t")
    claim = claimed(await machine.store.turns.open(ask("r1"), history=20))
    assert (claim.number, claim.history) == (1, ())
    await machine.close()


async def test_a_thread_that_was_created_outlives_a_refused_prompt(
    endpoint: tuple[str, str], time: Clockwork
) -> None:
    """A refused first prompt takes its thread with it, but not one that was acknowledged meanwhile."""
    machine = Machine(endpoint, time, quota=Quota(at_once=1))
    claimed(await machine.store.turns.open(ask("r1", thread="busy"), history=20))

    async def created() -> None:
        another = Machine(endpoint, time)
        assert (await another.store.threads.create("ann", "t", "Plans")).id == "t"
        await another.close()

    machine.sky.at("UpdateItem", passed, meanwhile(created))
    with pytest.raises(TooManyAtOnce):
        await machine.store.turns.open(ask("r2"), history=20)
    await machine.store.settle()
    assert await machine.store.threads.load("ann", "t") == ()
    with pytest.raises(TooManyAtOnce):
        await machine.store.turns.open(ask("r3", thread="u"), history=20)
    await machine.store.settle()
    page = await machine.store.threads.page("ann", cursor=None, limit=5)
    assert sorted(thread.id for thread in page.threads) == ["busy", "t"]
    await machine.close()


async def test_a_refused_prompt_leaves_no_thread_through_a_lost_reply(
    endpoint: tuple[str, str], time: Clockwork
) -> None:
    """Not even where the reply of the lock that made it was lost."""
    machine = Machine(endpoint, time, quota=Quota(at_once=1))
    claimed(await machine.store.turns.open(ask("r1", thread="busy"), history=20))
    machine.sky.at("UpdateItem", machine.sky.lost)
    with pytest.raises(TooManyAtOnce):
        await machine.store.turns.open(ask("r2"), history=20)
    await machine.store.settle()
    page = await machine.store.threads.page("ann", cursor=None, limit=5)
    assert [thread.id for thread in page.threads] == ["busy"]
    await machine.close()


@pytest.mark.parametrize("end", ["lost", "left"])
async def test_a_follower_that_did_not_begin_takes_no_place(
    endpoint: tuple[str, str], time: Clockwork, end: str
) -> None:
    """Neither if the replies of its beginning were lost, nor if its reader leaves while it begins."""
    machine = Machine(endpoint, time, quota=Quota(at_once=1))
    claimed(await machine.store.turns.open(ask("r1"), history=20))
    machine.client.update_item(
        TableName=endpoint[1],
        Key=usage_key("ann"),
        UpdateExpression="SET following = :none",
        ExpressionAttributeValues={":none": {"M": {}}},
    )
    begun, written, go = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow(request: Request) -> Answer:
        begun.set()
        await go.wait()
        answer = await machine.sky.pass_on(request)
        written.set()
        return answer

    machine.sky.at("UpdateItem", *([slow] if end == "left" else [machine.sky.lost] * ATTEMPTS))
    story = asyncio.ensure_future(anext(machine.store.turns.follow("ann", "t", "r1")))
    if end == "left":
        await begun.wait()
        story.cancel()
        await asyncio.wait({story})
        go.set()
        await written.wait()
    else:
        with pytest.raises(StoreUnavailable):
            await story
    await machine.store.settle()
    item = machine.client.get_item(TableName=endpoint[1], Key=usage_key("ann"), ConsistentRead=True)["Item"]
    assert item.get("following", {"M": {}}) == {"M": {}}
    await machine.close()
