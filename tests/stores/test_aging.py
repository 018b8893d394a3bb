"""A retention that changed, applied to old rows: nothing outlives the row that leads to it, at any moment."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from c1fn.errors import StoreUnavailable
from c1fn.net.aws.client import Request
from c1fn.stores import DAY
from c1fn.stores.dynamodb.aging import Aged, Aging
from c1fn.stores.dynamodb.calls import ATTEMPTS, Calls
from c1fn.stores.dynamodb.retention import Retention
from c1fn.stores.owners import nobody
from tests.stores.clockwork import START, Clockwork
from tests.stores.contract import ask, claimed
from tests.stores.machines import Machine, at_once, everything, meanwhile
from tests.stores.owning import LONG, say

Filled = Callable[[int], Awaitable[None]]


async def aged(machine: Machine, days: int) -> Aged:
    """One run with this retention."""
    calls = Calls(machine.service, machine.store._calls.table, sleep=at_once)
    return await Aging(calls, Retention(days * DAY), nobody).run()


def expiries(machine: Machine) -> dict[str, set[float | None]]:
    """When rows expire, in days after the beginning, by their kind: thread, turn, part."""
    found: dict[str, set[float | None]] = {}
    for item in everything(machine.client, machine.store._calls.table):
        kind = item["pk"]["S"][0] + item["sk"]["S"][0]
        at = float(item["expires_at"]["N"]) if "expires_at" in item else None
        found.setdefault("U" if kind[0] == "U" else kind, set()).add(
            None if at is None else (at - START) / DAY
        )
    return found


def holds(machine: Machine) -> None:
    """No turn and no part expires later than its thread's row."""
    found = expiries(machine)
    never = float("inf")
    (thread,) = found["U"]
    rest = found["TT"] | found["TP"]
    assert max(never if at is None else at for at in rest) <= (never if thread is None else thread)


async def filled(endpoint: tuple[str, str], time: Clockwork, days: int) -> Machine:
    """A thread with a turn, a form and a long prompt, written with this retention, in one moment."""
    machine = Machine(endpoint, time, retention_days=days)
    await say(machine.store, "r1", text=f"{LONG}{LONG[::-1]}")
    await machine.store.threads.revise("ann", "t", "r1", LONG)
    await say(machine.store, "r2")
    return machine


@pytest.mark.parametrize(("before", "after"), [(0, 30), (90, 30), (30, 90), (30, 0), (30, 30)])
async def test_old_rows_get_the_expiry_that_new_ones_would_have(
    endpoint: tuple[str, str], time: Clockwork, before: int, after: int
) -> None:
    """Whether it is switched on or off, shortened or lengthened; the second run changes nothing."""
    machine = await filled(endpoint, time, before)
    time.advance(5 * DAY)
    done = await aged(machine, after)
    wanted = float(after) if after else None
    assert expiries(machine) == {
        "U": {None if wanted is None else wanted + 1},
        "TT": {wanted},
        "TP": {wanted},
    }
    assert (done.threads, done.turns, done.changed > 0) == (1, 2, before != after)
    assert (await aged(machine, after)).changed == 0
    await machine.close()


@pytest.mark.parametrize(("before", "after"), [(0, 30), (90, 30), (30, 90), (30, 0)])
@pytest.mark.parametrize("breaks", range(6))
async def test_it_may_break_off_at_any_write(
    endpoint: tuple[str, str], time: Clockwork, before: int, after: int, breaks: int
) -> None:
    """Then nothing outlives its thread's row, and the next run does the rest."""
    machine = await filled(endpoint, time, before)

    def one_more(_: Request) -> None:
        holds(machine)

    machine.sky.at("UpdateItem", *[one_more] * breaks, *[machine.sky.unsent] * ATTEMPTS)
    try:
        await aged(machine, after)
    except StoreUnavailable:
        holds(machine)
    machine.sky.clear()
    await aged(machine, after)
    assert (await aged(machine, after)).changed == 0
    holds(machine)
    await machine.close()


async def test_a_thread_that_is_used_meanwhile(endpoint: tuple[str, str], time: Clockwork) -> None:
    """A turn between the reading of a thread and its writing: the thread is looked at again."""
    machine = await filled(endpoint, time, 0)
    time.advance(DAY)

    async def used() -> None:
        another = Machine(endpoint, time, retention_days=30)
        await say(another.store, "r3")
        await another.close()

    machine.sky.at("Query", meanwhile(used))
    await aged(machine, 30)
    holds(machine)
    assert expiries(machine)["U"] == {32.0}
    await machine.close()


async def test_what_has_an_expiry_of_its_own_keeps_it(endpoint: tuple[str, str], time: Clockwork) -> None:
    """Tombstones, the counts of an owner, and the parts of a prompt whose turn runs."""
    machine = await filled(endpoint, time, 0)
    await machine.store.threads.delete("ann", "t")
    before = expiries(machine)
    assert await aged(machine, 0) == Aged(threads=1)
    assert await aged(machine, 30) == Aged(threads=1)
    assert expiries(machine) == before
    claimed(await machine.store.turns.open(ask("r9", LONG), history=1))
    await aged(machine, 30)
    assert expiries(machine)["U"] == {31.0}
    await machine.close()


async def test_a_turn_that_cannot_be_read_goes_with_its_thread(
    endpoint: tuple[str, str], time: Clockwork
) -> None:
    """Without the time of its start, that of the thread's last use counts."""
    machine = await filled(endpoint, time, 0)
    for item in everything(machine.client, endpoint[1]):
        if item["sk"]["S"] == "T#0000000002":
            broken: dict[str, Any] = {name: item[name] for name in ("pk", "sk", "attempt")}
            machine.client.put_item(TableName=endpoint[1], Item=broken)
    time.advance(DAY)
    await aged(machine, 30)
    holds(machine)
    await machine.close()
