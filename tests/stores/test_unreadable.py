"""Rows that are damaged, newer, or of 0.1.0: each is read as far as it can be, and takes nothing with it."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest

from c1fn.errors import Busy, TooManyAtOnce
from c1fn.stores import FOLLOWED, LEASE, Quota, Replay
from c1fn.stores.dynamodb.keys import ThreadKey, usage_key
from c1fn.turn import State
from tests.stores.clockwork import Clockwork
from tests.stores.contract import answered, ask, claimed
from tests.stores.machines import Machine, one_pk

LONG = "".join(f"{i * 104_729:08x}" for i in range(60_000))


async def test_a_lock_that_cannot_be_read_is_held(one: Machine, endpoint: tuple[str, str]) -> None:
    """A thread's row of a newer version: its turns are there, the list lists, and nothing runs beside it."""
    for thread in ("t", "u"):
        claim = claimed(await one.store.turns.open(ask("r1", thread=thread), history=20))
        turn = answered(claim, "hi")
        await one.store.turns.commit(claim, turn)
    await one.store.settle()
    one.client.update_item(
        TableName=endpoint[1],
        Key=ThreadKey("ann", "t").row,
        UpdateExpression="SET run = :x, v = :v, title = :t, slots = :x",
        ExpressionAttributeValues={
            ":x": {"M": {"holders": {"S": "none"}}},
            ":v": {"N": "9"},
            ":t": {"M": {"en": {"S": "Plans"}}},
        },
    )
    page = await one.store.threads.page("ann", cursor=None, limit=5)
    assert sorted((thread.id, thread.running) for thread in page.threads) == [("t", True), ("u", False)]
    assert [one_turn.answer for one_turn in await one.store.threads.load("ann", "t")] == ["hi"]
    assert isinstance(await one.store.turns.open(ask("r1"), history=20), Replay)
    with pytest.raises(Busy):
        await one.store.turns.open(ask("r2"), history=20)
    assert claimed(await one.store.turns.open(ask("r2", thread="u"), history=20)).number == 2
    await one.store.threads.delete("ann", "t")


async def test_a_checkpoint_that_cannot_be_read_was_not_said(
    endpoint: tuple[str, str], time: Clockwork
) -> None:
    """The thread goes on: what was said before it is kept."""
    machine = Machine(endpoint, time, checkpoints="always")
    claim = claimed(await machine.store.turns.open(ask("r1"), history=20))
    await machine.store.turns.renew(claim, "Half ")
    await machine.store.turns.renew(claim, "Half of it")
    key = {"pk": {"S": one_pk(machine)}, "sk": {"S": f"S#{claim.attempt}#000001"}}
    machine.client.update_item(
        TableName=endpoint[1],
        Key=key,
        UpdateExpression="SET #t = :x",
        ExpressionAttributeNames={"#t": "text"},
        ExpressionAttributeValues={":x": {"B": b"\x09from the future"}},
    )
    assert [turn.answer for turn in await machine.store.threads.load("ann", "t")] == ["Half "]
    time.advance(LEASE)
    taker = claimed(await machine.store.turns.open(ask("r2"), history=20))
    assert [turn.answer for turn in taker.history] == ["Half "]
    await machine.close()


async def test_every_row_carries_its_version(endpoint: tuple[str, str], time: Clockwork) -> None:
    """Threads, turns, parts, checkpoints, tombstones and what an owner used."""
    machine = Machine(endpoint, time, checkpoints="always", quota=Quota(turns=9))
    for thread in ("t", "u"):
        claim = claimed(await machine.store.turns.open(ask("r1", thread=thread), history=20))
        await machine.store.turns.renew(claim, "so far")
        await machine.store.turns.commit(claim, answered(claim, f"{LONG}{LONG[::-1]}"))
        await machine.store.settle()
        await machine.store.threads.revise("ann", thread, "r1", LONG)
    await machine.store.threads.delete("ann", "u")
    items = machine.client.scan(TableName=endpoint[1])["Items"]
    assert {item["sk"]["S"][:2] for item in items} == {"t", "u", "us", "T#", "P#", "S#"}
    assert [item for item in items if item.get("v") != {"N": "2"}] == []
    await machine.close()


async def is_followed_by(machine: Machine, other: Machine, response_id: str) -> None:
    """A turn of one machine is followed by the other, which waits for it and hears its answer."""
    claim = claimed(await machine.store.turns.open(ask(response_id), history=1))
    tried = other.sky.done("UpdateItem")
    story = asyncio.ensure_future(anext(other.store.turns.follow("ann", "t", response_id)))
    await tried.wait()
    await machine.store.turns.commit(claim, answered(claim, "hi"))
    assert await story == "hi"
    await machine.close()
    await other.close()


