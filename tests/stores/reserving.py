"""A prompt that waits has a busy thread's next turn: every store runs these tests beside its ``Contract``."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import pytest

from c1fn.errors import Busy, NotFound
from c1fn.stores import LEASE, Quota, Replay, Running, Store
from c1fn.turn import State
from tests.stores.clockwork import Clockwork
from tests.stores.contract import answered, ask, claimed
from tests.stores.forks import say


class Reserving:
    """A mixin: ``store``, ``make`` and ``time`` are the store's own."""

    shared: bool

    async def test_the_next_turn_is_of_the_prompt_that_waits(self, store: Store) -> None:
        """Nobody else gets it: neither one that waits as well, nor one that comes when the thread is free."""
        claim = claimed(await store.turns.open(ask("r1"), history=20))
        assert not await store.turns.reserve(ask("r2"))
        with pytest.raises(Busy):
            await store.turns.reserve(ask("r3"))
        assert not await store.turns.reserve(ask("r2"))
        await store.turns.commit(claim, answered(claim, "one"))
        await store.settle()
        for _ in range(2):
            with pytest.raises(Busy):
                await store.turns.open(ask("r3"), history=20)
        with pytest.raises(Busy):
            await store.turns.reserve(ask("r3"))
        assert await store.turns.reserve(ask("r2"))
        claim = claimed(await store.turns.open(ask("r2"), history=20))
        assert claim.number == 2
        assert not await store.turns.reserve(ask("r3"))
        await store.turns.commit(claim, answered(claim, "two"))
        await store.settle()
        assert claimed(await store.turns.open(ask("r3"), history=20)).number == 3

    async def test_what_was_answered_is_replayed_meanwhile(self, store: Store) -> None:
        """Also where the turn is reserved; a failed one that may be run again waits behind it."""
        turn = await say(store, "r1")
        claim = claimed(await store.turns.open(ask("r2"), history=20))
        assert not await store.turns.reserve(ask("r3"))
        assert await store.turns.reserve(ask("r2"))
        assert await store.turns.open(ask("r2"), history=20) == Running(2)
        await store.turns.commit(claim, answered(claim, state=State.FAILED))
        await store.settle()
        assert await store.turns.open(ask("r1"), history=20) == Replay(turn)
        with pytest.raises(Busy):
            await store.turns.open(ask("r2"), history=20)
        assert claimed(await store.turns.open(ask("r3"), history=20)).number == 3

    async def test_a_place_is_given_up(self, store: Store) -> None:
        claim = claimed(await store.turns.open(ask("r1"), history=20))
        assert not await store.turns.reserve(ask("r2"))
        await store.turns.unreserve(ask("r3"))
        with pytest.raises(Busy):
            await store.turns.reserve(ask("r3"))
        await store.turns.unreserve(ask("r2"))
        await store.turns.unreserve(ask("r2", thread="u"))
        assert not await store.turns.reserve(ask("r3"))
        await store.turns.commit(claim, answered(claim, "one"))
        assert claimed(await store.turns.open(ask("r3"), history=20)).number == 2

    async def test_a_place_is_lost_with_its_process(self, store: Store, time: Clockwork) -> None:
        """Within the time of a lease; one that is looked at is kept."""
        claim = claimed(await store.turns.open(ask("r1"), history=20))
        assert not await store.turns.reserve(ask("r2"))
        for _ in range(2):
            time.advance(LEASE * 0.45)
            await store.turns.renew(claim, "")
            assert not await store.turns.reserve(ask("r2"))
        await store.turns.commit(claim, answered(claim, "one"))
        await store.settle()
        time.advance(LEASE - 1)
        with pytest.raises(Busy):
            await store.turns.open(ask("r3"), history=20)
        time.advance(1)
        assert claimed(await store.turns.open(ask("r3"), history=20)).number == 2
        assert not await store.turns.reserve(ask("r4"))

    async def test_who_waits_takes_over_from_the_dead(self, store: Store, time: Clockwork) -> None:
        """Before any other prompt; but for the one that died, whose retry goes first."""
        claimed(await store.turns.open(ask("r1"), history=20))
        for _ in range(2):
            time.advance(LEASE / 2)
            await store.turns.reserve(ask("r2"))
        with pytest.raises(Busy):
            await store.turns.open(ask("r3"), history=20)
        assert await store.turns.reserve(ask("r2"))
        again = claimed(await store.turns.open(ask("r1"), history=20))
        assert not await store.turns.reserve(ask("r2"))
        await store.turns.commit(again, answered(again, "one"))
        await store.settle()
        with pytest.raises(Busy):
            await store.turns.open(ask("r3"), history=20)
        assert claimed(await store.turns.open(ask("r2"), history=20)).number == 2

    async def test_who_took_over_waits_no_more(self, store: Store, time: Clockwork) -> None:
        """The next place is free for others."""
        claimed(await store.turns.open(ask("r1"), history=20))
        for _ in range(2):
            time.advance(LEASE / 2)
            await store.turns.reserve(ask("r2"))
        claim = claimed(await store.turns.open(ask("r2"), history=20))
        assert (claim.number, claim.history[0].state) == (2, State.INTERRUPTED)
        assert not await store.turns.reserve(ask("r3"))

    async def test_the_order_holds_between_processes(
        self, store: Store, make: Callable[[Quota], Store]
    ) -> None:
        """While others try to begin all the time, the prompt that waited is the next one."""
        others = [make(Quota()) if self.shared else store for _ in range(2)]
        claim, over = claimed(await store.turns.open(ask("r0"), history=20)), asyncio.Event()
        assert not await others[0].turns.reserve(ask("r1"))

        async def push(other: Store, name: str) -> None:
            while not over.is_set():
                with suppress(Busy):
                    await other.turns.open(ask(name), history=20)
                    over.set()

        pushing = [asyncio.create_task(push(other, f"x{n}")) for n, other in enumerate(others)]
        await store.turns.commit(claim, answered(claim, "zero"))
        while not await others[0].turns.reserve(ask("r1")):  # noqa: ASYNC110 - the store tells, at each look
            await asyncio.sleep(0)
        claim = claimed(await others[0].turns.open(ask("r1"), history=20))
        assert claim.number == 2
        await others[0].turns.commit(claim, answered(claim, "one"))
        await asyncio.gather(*pushing)
        await others[0].settle()
        turns = await store.threads.load("ann", "t")
        assert [turn.response_id for turn in turns[:2]] == ["r0", "r1"]
        assert turns[2].response_id.startswith("x")

    async def test_nothing_is_reserved_where_nothing_is(self, store: Store) -> None:
        """Of a thread that is deleted meanwhile, of another owner's, of one that never was."""
        await say(store, "r1")
        assert await store.turns.reserve(ask("r2"))
        claimed(await store.turns.open(ask("r2"), history=20))
        assert not await store.turns.reserve(ask("r3"))
        for asked in (ask("r3", owner="bob"), ask("r3", thread="u")):
            with pytest.raises(NotFound):
                await store.turns.reserve(asked)
        await store.threads.delete("ann", "t")
        with pytest.raises(NotFound):
            await store.turns.reserve(ask("r3"))
        assert claimed(await store.turns.open(ask("r4"), history=20)).number == 1

    async def test_one_of_many_gets_the_place(self, store: Store) -> None:
        """However many ask at once."""
        claimed(await store.turns.open(ask("r0"), history=20))
        asked = (store.turns.reserve(ask(f"r{n}")) for n in range(1, 9))
        told = await asyncio.gather(*asked, return_exceptions=True)
        assert sorted(map(str, map(type, told))) == sorted(map(str, [bool, *[Busy] * 7]))
