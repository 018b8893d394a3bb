"""An owner's data on a server: what no row leads to, faults in the midst, and others at the same time."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from c1fn.errors import Busy, NotFound, StoreUnavailable
from c1fn.stores import DAY, LEASE
from c1fn.stores.dynamodb.calls import ATTEMPTS
from c1fn.stores.dynamodb.keys import ThreadKey
from c1fn.turn import Thread, Turn
from tests.stores.clockwork import Clockwork
from tests.stores.contract import ask, claimed
from tests.stores.machines import Machine, everything, meanwhile, passed
from tests.stores.owning import LONG, a_turn, erased, left, say, told

PLANS = Thread("t", "Plans", 1.0, 1_900_000_000.0)


async def test_what_no_row_leads_to_is_found_and_erased(
    one: Machine, endpoint: tuple[str, str], time: Clockwork
) -> None:
    """Turns and parts whose thread's row is gone, and tombstones of an id that was used again."""
    await say(one.store, "r1", text=LONG)
    one.client.delete_item(TableName=endpoint[1], Key=ThreadKey("ann", "t").row)
    await say(one.store, "r2", thread="u%#")
    await one.store.threads.delete("ann", "u%#")
    await say(one.store, "r3", thread="u%#")
    kinds = {found.kind for found in await left(one.store)}
    assert kinds == {"thread", "turn", "part", "tombstone"}
    stayed = await erased(one.store)
    assert {found.kind for found in stayed} == {"tombstone"}
    assert {found.key.split("#")[2] for found in stayed if found.key.startswith("T#")} == {"u%25%23"}
    time.advance(DAY)
    assert await erased(one.store) == []
    assert everything(one.client, endpoint[1]) == []


async def test_rows_stay_where_the_table_deletes_nothing(one: Machine, endpoint: tuple[str, str]) -> None:
    """If time to live is off, no row has a day on which it goes."""
    await say(one.store, "r1")
    await one.store.threads.delete("ann", "t")
    assert all(found.goes for found in await left(one.store))
    off = {"Enabled": False, "AttributeName": "expires_at"}
    one.client.update_time_to_live(TableName=endpoint[1], TimeToLiveSpecification=off)
    assert [found.goes for found in await left(one.store)] == [None] * 3


@pytest.mark.parametrize(
    "operation", ["BatchWriteItem", "UpdateItem", "DeleteItem", "GetItem", "Query", "Scan"]
)
async def test_an_erase_that_broke_off_is_repeated(one: Machine, time: Clockwork, operation: str) -> None:
    """Wherever it breaks off, the same again erases the rest."""
    for number in range(3):
        await say(one.store, "r1", thread=f"t{number}", text=LONG)
    time.advance(DAY)
    await say(one.store, "r2", thread="t2")
    first = [] if operation == "Scan" else [passed]
    one.sky.at(operation, *first, *[one.sky.unsent] * 4 * ATTEMPTS)
    with pytest.raises(StoreUnavailable):
        await erased(one.store)
    one.sky.clear()
    await erased(one.store)
    time.advance(DAY)
    assert await erased(one.store) == []
    assert await left(one.store) == []


async def test_a_prompt_during_an_erase(one: Machine, endpoint: tuple[str, str], time: Clockwork) -> None:
    """What is begun meanwhile is whole, and is told of; its thread has nothing of before."""
    await say(one.store, "r1", thread="t")
    time.advance(DAY)

    async def prompted() -> None:
        another = Machine(endpoint, time)
        turn = await say(another.store, "r9")
        assert turn.number == 1
        await another.close()

    one.sky.at("Scan", meanwhile(prompted))
    stayed = await erased(one.store)
    assert sorted(found.kind for found in stayed) == ["thread", "turn"]
    (turn,) = await one.store.threads.load("ann", "t")
    assert turn.response_id == "r9"


@pytest.mark.parametrize("call", range(4))
async def test_a_prompt_while_its_thread_is_erased(
    one: Machine, endpoint: tuple[str, str], time: Clockwork, call: int
) -> None:
    """Whether it comes before or after the thread is marked: it is erased, or begins anew."""
    await say(one.store, "r1")
    time.advance(DAY)

    async def prompted() -> None:
        another = Machine(endpoint, time)
        await say(another.store, "r9")
        await another.close()

    operations = ["UpdateItem", "GetItem", "BatchWriteItem", "DeleteItem"]
    one.sky.at(operations[call], meanwhile(prompted))
    await erased(one.store)
    try:
        turns = await one.store.threads.load("ann", "t")
    except NotFound:
        turns = ()
    assert [turn.response_id for turn in turns] in ([], ["r9"])
    time.advance(DAY)
    assert await erased(one.store) == []
    assert await left(one.store) == []


async def test_more_than_a_page_of_threads_is_erased(one: Machine, time: Clockwork) -> None:
    """However many threads there are."""
    for _ in range(4):
        await asyncio.gather(
            *(one.store.threads.create("ann", f"t{time.now}.{number}", "Plans") for number in range(30))
        )
        time.advance(1)
    time.advance(DAY)
    assert await erased(one.store) == []
    assert await left(one.store) == []


# ---- restored


async def halfway(reached: asyncio.Event, go: asyncio.Event, count: int = 30) -> AsyncGenerator[Turn, None]:
    """Turns, of which the last one waits."""
    for number in range(1, count):
        yield a_turn(number, 1_800_000_000.0)
    reached.set()
    await go.wait()
    yield a_turn(count, 1_800_000_000.0)


