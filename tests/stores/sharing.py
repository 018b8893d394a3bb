"""What shared links must be, as tests that every store runs beside its ``Contract``."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from c1fn.errors import NotFound, WritesUsedUp
from c1fn.stores import DAY, Quota, Store
from c1fn.turn import State, Turn, Until
from tests.stores.clockwork import Clockwork
from tests.stores.contract import answered, ask, claimed
from tests.stores.forks import say

WEEK = 7 * DAY
NO_LINK = "There is no such link"


async def seen(store: Store, token: str) -> tuple[Turn, ...]:
    return (await store.shares.view(token, before=None, limit=100))[1]


class Sharing:
    """A mixin: ``store``, ``make`` and ``time`` are the store's own."""

    async def test_share(self, store: Store, time: Clockwork) -> None:
        """A link shows the thread as it stood: later turns and titles are not shown."""
        turns = (await say(store, "r1", "one"), await say(store, "r2", "two"))
        share = await store.shares.create("ann", "t", WEEK)
        assert (share.thread_id, share.title, share.last) == ("t", "one", 2)
        assert (share.created, share.expires) == (time.now, time.now + WEEK)
        await say(store, "r3", "a secret")
        await store.threads.rename("ann", "t", "Secret plans")
        shown, there = await store.shares.view(share.token, before=None, limit=100)
        assert (shown.title, there) == ("one", turns)

    async def test_pages_of_a_share(self, store: Store) -> None:
        """The newest so many turns, and those before a number."""
        turns = [await say(store, f"r{i}") for i in range(5)]
        token = (await store.shares.create("ann", "t", WEEK)).token
        await say(store, "r9")
        for before, limit, first, end in ((None, 2, 3, 5), (4, 2, 1, 3), (99, 9, 0, 5), (1, 2, 0, 0)):
            _, there = await store.shares.view(token, before=before, limit=limit)
            assert there == tuple(turns[first:end])

    async def test_only_what_cannot_change_is_shared(self, store: Store) -> None:
        """A running turn is not shown, nor a failed one that may be run again; a failed one before it is."""
        claim = claimed(await store.turns.open(ask("r1"), history=20))
        failed = answered(claim, "hal", state=State.FAILED)
        await store.turns.commit(claim, failed)
        empty = await store.shares.create("ann", "t", WEEK)
        turn = await say(store, "r2")
        claim = claimed(await store.turns.open(ask("r3"), history=20))
        share = await store.shares.create("ann", "t", WEEK)
        await store.turns.commit(claim, answered(claim, "x", state=State.FAILED))
        again = await store.shares.create("ann", "t", WEEK)
        assert (empty.last, share.last, again.last) == (0, 2, 2)
        assert await seen(store, empty.token) == ()
        assert await seen(store, share.token) == await seen(store, again.token) == (failed, turn)

    async def test_share_of_what_is_not_there(self, store: Store) -> None:
        """No thread, another owner's, a deleted one."""
        await say(store, "r1")
        await say(store, "r1", thread="d")
        await store.threads.delete("ann", "d")
        for owner, thread in (("ann", "x"), ("bob", "t"), ("ann", "d")):
            with pytest.raises(NotFound):
                await store.shares.create(owner, thread, WEEK)
            assert await store.shares.list(owner) == ()

    @pytest.mark.parametrize("token", ["x", "#", "%", "share", "\u2603", "a" * 128])
    async def test_a_guessed_token(self, store: Store, token: str) -> None:
        """It opens nothing, whatever it is, and tells no more than one that expired or was revoked."""
        await say(store, "r1")
        await store.shares.create("ann", "t", WEEK)
        with pytest.raises(NotFound, match=NO_LINK):
            await seen(store, token)
        with pytest.raises(NotFound, match=NO_LINK):
            await store.shares.revoke("ann", token)

    async def test_tokens_are_long_and_never_the_same(self, store: Store) -> None:
        await say(store, "r1")
        tokens = {(await store.shares.create("ann", "t", WEEK)).token for _ in range(20)}
        assert len(tokens) == 20
        assert {len(token) for token in tokens} == {32}

    async def test_revoke(self, store: Store) -> None:
        """At once, by its owner alone, and one link alone."""
        await say(store, "r1")
        share, other = [await store.shares.create("ann", "t", WEEK) for _ in range(2)]
        with pytest.raises(NotFound):
            await store.shares.revoke("bob", share.token)
        assert len(await seen(store, share.token)) == 1
        await store.shares.revoke("ann", share.token)
        for _ in range(2):
            with pytest.raises(NotFound, match=NO_LINK):
                await seen(store, share.token)
            with pytest.raises(NotFound):
                await store.shares.revoke("ann", share.token)
        assert await store.shares.list("ann") == (other,)
        assert len(await seen(store, other.token)) == 1

    async def test_a_link_expires(self, store: Store, time: Clockwork) -> None:
        await say(store, "r1")
        share = await store.shares.create("ann", "t", WEEK)
        time.advance(WEEK - 1)
        assert len(await seen(store, share.token)) == 1
        time.advance(1)
        with pytest.raises(NotFound, match=NO_LINK):
            await seen(store, share.token)
        assert await store.shares.list("ann") == ()
        with pytest.raises(NotFound):
            await store.shares.revoke("ann", share.token)

    async def test_a_link_ends_with_its_thread(self, store: Store) -> None:
        """Deleted, and begun anew under its id: the link shows neither. A fork has nothing to do with it."""
        await say(store, "r1")
        share = await store.shares.create("ann", "t", WEEK)
        await store.threads.fork("ann", "t", "u", Until())
        await store.threads.delete("ann", "t")
        with pytest.raises(NotFound, match=NO_LINK):
            await seen(store, share.token)
        assert await store.shares.list("ann") == ()
        await say(store, "s1", "a secret")
        with pytest.raises(NotFound, match=NO_LINK):
            await seen(store, share.token)
        await store.shares.revoke("ann", share.token)

    async def test_the_list_of_ones_own(self, store: Store, time: Clockwork) -> None:
        """The newest first, of all threads, and nobody else's."""
        await say(store, "r1")
        await say(store, "r1", thread="u")
        await say(store, "r1", owner="bob")
        mine = []
        for thread in ("t", "u", "t"):
            mine.append(await store.shares.create("ann", thread, WEEK))
            time.advance(60)
        his = await store.shares.create("bob", "t", WEEK)
        assert await store.shares.list("ann") == tuple(reversed(mine))
        assert await store.shares.list("bob") == (his,)

    async def test_a_link_counts_as_a_write(self, make: Callable[[Quota], Store]) -> None:
        store = make(Quota(writes=1))
        await say(store, "r1")
        await store.shares.create("ann", "t", WEEK)
        with pytest.raises(WritesUsedUp):
            await store.shares.create("ann", "t", WEEK)
        assert len(await store.shares.list("ann")) == 1

    async def test_a_large_answer_is_shared(self, store: Store) -> None:
        claim = claimed(await store.turns.open(ask("r1"), history=20))
        turn = answered(claim, "".join(f"{i * 7919:07x}é" for i in range(60_000)))
        await store.turns.commit(claim, turn)
        token = (await store.shares.create("ann", "t", WEEK)).token
        await store.threads.revise("ann", "t", "r1", "filled in")
        assert await seen(store, token) == (replace(turn, revised="filled in"),)

    async def test_links_are_erased_with_their_owner(self, store: Store, time: Clockwork) -> None:
        """Nothing of a link is left of an owner who is erased; another's stays."""
        await say(store, "r1")
        await say(store, "r1", owner="bob")
        share, his = await store.shares.create("ann", "t", WEEK), await store.shares.create("bob", "t", WEEK)
        assert "share" in {found.kind async for found in store.owners.remains("ann")}
        time.advance(2 * DAY)
        assert [found async for found in store.owners.erase("ann")] == []
        with pytest.raises(NotFound):
            await seen(store, share.token)
        assert await store.shares.list("ann") == ()
        assert len(await seen(store, his.token)) == 1
