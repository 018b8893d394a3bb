"""The contract, on the memory store."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing

import pytest

from c1fn.errors import NotFound, ShareUsedUp, TokensUsedUp, TooManyShares
from c1fn.stores import DAY, LEASE, Quota, Store
from c1fn.stores import shares as port
from c1fn.stores.memory import MemoryStore
from c1fn.turn import State
from tests.stores.clockwork import Clockwork
from tests.stores.contract import Contract, answered, ask, claimed, told
from tests.stores.forks import Forks, say
from tests.stores.owning import Owning
from tests.stores.reserving import Reserving
from tests.stores.sharing import WEEK, Sharing, seen
from tests.stores.waiting import Waiting


class Many:
    """Limits that a database would take a minute to reach: there, test_shares begins near them."""

    async def test_so_many_links(self, store: Store) -> None:
        """An owner has a number of links at most; a revoked one makes room."""
        await say(store, "r1")
        shares = [await store.shares.create("ann", "t", WEEK) for _ in range(port.SHARES)]
        with pytest.raises(TooManyShares):
            await store.shares.create("ann", "t", WEEK)
        await store.shares.revoke("ann", shares[0].token)
        await store.shares.create("ann", "t", WEEK)

    async def test_so_many_views(self, store: Store, time: Clockwork) -> None:
        """A link is opened so many times a day: then it tells when it can be opened again."""
        time.now -= time.now % DAY - 600
        await say(store, "r1")
        share = await store.shares.create("ann", "t", WEEK)
        for _ in range(port.VIEWS):
            await store.shares.view(share.token, before=1, limit=1)
        with pytest.raises(ShareUsedUp) as told:
            await seen(store, share.token)
        assert told.value.retry_after == DAY - 600
        time.advance(DAY - 600)
        assert len(await seen(store, share.token)) == 1


class TestMemory(Many, Contract, Forks, Owning, Reserving, Sharing, Waiting):
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

    async def test_a_follower_of_a_deleted_thread_is_told_at_once(
        self, store: MemoryStore, time: Clockwork
    ) -> None:
        """Not only when a lease is over."""
        claimed(await store.turns.open(ask("r1"), history=20))
        story = asyncio.ensure_future(told(store.turns.follow("ann", "t", "r1")))
        await time.asleep()
        await store.threads.delete("ann", "t")
        with pytest.raises(NotFound):
            await asyncio.wait_for(story, 5)

    async def test_tokens_count_on_the_day_on_which_they_are_known(self, time: Clockwork) -> None:
        """A turn that began before midnight and ended after it took nothing from the day before."""
        store = MemoryStore(quota=Quota(tokens=18), clock=time.clock, sleep=time.sleep)
        time.now = DAY * (time.now // DAY + 1) - 1
        claim = claimed(await store.turns.open(ask("r1"), history=20))
        time.advance(2)
        await store.turns.commit(claim, answered(claim, "hi"))  # of 18 tokens
        with pytest.raises(TokensUsedUp):
            await store.turns.open(ask("r2"), history=20)

    async def test_what_was_asked_in_each_deleted_thread_is_known(self, store: MemoryStore) -> None:
        """Also when another one was deleted after it."""
        for name in "ab":
            claimed(await store.turns.open(ask("r1", thread=name), history=20))
            await store.threads.delete("ann", name)
        for name in "ab":
            with pytest.raises(NotFound):
                await store.turns.open(ask("r1", thread=name), history=20)

    async def test_what_a_dead_turn_said_is_kept(self, store: MemoryStore, time: Clockwork) -> None:
        """As far as its last renewal tells."""
        claim = claimed(await store.turns.open(ask("r1"), history=20))
        await store.turns.renew(claim, "so far")
        time.advance(LEASE)
        (turn,) = claimed(await store.turns.open(ask("r2"), history=20)).history
        assert (turn.state, turn.answer) == (State.INTERRUPTED, "so far")
