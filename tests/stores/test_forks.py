"""Forks in DynamoDB under faults: nobody sees half of one, and nothing of one that failed stays."""

import asyncio
from typing import Any

import pytest

from c1fn.errors import Busy, NotFound, StoreUnavailable, TooLarge
from c1fn.stores import DAY, FORK_BYTES, FORK_TURNS, LEASE
from c1fn.stores.dynamodb.items import N, S
from c1fn.stores.dynamodb.keys import turn_sk
from c1fn.stores.dynamodb.pack import SLICE
from c1fn.turn import Feedback, Source, State, Until
from tests.stores.clockwork import Clockwork
from tests.stores.contract import answered, ask, claimed
from tests.stores.forks import ALL, say
from tests.stores.machines import Machine, everything, meanwhile, one_pk, passed, says

LONG = "".join(f"{i * 104_729:08x}" for i in range(60_000))
DENIED = says(400, "AccessDeniedException")


async def rows_of(machine: Machine, endpoint: tuple[str, str], thread: str = "u") -> list[dict[str, Any]]:
    """All rows of a thread's turns that do not expire by themselves."""
    return [
        item
        for item in everything(machine.client, endpoint[1])
        if item["pk"]["S"].startswith(f"T#ann#{thread}#") and "expires_at" not in item
    ]


async def listed(machine: Machine) -> list[str]:
    return [thread.id for thread in (await machine.store.threads.page("ann", cursor=None, limit=9)).threads]


async def test_nobody_sees_half_a_fork(
    one: Machine, other: Machine, endpoint: tuple[str, str], time: Clockwork
) -> None:
    """Between any two of its writes it is not there: not listed, not loaded, not opened, not forked."""
    await say(one.store, "r1", LONG)
    await say(one.store, "r2")
    await one.store.settle()
    seen = 0

    async def look() -> None:
        nonlocal seen
        reader = Machine(endpoint, time)
        assert await listed(reader) == ["t"]
        with pytest.raises(NotFound):
            await reader.store.threads.load("ann", "u")
        with pytest.raises(Busy):
            await reader.store.turns.open(ask("s1", thread="u"), history=20)
        with pytest.raises(Busy):
            await reader.store.threads.create("ann", "u", "Plans")
        with pytest.raises(Busy):
            await reader.store.threads.fork("ann", "t", "u", ALL)
        await reader.close()
        seen += 1

    other.sky.at("PutItem", passed, *[meanwhile(look)] * 4)  # the hidden row; two parts, two turns
    other.sky.at("UpdateItem", meanwhile(look))
    await other.store.threads.fork("ann", "t", "u", ALL)
    assert seen == 5
    assert await one.store.threads.load("ann", "u") == await one.store.threads.load("ann", "t")


@pytest.mark.parametrize(
    ("operation", "before"), [("PutItem", 0), ("PutItem", 1), ("PutItem", 3), ("UpdateItem", 0)]
)
@pytest.mark.parametrize("fault", ["unsent", "lost"])
async def test_a_fault_at_any_write_of_a_fork(one: Machine, operation: str, before: int, fault: str) -> None:
    """It is made, once, whatever call is lost on its way there or back."""
    turns = [await say(one.store, "r1", LONG), await say(one.store, "r2")]
    await one.store.settle()
    one.sky.at(operation, *[passed] * before, *[getattr(one.sky, fault)] * 2)
    await one.store.threads.fork("ann", "t", "u", ALL)
    assert await one.store.threads.load("ann", "u") == tuple(turns)


@pytest.mark.parametrize(("operation", "before"), [("PutItem", 1), ("PutItem", 3), ("UpdateItem", 0)])
async def test_a_fork_that_fails_leaves_nothing(
    one: Machine, endpoint: tuple[str, str], operation: str, before: int
) -> None:
    """No rows, and the same request makes it later."""
    machine = Machine(endpoint, Clockwork())
    turns = [await say(machine.store, "r1", LONG), await say(machine.store, "r2")]
    await machine.store.settle()
    machine.sky.at(operation, *[passed] * before, DENIED)
    with pytest.raises(StoreUnavailable):
        await machine.store.threads.fork("ann", "t", "u", ALL)
    await machine.store.settle()
    assert await rows_of(machine, endpoint) == []
    assert await listed(machine) == ["t"]
    await machine.store.threads.fork("ann", "t", "u", ALL)
    assert await one.store.threads.load("ann", "u") == tuple(turns)
    await machine.close()


