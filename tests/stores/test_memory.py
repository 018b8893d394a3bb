"""The contract, on the memory store."""

from collections.abc import Callable
from contextlib import aclosing

import pytest

from c1fn.stores import LEASE, Quota
from c1fn.stores.memory import MemoryStore
from c1fn.turn import State
from tests.stores.clockwork import Clockwork
from tests.stores.contract import Contract, ask, claimed
from tests.stores.forks import Forks
from tests.stores.owning import Owning


class TestMemory(Contract, Forks, Owning):
    shared = False

    @pytest.fixture
    def make(self, time: Clockwork) -> Callable[[Quota], MemoryStore]:
        return lambda quota: MemoryStore(quota=quota, clock=time.clock, sleep=time.sleep)

    async def test_followed_while_it_grows(self, store: MemoryStore) -> None:
        """In one process a follower hears each renewal's text, and not only the end."""
        claim = claimed(await store.turns.open(ask("r1"), history=20))
        await store.turns.renew(claim, "so")
        async with aclosing(store.turns.follow("ann", "t", "r1")) as story:
            assert await anext(story) == "so"
            await store.turns.renew(claim, "so far")
            assert await anext(story) == " far"

    async def test_what_a_dead_turn_said_is_kept(self, store: MemoryStore, time: Clockwork) -> None:
        """As far as its last renewal tells."""
        claim = claimed(await store.turns.open(ask("r1"), history=20))
        await store.turns.renew(claim, "so far")
        time.advance(LEASE)
        (turn,) = claimed(await store.turns.open(ask("r2"), history=20)).history
        assert (turn.state, turn.answer) == (State.INTERRUPTED, "so far")