async def test_who_comes_while_a_thread_is_restored(one: Machine, other: Machine, time: Clockwork) -> None:
    """They are told to wait, and nobody sees it; lists do not sweep it."""
    reached, go = asyncio.Event(), asyncio.Event()
    restoring = asyncio.create_task(one.store.owners.restore("ann", PLANS, halfway(reached, go)))
    await reached.wait()
    for response in ("r1", "new"):
        with pytest.raises(Busy, match="is"):
            await other.store.turns.open(ask(response), history=3)
    with pytest.raises(Busy):
        await other.store.threads.create("ann", "t", "Mine")
    with pytest.raises(Busy):
        await other.store.owners.restore("ann", PLANS, told([]))
    with pytest.raises(NotFound):
        await other.store.threads.load("ann", "t")
    assert (await other.store.threads.page("ann", cursor=None, limit=5)).threads == ()
    await other.store.settle()
    time.advance(LEASE / 2)
    go.set()
    assert await restoring == "restored"
    assert len(await other.store.threads.load("ann", "t")) == 30


@pytest.mark.parametrize("end", ["deleted", "erased", "listed"])
async def test_a_restore_that_lost_its_thread_leaves_nothing(
    one: Machine, other: Machine, time: Clockwork, end: str
) -> None:
    """It is deleted or erased meanwhile, or its lease is over and a list went on with the deletion."""
    reached, go = asyncio.Event(), asyncio.Event()
    restoring = asyncio.create_task(one.store.owners.restore("ann", PLANS, halfway(reached, go)))
    await reached.wait()
    time.advance(LEASE)
    if end == "deleted":
        await other.store.threads.delete("ann", "t")
    elif end == "erased":
        await erased(other.store)
    else:
        await other.store.threads.page("ann", cursor=None, limit=5)
        await other.store.settle()
    go.set()
    with pytest.raises(Busy):
        await restoring
    assert {found.kind for found in await left(other.store)} <= {"tombstone"}
    assert await other.store.owners.restore("ann", PLANS, told([a_turn(1, time.now)])) == "restored"


async def test_a_machine_that_died_while_it_restored_leaves_nothing(
    one: Machine, other: Machine, time: Clockwork
) -> None:
    """Its lease is over after 25 seconds; then the same restore begins anew, or a list sweeps the rows."""
    reached, go = asyncio.Event(), asyncio.Event()
    restoring = asyncio.create_task(one.store.owners.restore("ann", PLANS, halfway(reached, go)))
    await reached.wait()
    one.sky.at("UpdateItem", *[one.sky.unsent] * 10 * ATTEMPTS)  # it cannot even clean up
    one.sky.at("BatchWriteItem", *[one.sky.unsent] * 10 * ATTEMPTS)
    one.sky.at("GetItem", *[one.sky.unsent] * 10 * ATTEMPTS)
    restoring.cancel()
    await asyncio.wait({restoring})
    assert {found.kind for found in await left(other.store)} >= {"turn"}
    time.advance(LEASE)
    turns = [a_turn(1, time.now)]
    assert await other.store.owners.restore("ann", PLANS, told(turns)) == "restored"
    assert await other.store.threads.load("ann", "t") == tuple(turns)
    assert sorted(found.kind for found in await left(other.store))[:2] == ["thread", "tombstone"]


@pytest.mark.parametrize(
    ("operation", "before"), [("PutItem", 0), ("PutItem", 1), ("PutItem", 7), ("UpdateItem", 0)]
)
async def test_a_restore_whose_replies_are_lost(
    one: Machine, time: Clockwork, operation: str, before: int
) -> None:
    """A write that was made and is sent again is made once."""
    turns = [a_turn(number, time.now, revised=f"{number} {LONG}") for number in range(1, 4)]
    one.sky.at(operation, *[passed] * before, one.sky.lost)
    assert await one.store.owners.restore("ann", PLANS, told(turns)) == "restored"
    assert await one.store.threads.load("ann", "t") == tuple(turns)


async def test_a_restore_of_which_the_end_is_not_heard(one: Machine, time: Clockwork) -> None:
    """If every reply of the last write is lost, the thread is whole, or not there: never half."""
    turns = [a_turn(1, time.now)]
    one.sky.at("UpdateItem", *[one.sky.lost] * ATTEMPTS)
    with pytest.raises(StoreUnavailable):
        await one.store.owners.restore("ann", PLANS, told(turns))
    assert await one.store.threads.load("ann", "t") == tuple(turns)
    assert await one.store.owners.restore("ann", PLANS, told(turns)) == "exists"


async def test_a_thread_of_which_the_retention_hides_a_part(
    endpoint: tuple[str, str], time: Clockwork
) -> None:
    """Turns that are too old are not restored, nor a thread that is; what is restored expires in time."""
    machine = Machine(endpoint, time, retention_days=30)
    turns = [a_turn(1, time.now - 31 * DAY), a_turn(2, time.now - 29 * DAY, revised=LONG)]
    store = machine.store
    old = Thread("old", "Old", 1.0, time.now - 30 * DAY)
    assert await store.owners.restore("ann", old, told(turns)) == "too old"
    assert await left(store) == []
    thread = Thread("t", "Plans", 1.0, time.now - 29 * DAY)
    assert await store.owners.restore("ann", thread, told(turns)) == "restored"
    (turn,) = await store.threads.load("ann", "t")
    assert (turn.number, turn.response_id) == (1, "r2")
    assert {found.kind: found.goes for found in await left(store)} == {
        "thread": time.now + 2 * DAY,
        "turn": time.now + DAY,
        "part": time.now + DAY,
    }
    await machine.close()


async def test_a_turn_that_runs_is_kept_out(one: Machine) -> None:
    """Nothing is restored over a thread on which a turn runs."""
    claimed(await one.store.turns.open(ask("r1"), history=3))
    assert await one.store.owners.restore("ann", PLANS, told([])) == "exists"