async def test_a_fork_that_fails_waits_for_what_it_is_writing(
    one: Machine, endpoint: tuple[str, str]
) -> None:
    """A part of a text is refused while another is on its way: that one is not written after the undoing."""
    await say(one.store, "r1", LONG)
    await one.store.settle()
    one.sky.at("PutItem", passed, DENIED)
    one.sky.slow("PutItem", "BatchWriteItem")
    with pytest.raises(StoreUnavailable):
        await one.store.threads.fork("ann", "t", "u", ALL)
    await one.store.settle()
    assert await rows_of(one, endpoint) == []


async def test_a_process_that_dies_in_a_fork_leaves_nothing(
    one: Machine, other: Machine, endpoint: tuple[str, str], time: Clockwork
) -> None:
    """Once its lease is over, the owner's next list deletes what it wrote; the request can be repeated."""
    turns = [await say(one.store, f"r{i}") for i in range(3)]
    await one.store.settle()
    one.sky.at("UpdateItem", *[DENIED] * 9)
    one.sky.at("GetItem", passed, passed, *[DENIED] * 9)  # not even the undoing works
    with pytest.raises(StoreUnavailable):
        await one.store.threads.fork("ann", "t", "u", ALL)
    await one.store.settle()
    one.sky.clear()
    assert len(await rows_of(one, endpoint)) == 3
    assert await listed(other) == ["t"]
    await other.store.settle()
    assert len(await rows_of(one, endpoint)) == 3
    time.advance(LEASE)
    assert await listed(other) == ["t"]
    await other.store.settle()
    assert await rows_of(one, endpoint) == []
    await other.store.threads.fork("ann", "t", "u", ALL)
    assert await one.store.threads.load("ann", "u") == tuple(turns)


async def test_a_process_that_wakes_up_in_a_fork_shows_nothing(
    one: Machine, endpoint: tuple[str, str], time: Clockwork
) -> None:
    """If its lease was over, and somebody looked, the thread is not shown, and another may be begun there,
    with any responseId: nobody was told of the fork's.
    """
    await say(one.store, "r1")
    await say(one.store, "r2")
    await one.store.settle()
    said = []

    async def passes() -> None:
        time.advance(LEASE)
        another = Machine(endpoint, time)
        assert await listed(another) == ["t"]
        await another.store.settle()
        said.append(await say(another.store, "r2", "otherwise", thread="u"))
        await another.close()

    one.sky.at("UpdateItem", meanwhile(passes))
    with pytest.raises(Busy):
        await one.store.threads.fork("ann", "t", "u", ALL)
    await one.store.settle()
    assert await one.store.threads.load("ann", "u") == tuple(said)


async def test_a_process_that_wakes_up_while_its_fork_is_deleted_shows_nothing(
    one: Machine, endpoint: tuple[str, str], time: Clockwork
) -> None:
    """Nor if whoever looked got no further than to take the thread from it."""
    await say(one.store, "r1")
    await one.store.settle()

    async def passes() -> None:
        time.advance(LEASE)
        another = Machine(endpoint, time)
        another.sky.at("BatchWriteItem", *[DENIED] * 9)
        assert await listed(another) == ["t"]
        await another.store.settle()
        await another.close()

    one.sky.at("UpdateItem", meanwhile(passes))
    with pytest.raises(Busy):
        await one.store.threads.fork("ann", "t", "u", ALL)
    await one.store.settle()
    assert await listed(one) == ["t"]


async def test_a_copy_that_comes_late(one: Machine) -> None:
    """What wrote the turns of a fork is delivered once more: it changes nothing that was done there since."""
    await say(one.store, "r1")
    claim = claimed(await one.store.turns.open(ask("r2"), history=20))
    await one.store.turns.commit(claim, answered(claim, "hal", state=State.FAILED))
    await one.store.settle()
    ghosts: list[Any] = []
    one.sky.at("PutItem", passed, *[ghosts.append] * 2)
    await one.store.threads.fork("ann", "t", "u", ALL)
    await one.store.threads.revise("ann", "u", "r1", "filled in")
    await one.store.threads.rate("ann", "u", "r1", Feedback("up"))
    claim = claimed(await one.store.turns.open(ask("r2", thread="u"), history=20))
    await one.store.turns.commit(claim, answered(claim, "whole"))
    await one.store.settle()
    before = await one.store.threads.load("ann", "u")
    for ghost in ghosts:
        await one.sky.pass_on(ghost)
    assert await one.store.threads.load("ann", "u") == before
    assert [(turn.visible, turn.feedback) for turn in before] == [
        ("filled in", Feedback("up")),
        ("whole", None),
    ]
    assert len(ghosts) == 2


