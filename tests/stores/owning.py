"""What must hold of an owner's data, as tests that every store runs beside its ``Contract``."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

import pytest

from c1fn.errors import LeaseLost, NotFound
from c1fn.stores import DAY, LEASE, Replay, Store
from c1fn.stores.owners import Remnant
from c1fn.turn import Feedback, Message, Source, State, Thread, ToolCall, Turn, Usage
from tests.stores.clockwork import Clockwork
from tests.stores.contract import answered, ask, claimed

LONG = "".join(f"{i * 104_729:08x}" for i in range(60_000))


class Breaks(Exception):
    """On purpose."""


async def say(
    store: Store, response: str, *, thread: str = "t", owner: str = "ann", text: str = "hi"
) -> Turn:
    """One whole turn."""
    claim = claimed(await store.turns.open(ask(response, text, thread=thread, owner=owner), history=20))
    turn = answered(claim, f"answer to {text}")
    await store.turns.commit(claim, turn)
    await store.settle()
    return turn


async def left(store: Store, owner: str = "ann") -> list[Remnant]:
    return [found async for found in store.owners.remains(owner)]


async def erased(store: Store, owner: str = "ann") -> list[Remnant]:
    """What had to stay."""
    return [found async for found in store.owners.erase(owner)]


async def told(turns: Sequence[Turn]) -> AsyncGenerator[Turn, None]:
    for turn in turns:
        yield turn


def a_turn(number: int, started: float, **changes: object) -> Turn:
    call = ToolCall("c1", "weather", '{"city": "Zürich"}')
    reply = (
        Message("assistant", "", tool_calls=(call,), opaque='{"é": 1}'),
        Message("tool", "sunny", tool_call_id="c1"),
        Message("assistant", f"answer {number}", id=f"r{number}"),
    )
    prompt = Message("user", f"question {number} ☃ \ud800", id=f"m{number}")
    turn = Turn(number, f"r{number}", State.DONE, prompt, started, reply, Usage(11, 7))
    return replace(turn, **changes)  # type: ignore[arg-type]


class Owning:
    """A mixin: ``store`` and ``time`` are the store's own."""

    async def test_what_is_there_of_an_owner(self, store: Store) -> None:
        """Every row of this owner, and none of another whose name is like it, or that nobody has."""
        await say(store, "r1")
        kinds = {found.kind for found in await left(store)}
        assert {"thread", "turn"} <= kinds
        assert kinds <= {"thread", "turn", "usage"}
        for owner in ("an", "ann2", "ann#t", "ann%", "ANN", "U#ann"):
            assert await left(store, owner) == []
            await say(store, "r1", owner=owner)
        assert len(await left(store)) == len(await left(store, "ann#t"))

    async def test_nothing_is_left_of_an_owner_who_was_away_for_a_day(
        self, store: Store, time: Clockwork
    ) -> None:
        """Threads, forms, large texts, deleted threads and turns that died: all of it is erased at once."""
        await say(store, "r1")
        await say(store, "r2", text=LONG)
        await store.threads.revise("ann", "t", "r2", f"form {LONG}")
        await say(store, "r1", thread="deleted")
        await store.threads.delete("ann", "deleted")
        await store.threads.create("ann", "empty", "Nothing")
        claimed(await store.turns.open(ask("r1", LONG, thread="dead"), history=20))
        kept = await say(store, "r1", owner="bob")
        time.advance(DAY)
        assert await erased(store) == []
        assert await left(store) == []
        assert (await store.threads.page("ann", cursor=None, limit=5)).threads == ()
        assert await store.threads.load("bob", "t") == (kept,)

    async def test_what_stays_of_an_owner_goes_within_a_day(self, store: Store, time: Clockwork) -> None:
        """Where a late write may come, tombstones stay; they have a day on which they go."""
        await say(store, "r1", text=LONG)
        stayed = await erased(store)
        assert stayed == await left(store)
        assert {found.kind for found in stayed} <= {"tombstone"}
        assert all(found.goes is not None and found.goes <= time.now + DAY for found in stayed)
        with pytest.raises(NotFound):
            await store.threads.load("ann", "t")
        time.advance(DAY)
        assert await erased(store) == []
        assert await left(store) == []

    async def test_an_owner_whose_turn_runs_is_erased(self, store: Store, time: Clockwork) -> None:
        """The turn has lost its thread: what it still says is not stored."""
        claim = claimed(await store.turns.open(ask("r1", LONG), history=20))
        await erased(store)
        time.advance(1)
        with pytest.raises(LeaseLost):
            await store.turns.renew(claim, "so far")
        with pytest.raises(LeaseLost):
            await store.turns.commit(claim, answered(claim, LONG))
        await store.settle()
        assert {found.kind for found in await left(store)} <= {"tombstone"}
        time.advance(DAY)
        assert await erased(store) == []

    async def test_erased_twice_at_once(self, store: Store, time: Clockwork) -> None:
        """Two that erase one owner are not in each other's way."""
        for number in range(6):
            await say(store, "r1", thread=f"t{number}")
        time.advance(DAY)
        await say(store, "r2", thread="t5")
        await asyncio.gather(erased(store), erased(store), erased(store))
        assert {found.kind for found in await left(store)} <= {"tombstone"}
        time.advance(DAY)
        await asyncio.gather(erased(store), erased(store))
        assert await left(store) == []

    async def test_nobody_is_erased(self, store: Store) -> None:
        """An owner that nobody is has nothing, and that is no error."""
        assert await erased(store, "nobody") == []
        assert await left(store, "nobody") == []

    async def test_an_erased_owner_begins_anew(self, store: Store, time: Clockwork) -> None:
        """Whoever was erased may come back; nothing of before is seen."""
        await say(store, "r1")
        await erased(store)
        time.advance(1)
        turn = await say(store, "r2")
        assert turn.number == 1
        assert await store.threads.load("ann", "t") == (turn,)

    # ---- restored

    async def test_a_thread_is_restored_as_it_was(self, store: Store, time: Clockwork) -> None:
        """Its title, times, turns, tool calls, forms and errors; and it goes on from there."""
        old = time.now - 500_000.25
        turns = [a_turn(number, old + number) for number in range(1, 61)]
        turns[2] = replace(turns[2], state=State.FAILED, error="model_rate_limited", detail="Ask later.")
        turns[3] = replace(turns[3], revised=f"form {LONG}")
        turns[5] = replace(turns[5], feedback=Feedback("down", "Too long."))
        turns[4] = replace(turns[4], prompt=Message("user", f"{LONG}{LONG[::-1]}"))
        thread = Thread("t", "Plans ☃", old, old + 70, source=Source("s", "r0"))
        assert await store.owners.restore("ann", thread, told(turns)) == "restored"
        assert await store.threads.load("ann", "t") == tuple(turns)
        (listed,) = (await store.threads.page("ann", cursor=None, limit=5)).threads
        assert listed == thread
        assert await store.turns.open(replace(ask("r7"), prompt=turns[6].prompt), history=1) == Replay(
            turns[6]
        )
        claim = claimed(await store.turns.open(ask("new"), history=2))
        assert (claim.number, claim.history) == (61, tuple(turns[58:]))
        await store.turns.commit(claim, answered(claim, "hi"))
        assert len(await store.threads.load("ann", "t")) == 61

    async def test_a_restored_thread_is_seen_whole_or_not_at_all(self, store: Store, time: Clockwork) -> None:
        """Until its last turn is written nobody sees it, and one that breaks off leaves nothing to see."""

        async def breaks_off() -> AsyncGenerator[Turn, None]:
            for number in range(1, 40):
                yield a_turn(number, time.now)
            assert (await store.threads.page("ann", cursor=None, limit=5)).threads == ()
            with pytest.raises(NotFound):
                await store.threads.load("ann", "t")
            raise Breaks

        thread = Thread("t", "Plans", time.now, time.now)
        with pytest.raises(Breaks):
            await store.owners.restore("ann", thread, breaks_off())
        assert {found.kind for found in await left(store)} <= {"tombstone"}
        turns = [a_turn(1, time.now)]
        assert await store.owners.restore("ann", thread, told(turns)) == "restored"
        assert await store.threads.load("ann", "t") == tuple(turns)

    async def test_no_thread_is_restored_over_another(self, store: Store, time: Clockwork) -> None:
        """An id that is taken stays as it is; a deleted one is free, also at once."""
        turn = await say(store, "r1")
        thread = Thread("t", "Plans", time.now, time.now)
        assert await store.owners.restore("ann", thread, told([a_turn(1, time.now)])) == "exists"
        assert await store.threads.load("ann", "t") == (turn,)
        await store.threads.delete("ann", "t")
        assert await store.owners.restore("ann", thread, told([a_turn(1, time.now)])) == "restored"
        assert await store.threads.load("ann", "t") == (a_turn(1, time.now),)
        assert await store.owners.restore("bob", thread, told([])) == "restored"
        assert await store.threads.load("bob", "t") == ()

    async def test_a_restored_turn_that_ran_is_interrupted(self, store: Store, time: Clockwork) -> None:
        """Nobody runs it any more: its responseId may run again."""
        running = a_turn(1, time.now, state=State.RUNNING, reply=())
        await store.owners.restore("ann", Thread("t", "Plans", 1, time.now), told([running]))
        (turn,) = await store.threads.load("ann", "t")
        assert turn == replace(running, state=State.INTERRUPTED)
        again = await store.turns.open(replace(ask("r1"), prompt=running.prompt), history=1)
        assert claimed(again).number == 1

    async def test_restored_turns_are_numbered_anew(self, store: Store, time: Clockwork) -> None:
        """A list that lacks its oldest turns begins at 1; a turn without a responseId is kept too."""
        turns = [a_turn(8, time.now), a_turn(9, time.now, response_id="")]
        await store.owners.restore("ann", Thread("t", "Plans", 1, time.now), told(turns))
        found = await store.threads.load("ann", "t")
        assert [(turn.number, turn.answer) for turn in found] == [(1, "answer 8"), (2, "answer 9")]

    async def test_a_lease_that_is_over_does_not_hinder_a_restore(
        self, store: Store, time: Clockwork
    ) -> None:
        """A thread whose turn died exists; once it is deleted it can be restored."""
        claimed(await store.turns.open(ask("r1"), history=20))
        time.advance(LEASE)
        thread = Thread("t", "Plans", time.now, time.now)
        assert await store.owners.restore("ann", thread, told([])) == "exists"
        await store.threads.delete("ann", "t")
        assert await store.owners.restore("ann", thread, told([a_turn(1, time.now)])) == "restored"