@pytest.mark.parametrize(
    "strange", [{"S": "?"}, {"M": {"ends": {"S": "soon"}}}, {"M": {"until": {"S": "x"}}}]
)
async def test_a_slot_that_cannot_be_read_is_not_taken_for_ever(
    endpoint: tuple[str, str], time: Clockwork, strange: dict[str, Any]
) -> None:
    """It counts as in use; at its first look it gets a lease, which whoever uses it would renew."""
    machine = Machine(endpoint, time, quota=Quota(at_once=1))
    claim = claimed(await machine.store.turns.open(ask("r1", thread="u"), history=1))
    await machine.store.turns.commit(claim, answered(claim, "hi"))
    await machine.store.settle()
    machine.client.update_item(
        TableName=endpoint[1],
        Key=usage_key("ann"),
        UpdateExpression="SET running.newer = :strange, following = :both",
        ExpressionAttributeValues={":strange": strange, ":both": {"M": {"a": strange, "b": strange}}},
    )
    with pytest.raises(TooManyAtOnce):
        await machine.store.turns.open(ask("r2"), history=1)
    time.advance(LEASE - 1)
    with pytest.raises(TooManyAtOnce):
        await machine.store.turns.open(ask("r2"), history=1)
    time.advance(1)
    claimed(await machine.store.turns.open(ask("r2"), history=1))
    with pytest.raises(TooManyAtOnce):
        await anext(machine.store.turns.follow("ann", "t", "r2"))
    time.advance(FOLLOWED + LEASE)
    await is_followed_by(machine, Machine(endpoint, time, quota=Quota(at_once=1)), "r3")


async def test_slots_of_another_form_begin_anew(endpoint: tuple[str, str], time: Clockwork) -> None:
    """A usage row whose slots and followers are no maps: turns begin, and are followed."""
    machine = Machine(endpoint, time, quota=Quota(at_once=2))
    claim = claimed(await machine.store.turns.open(ask("r1", thread="u"), history=1))
    await machine.store.turns.commit(claim, answered(claim, "hi"))
    await machine.store.settle()
    machine.client.update_item(
        TableName=endpoint[1],
        Key=usage_key("ann"),
        UpdateExpression="SET running = :strange, following = :strange",
        ExpressionAttributeValues={":strange": {"L": []}},
    )
    await is_followed_by(machine, Machine(endpoint, time, quota=Quota(at_once=2)), "r2")


OLD = json.loads((Path(__file__).parent / "rows_of_0_1_0.json").read_text())


async def test_rows_of_0_1_0(one: Machine, endpoint: tuple[str, str], time: Clockwork) -> None:
    """A table that 0.1.0 wrote is read, and goes on: threads, turns, a dead one, and one of a second life."""
    for item in OLD:
        values = {name: _bytes(value) for name, value in item.items()}
        one.client.put_item(TableName=endpoint[1], Item=values)
    page = await one.store.threads.page("ann", cursor=None, limit=9)
    assert [(thread.id, thread.title) for thread in page.threads] == [
        ("dead", "dead?"),
        ("again", "second life"),
        ("t", "first words"),
    ]
    said = {thread.id: await one.store.threads.load("ann", thread.id) for thread in page.threads}
    assert [turn.answer for turn in said["t"]] == ["answer of r1", "answer of r2"]
    assert [turn.answer for turn in said["again"]] == ["answer of s1"]
    time.advance(LEASE)
    assert [turn.state for turn in await one.store.threads.load("ann", "dead")] == [State.INTERRUPTED]
    assert isinstance(await one.store.turns.open(ask("r1", "first words"), history=20), Replay)
    for thread, number in (("t", 3), ("again", 2), ("dead", 2)):
        claim = claimed(await one.store.turns.open(ask("new", thread=thread), history=20))
        assert (claim.number, len(claim.history)) == (number, number - 1)
        await one.store.turns.commit(claim, answered(claim, "hi"))
        assert len(await one.store.threads.load("ann", thread)) == number
        await one.store.threads.rename("ann", thread, "Better")
        await one.store.threads.delete("ann", thread)


def _bytes(value: dict[str, Any]) -> dict[str, Any]:
    """An attribute from JSON: bytes stand there as base64."""
    ((kind, data),) = value.items()
    if kind == "B":
        return {"B": base64.b64decode(data)}
    return {"M": {name: _bytes(one) for name, one in data.items()}} if kind == "M" else value
