"""Two machines, one step in the midst of another's: nobody asks twice, and no reader sees half."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from c1fn.errors import NotFound, NotWaiting
from c1fn.net.aws.client import Answer, Request
from c1fn.stores import DAY, LEASE, Replay, Store
from tests.stores.clockwork import Clockwork
from tests.stores.contract import answered, ask, claimed
from tests.stores.forks import say
from tests.stores.machines import Fault, Machine, meanwhile, passed
from tests.stores.waiting import YES, answer, waiting

LONG = "".join(f"{i * 104_729:08x}" for i in range(60_000))


async def test_a_turn_that_ends_between_look_up_and_lock(one: Machine, other: Machine) -> None:
    """The model is not asked twice, whatever is committed while a retry is on its way to the lock."""
    claim = claimed(await one.store.turns.open(ask("r1"), history=20))
    turn = answered(claim, "hi")
    looked, committed = asyncio.Event(), asyncio.Event()

    async def commit() -> None:
        await one.store.turns.commit(claim, turn)
        await one.store.settle()

    async def lock(_: Request) -> None:
        with suppress(TimeoutError):  # a design that looks before it locks has looked by then
            await asyncio.wait_for(looked.wait(), 0.05)
        await commit()
        committed.set()

    async def query(request: Request) -> Answer | None:
        if b"by_response" not in request.body:
            await committed.wait()
            return None
        answer = await other.sky.pass_on(request)
        looked.set()
        return answer

    other.sky.at("UpdateItem", lock)
    other.sky.at("Query", query, query)
    assert await other.store.turns.open(ask("r1"), history=20) == Replay(turn)


async def test_a_form_is_saved_while_its_thread_is_loaded(
    one: Machine, endpoint: tuple[str, str], time: Clockwork
) -> None:
    """A reader between a row and its parts does not call the turn damaged."""
    claim = claimed(await one.store.turns.open(ask("r1"), history=20))
    await one.store.turns.commit(claim, answered(claim, "hi"))
    await one.store.threads.revise("ann", "t", "r1", LONG)

    async def saved_again() -> None:
        another = Machine(endpoint, time)
        await another.store.threads.revise("ann", "t", "r1", f"again {LONG}")
        await another.close()

    one.sky.at("GetItem", passed, meanwhile(saved_again))
    (turn,) = await one.store.threads.load("ann", "t")
    assert turn.visible == f"again {LONG}"


async def test_a_long_prompt_ends_while_its_thread_is_loaded(one: Machine, other: Machine) -> None:
    """The same for the prompt of a turn that is committed meanwhile."""
    claim = claimed(await one.store.turns.open(ask("r1", LONG), history=20))
    turn = answered(claim, "hi")

    async def commit() -> None:
        await one.store.turns.commit(claim, turn)
        await one.store.settle()

    other.sky.at("GetItem", passed, meanwhile(commit))
    assert await other.store.threads.load("ann", "t") == (turn,)


READS: dict[str, tuple[list[Fault], Callable[[Store], Awaitable[object]]]] = {
    "load": ([passed], lambda store: store.threads.load("ann", "t")),
    "open": ([], lambda store: store.turns.open(ask("r1"), history=20)),
}
"""With what is got before the part."""


@pytest.mark.parametrize("by", READS)
async def test_a_thread_is_deleted_while_it_is_read(
    one: Machine, endpoint: tuple[str, str], time: Clockwork, by: str
) -> None:
    """A reader between a row and its parts hears that the thread is gone; its turn was not damaged."""
    claim = claimed(await one.store.turns.open(ask("r1"), history=20))
    await one.store.turns.commit(claim, answered(claim, "hi"))
    await one.store.threads.revise("ann", "t", "r1", LONG)

    async def deleted() -> None:
        another = Machine(endpoint, time)
        await another.store.threads.delete("ann", "t")
        await another.close()

    before, read = READS[by]
    one.sky.at("GetItem", *before, meanwhile(deleted))
    with pytest.raises(NotFound):
        await read(one.store)


@pytest.mark.parametrize("begins", ["open", "create"])
async def test_a_thread_that_is_used_when_another_clock_finds_it_too_old(
    endpoint: tuple[str, str], time: Clockwork, begins: str
) -> None:
    """It is not deleted: between a look and the deletion somebody used it, whose clock is slow."""
    one, ahead = Machine(endpoint, time, retention_days=30), Clockwork()
    claim = claimed(await one.store.turns.open(ask("r1"), history=20))
    await one.store.turns.commit(claim, answered(claim, "hi"))
    await one.store.settle()
    time.now += 30 * DAY - 1
    ahead.now = time.now + 2
    other = Machine(endpoint, ahead, retention_days=30)

    async def used() -> None:
        slow = Machine(endpoint, time, retention_days=30)
        began = claimed(await slow.store.turns.open(ask("r2"), history=20))
        await slow.store.turns.commit(began, answered(began, "still here"))
        await slow.close()

    if begins == "open":
        other.sky.at("UpdateItem", passed, meanwhile(used))  # its lock was refused, the deletion comes
        assert claimed(await other.store.turns.open(ask("r3"), history=20)).number == 3
    else:
        other.sky.at("UpdateItem", passed, meanwhile(used))
        assert (await other.store.threads.create("ann", "t", "New")).title == "hello"
    turns = await one.store.threads.load("ann", "t")
    assert [turn.response_id for turn in turns][:2] == ["r1", "r2"]
    await one.close()
    await other.close()


@pytest.mark.parametrize("then", ["nothing", "again"])
@pytest.mark.parametrize("limit", [None, 1])
async def test_a_thread_that_is_deleted_while_it_is_loaded(
    one: Machine, endpoint: tuple[str, str], time: Clockwork, then: str, limit: int | None
) -> None:
    """A reader is told that it is gone, or of all that is there anew; not of an empty thread."""
    for response in ("r1", "r2"):
        claim = claimed(await one.store.turns.open(ask(response), history=20))
        await one.store.turns.commit(claim, answered(claim, "hi"))
    await one.store.settle()

    async def deleted() -> None:
        another = Machine(endpoint, time)
        await another.store.threads.delete("ann", "t")
        if then == "again":
            begun = claimed(await another.store.turns.open(ask("r3"), history=20))
            await another.store.turns.commit(begun, answered(begun, "hi"))
        await another.close()

    one.sky.at("Query", meanwhile(deleted))
    if then == "again":
        (turn,) = await one.store.threads.load("ann", "t", limit=limit)
        assert turn.response_id == "r3"
    else:
        with pytest.raises(NotFound):
            await one.store.threads.load("ann", "t", limit=limit)


async def test_a_refused_answer_that_others_closed_is_refused_again(
    one: Machine, endpoint: tuple[str, str], time: Clockwork
) -> None:
    """Its open took longer than its lease, so it stands there as an interrupted turn: it answers nothing."""
    await waiting(one.store)
    await say(one.store, "r3")
    await one.store.settle()

    async def closed() -> None:
        time.now += LEASE
        another = Machine(endpoint, time)
        with pytest.raises(NotWaiting):
            await another.store.turns.open(answer("r9", YES), history=20)
        await another.close()

    one.sky.at("Query", meanwhile(closed))
    for _ in range(2):
        with pytest.raises(NotWaiting):
            await one.store.turns.open(answer("r2", YES), history=20)
        await one.store.settle()
    assert [turn.response_id for turn in await one.store.threads.load("ann", "t")] == ["r1", "r3", "r2"]
