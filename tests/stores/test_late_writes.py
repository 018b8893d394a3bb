"""Forms, titles, feedback, checkpoints: an older one that is delivered late does not win."""

import asyncio
from typing import Any

import pytest

from c1fn.errors import StoreUnavailable
from c1fn.net.aws.client import Request
from c1fn.stores.dynamodb.calls import ATTEMPTS
from c1fn.turn import Feedback
from tests.stores.clockwork import Clockwork
from tests.stores.contract import answered, ask, claimed
from tests.stores.machines import Machine, meanwhile

LONG = "".join(f"{i * 104_729:08x}" for i in range(60_000))


async def form_of(machine: Machine) -> str:
    (turn,) = await machine.store.threads.load("ann", "t")
    return turn.visible


@pytest.mark.parametrize("contents", [("one", "two", "one"), ("one", LONG, f"two {LONG}")])
async def test_a_form_that_was_saved_long_ago_comes_late(one: Machine, contents: tuple[str, ...]) -> None:
    """A lost delivery of an older save does not win over a newer one, nor lead to parts that are gone."""
    claim = claimed(await one.store.turns.open(ask("r1"), history=20))
    await one.store.turns.commit(claim, answered(claim, "hi"))
    await one.store.settle()
    ghosts: list[Any] = []
    for content in contents:
        one.sky.at("UpdateItem", ghosts.append)
        await one.store.threads.revise("ann", "t", "r1", content)
    for ghost in ghosts[:-1]:
        await one.sky.pass_on(ghost)
        assert await form_of(one) == contents[-1]
    await one.store.threads.revise("ann", "t", "r1", "last")
    for ghost in ghosts:
        await one.sky.pass_on(ghost)
    assert await form_of(one) == "last"


async def test_a_title_that_was_given_long_ago_comes_late(one: Machine) -> None:
    """The same for titles."""
    await one.store.threads.create("ann", "t", "Plans")
    ghosts: list[Any] = []
    for title in ("one", "two", "one"):
        one.sky.at("UpdateItem", ghosts.append)
        await one.store.threads.rename("ann", "t", title)
    await one.sky.pass_on(ghosts[1])
    page = await one.store.threads.page("ann", cursor=None, limit=3)
    assert [thread.title for thread in page.threads] == ["one"]


async def test_a_checkpoint_that_was_given_up_comes_late(one: Machine, time: Clockwork) -> None:
    """A checkpoint that was given up, written longer, and then arrives: nobody hears what was not said."""
    claim = claimed(await one.store.turns.open(ask("r1"), history=20))
    ghosts: list[Any] = []

    async def given_up(request: Request) -> None:
        ghosts.append(request)
        await one.sky.unsent(request)

    story = one.store.turns.follow("ann", "t", "r1")
    heard = asyncio.ensure_future(anext(story))
    await one.sky.done("UpdateItem").wait()
    time.advance(1)
    one.sky.at("PutItem", *[given_up] * ATTEMPTS)
    with pytest.raises(StoreUnavailable):
        await one.store.turns.renew(claim, "Half of ")
    for said in ("Half of an ans", "Half of an answer"):
        await one.store.turns.renew(claim, said)
    await one.sky.pass_on(ghosts[-1])
    (running,) = await one.store.threads.load("ann", "t")
    assert running.answer == "Half of "
    turn = answered(claim, "Half of an answer is")
    await one.store.turns.commit(claim, turn)
    pieces = [await heard, *[part async for part in story]]
    assert pieces[-1] == turn
    assert "".join(str(piece) for piece in pieces[:-1]) == turn.answer


async def test_saved_by_two_at_once(one: Machine, endpoint: tuple[str, str], time: Clockwork) -> None:
    """Who is overtaken by another save or title writes theirs after it."""
    claim = claimed(await one.store.turns.open(ask("r1"), history=20))
    await one.store.turns.commit(claim, answered(claim, "hi"))
    await one.store.settle()

    async def saved() -> None:
        another = Machine(endpoint, time)
        await another.store.threads.revise("ann", "t", "r1", "theirs")
        await another.store.threads.rename("ann", "t", "Theirs")
        await another.close()

    one.sky.at("UpdateItem", meanwhile(saved))
    await one.store.threads.revise("ann", "t", "r1", "ours")
    assert await form_of(one) == "ours"
    one.sky.at("UpdateItem", meanwhile(saved))
    assert (await one.store.threads.rename("ann", "t", "Ours")).title == "Ours"


async def test_feedback_that_was_given_long_ago_comes_late(one: Machine) -> None:
    """The same for feedback: given, changed, and taken back."""
    claim = claimed(await one.store.turns.open(ask("r1"), history=20))
    await one.store.turns.commit(claim, answered(claim, "hi"))
    await one.store.settle()
    ghosts: list[Any] = []
    for feedback in (Feedback("up"), Feedback("down", "no"), None):
        one.sky.at("UpdateItem", ghosts.append)
        await one.store.threads.rate("ann", "t", "r1", feedback)
    for ghost in ghosts:
        await one.sky.pass_on(ghost)
        assert [turn.feedback for turn in await one.store.threads.load("ann", "t")] == [None]
    one.sky.at("UpdateItem", one.sky.lost)
    await one.store.threads.rate("ann", "t", "r1", Feedback("up"))
    assert [turn.feedback for turn in await one.store.threads.load("ann", "t")] == [Feedback("up")]