async def test_a_thread_that_is_deleted_while_it_is_forked(
    one: Machine, endpoint: tuple[str, str], time: Clockwork
) -> None:
    """The fork is whole or not there: never with a text that is missing."""
    turn = await say(one.store, "r1", LONG)
    await one.store.settle()

    async def deleted() -> None:
        another = Machine(endpoint, time)
        await another.store.threads.delete("ann", "t")
        await another.close()

    one.sky.at("PutItem", *[passed] * 3, meanwhile(deleted))  # every text is copied by then
    await one.store.threads.fork("ann", "t", "u", ALL)
    assert await one.store.threads.load("ann", "u") == (turn,)
    one.sky.at("PutItem", meanwhile(fork_again(endpoint, time)))
    with pytest.raises(NotFound):
        await one.store.threads.fork("ann", "u", "v", ALL)
    await one.store.settle()
    assert await rows_of(one, endpoint, "v") == []


@pytest.mark.parametrize("dead", [False, True])
async def test_a_thread_that_is_deleted_while_its_turns_are_read(
    one: Machine, endpoint: tuple[str, str], time: Clockwork, *, dead: bool
) -> None:
    """Then it is not found, and nothing is made: also if its last turn, whose machine died, is in its row."""
    for response in ("r1", "r2"):
        await say(one.store, response)
    if dead:
        claimed(await one.store.turns.open(ask("r3"), history=20))
        time.advance(LEASE)
    await one.store.settle()

    async def deleted() -> None:
        another = Machine(endpoint, time)
        await another.store.threads.delete("ann", "t")
        await another.close()

    one.sky.at("Query", lambda _: None, meanwhile(deleted))
    with pytest.raises(NotFound):
        await one.store.threads.fork("ann", "t", "u", ALL)
    with pytest.raises(NotFound):
        await one.store.threads.load("ann", "u")


@pytest.mark.parametrize("taken", [True, False])
async def test_a_thread_that_goes_on_after_a_dead_turn_while_it_is_forked(
    one: Machine, endpoint: tuple[str, str], time: Clockwork, *, taken: bool
) -> None:
    """It is refused and can be repeated, and then ends where it was asked to: the thread's row, which has the
    dead turn as the last, was read before.
    """
    await say(one.store, "r1")
    claimed(await one.store.turns.open(ask("r2"), history=20))
    time.advance(LEASE)
    await one.store.settle()

    async def goes_on() -> None:
        another = Machine(endpoint, time)
        await say(another.store, "r3")
        await another.close()

    one.sky.at("Query", passed, meanwhile(goes_on))
    with pytest.raises(Busy, match="changed"):
        await one.store.threads.fork("ann", "t", "u", Until("r3", taken=taken))
    made = await one.store.threads.fork("ann", "t", "u", Until("r3", taken=taken))
    turns = await one.store.threads.load("ann", "u")
    assert [turn.response_id for turn in turns] == ["r1", "r2", "r3"][: 2 + taken]
    assert made.source == Source("t", turns[-1].response_id)


def fork_again(endpoint: tuple[str, str], time: Clockwork) -> Any:
    async def deleted() -> None:
        another = Machine(endpoint, time)
        await another.store.threads.delete("ann", "u")
        await another.close()

    return deleted


async def test_a_form_that_is_saved_while_its_thread_is_forked(
    one: Machine, endpoint: tuple[str, str], time: Clockwork
) -> None:
    """If its old text is gone before it was copied, the fork is refused, and can be repeated."""
    await say(one.store, "r1")
    await one.store.threads.revise("ann", "t", "r1", LONG)
    await one.store.settle()

    async def saved() -> None:
        another = Machine(endpoint, time)
        await another.store.threads.revise("ann", "t", "r1", LONG[::-1])
        await another.close()

    one.sky.at("PutItem", meanwhile(saved))
    with pytest.raises(Busy, match="changed"):
        await one.store.threads.fork("ann", "t", "u", ALL)
    await one.store.settle()
    await one.store.threads.fork("ann", "t", "u", ALL)
    (turn,) = await one.store.threads.load("ann", "u")
    assert turn.revised == LONG[::-1]


async def test_a_damaged_turn_is_copied_as_it_is(one: Machine, endpoint: tuple[str, str]) -> None:
    """A fork does not fail because of it, and makes it no worse."""
    await say(one.store, "r1", LONG)
    await say(one.store, "r2")
    await one.store.settle()
    part = next(item for item in everything(one.client, endpoint[1]) if item["sk"]["S"].startswith("P#"))
    one.client.delete_item(TableName=endpoint[1], Key={"pk": part["pk"], "sk": part["sk"]})
    await one.store.threads.fork("ann", "t", "u", ALL)
    assert await one.store.threads.load("ann", "u") == await one.store.threads.load("ann", "t")
    assert (await one.store.threads.load("ann", "u"))[0].state is State.FAILED


async def more_turns(machine: Machine, endpoint: tuple[str, str], count: int, **change: Any) -> None:
    """Turns 2 to ``count``, as copies of the first."""
    key = {"pk": S(one_pk(machine)), "sk": S(turn_sk(1))}
    first = machine.client.get_item(TableName=endpoint[1], Key=key, ConsistentRead=True)["Item"]
    for start in range(2, count + 1, 25):
        rows = [
            first | {"sk": S(turn_sk(at)), "response": S(f"r{at}")} | change
            for at in range(start, min(start + 25, count + 1))
        ]
        machine.client.batch_write_item(
            RequestItems={endpoint[1]: [{"PutRequest": {"Item": row}} for row in rows]}
        )
    machine.client.update_item(
        TableName=endpoint[1],
        Key={"pk": S("U#ann"), "sk": S("t")},
        UpdateExpression="SET n = :n",
        ExpressionAttributeValues={":n": N(count)},
    )


async def test_the_longest_fork(one: Machine, endpoint: tuple[str, str]) -> None:
    """A thousand turns are copied; of more, nothing is, and the error says what can be done."""
    await say(one.store, "r1")
    await one.store.settle()
    await more_turns(one, endpoint, FORK_TURNS + 1)
    with pytest.raises(TooLarge, match="earlier turn"):
        await one.store.threads.fork("ann", "t", "u", ALL)
    assert await rows_of(one, endpoint) == []
    await one.store.threads.fork("ann", "t", "u", Until(f"r{FORK_TURNS}"))
    turns = await one.store.threads.load("ann", "u")
    assert [turn.number for turn in turns] == list(range(1, FORK_TURNS + 1))
    assert claimed(await one.store.turns.open(ask("s", thread="u"), history=1)).number == FORK_TURNS + 1


async def test_the_largest_fork(one: Machine, endpoint: tuple[str, str]) -> None:
    """What is copied has a size at most, counted before anything is written."""
    await say(one.store, "r1")
    await one.store.settle()
    parts = {"M": {"token": S("x"), "count": N(FORK_BYTES // SLICE)}}
    await more_turns(one, endpoint, 3, body=parts)
    with pytest.raises(TooLarge):
        await one.store.threads.fork("ann", "t", "u", ALL)
    assert await rows_of(one, endpoint) == []


async def test_copies_expire_with_their_originals(endpoint: tuple[str, str], time: Clockwork) -> None:
    """A fork keeps nothing for longer than its source would; the new thread outlives its turns."""
    machine = Machine(endpoint, time, retention_days=30)
    await say(machine.store, "r1", LONG)
    await machine.store.settle()
    time.advance(10 * DAY)
    await machine.store.threads.fork("ann", "t", "u", ALL)
    times: dict[str, set[str]] = {"t": set(), "u": set()}
    for item in everything(machine.client, endpoint[1]):
        if item["pk"]["S"].startswith("T#"):
            times[item["pk"]["S"].split("#")[2]].add(item["expires_at"]["N"])
    assert times["t"] == times["u"]
    time.advance(20 * DAY)
    assert await machine.store.threads.load("ann", "u") == ()
    assert await listed(machine) == ["u"]
    time.advance(10 * DAY)
    assert await listed(machine) == []
    await machine.close()


async def test_what_a_fork_costs(one: Machine, endpoint: tuple[str, str]) -> None:
    """Calls: two reads of the threads' rows, one of each page of turns, one write of each turn, two more."""
    await say(one.store, "r1")
    await one.store.settle()
    await more_turns(one, endpoint, 50)
    one.sky.seen.clear()
    await one.store.threads.fork("ann", "t", "u", ALL)
    assert one.sky.seen == [
        *["GetItem"] * 2, "Query", "Query", *["PutItem"] * 51, "UpdateItem",
    ]  # fmt: skip


async def test_forks_of_different_answers_at_once(endpoint: tuple[str, str], time: Clockwork) -> None:
    """Eight processes fork one thread while it goes on: each fork has the turns that it was asked for."""
    machines = [Machine(endpoint, time) for _ in range(4)]
    turns = [await say(machines[0].store, f"r{i}", f"question {i}") for i in range(4)]
    made = [
        machine.store.threads.fork("ann", "t", f"u{at}-{i}", Until(f"r{i}"))
        for at, machine in enumerate(machines)
        for i in range(4)
    ]
    opening = asyncio.create_task(machines[0].store.turns.open(ask("r9"), history=20))
    await asyncio.gather(*made)
    claim = claimed(await opening)
    await machines[0].store.turns.commit(claim, answered(claim, "hi"))
    for at in range(4):
        for i in range(4):
            assert await machines[at].store.threads.load("ann", f"u{at}-{i}") == tuple(turns[: i + 1])
    for machine in machines:
        await machine.close()
