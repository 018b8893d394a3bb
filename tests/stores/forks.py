"""What forks must be, as tests that every store runs beside its ``Contract``."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from c1fn.errors import Busy, Mismatch, NotFound, ThreadExists, WritesUsedUp
from c1fn.stores import LEASE, Quota, Replay, Store
from c1fn.turn import Feedback, Source, State, Turn, Until
from tests.stores.clockwork import Clockwork
from tests.stores.contract import answered, ask, claimed

ALL = Until()


async def say(
    store: Store, response: str, text: str = "hello", thread: str = "t", owner: str = "ann"
) -> Turn:
    """One whole turn."""
    claim = claimed(await store.turns.open(ask(response, text, thread=thread, owner=owner), history=20))
    turn = answered(claim, f"answer to {text}")
    await store.turns.commit(claim, turn)
    return turn


class Forks:
    """A mixin: ``store``, ``make`` and ``time`` are the store's own."""

    async def test_fork_takes_whole_turns(self, store: Store, time: Clockwork) -> None:
        """A fork begins with the turns until the one that was named, as they are: numbers and texts."""
        turns = [await say(store, f"r{i}", f"question {i}") for i in range(4)]
        fork, load = store.threads.fork, store.threads.load
        time.advance(60)
        for new, until, taken in (
            ("all", ALL, 4),
            ("through", Until("r1"), 2),
            ("before", Until("r1", taken=False), 1),
            ("none", Until("r0", taken=False), 0),
        ):
            made = await fork("ann", "t", new, until)
            assert (made.id, made.title, made.created, made.running) == (new, "question 0", time.now, False)
            assert made.source == Source("t", turns[taken - 1].response_id if taken else None)
            assert await load("ann", new) == tuple(turns[:taken])
        assert await load("ann", "t") == tuple(turns)
        page = await store.threads.page("ann", cursor=None, limit=9)
        assert {thread.id: thread.source and thread.source.response_id for thread in page.threads} == {
            "t": None, "all": "r3", "through": "r1", "before": "r0", "none": None,
        }  # fmt: skip

    async def test_try_again(self, store: Store) -> None:
        """A fork before the last turn, and the same prompt: the model sees what it saw the first time."""
        first = await say(store, "r1", "one")
        last = await say(store, "r2", "two")
        await store.threads.fork("ann", "t", "u", Until("r2", taken=False))
        claim = claimed(await store.turns.open(ask("r3", "two", thread="u"), history=20))
        assert (claim.number, claim.history) == (2, (first,))
        again = answered(claim, "better")
        await store.turns.commit(claim, again)
        assert await store.threads.load("ann", "u") == (first, again)
        assert await store.threads.load("ann", "t") == (first, last)

    async def test_edit_the_first_prompt(self, store: Store) -> None:
        """A fork before the first turn is an empty thread, whose first turn has the number 1."""
        await say(store, "r1", "one")
        await store.threads.fork("ann", "t", "u", Until("r1", taken=False))
        assert await store.threads.load("ann", "u") == ()
        turn = await say(store, "r1", "one, better", thread="u")
        assert turn.number == 1
        assert await store.threads.load("ann", "u") == (turn,)

    async def test_answers_of_a_fork_are_known(self, store: Store) -> None:
        """A responseId that came with a fork is answered there: it is replayed, and has its one prompt."""
        turn = await say(store, "r1", "one")
        await store.threads.fork("ann", "t", "u", ALL)
        assert await store.turns.open(ask("r1", "one", thread="u"), history=20) == Replay(turn)
        with pytest.raises(Mismatch):
            await store.turns.open(ask("r1", "two", thread="u"), history=20)

    async def test_a_failed_turn_of_a_fork_runs_again(self, store: Store) -> None:
        """In each of the two threads, without a trace in the other."""
        claim = claimed(await store.turns.open(ask("r1"), history=20))
        failed = answered(claim, "hal", state=State.FAILED)
        await store.turns.commit(claim, failed)
        await store.threads.fork("ann", "t", "u", ALL)
        claim = claimed(await store.turns.open(ask("r1", thread="u"), history=20))
        assert claim.number == 1
        await store.turns.commit(claim, answered(claim, "whole"))
        assert await store.threads.load("ann", "t") == (failed,)
        assert [turn.answer for turn in await store.threads.load("ann", "u")] == ["whole"]

    @pytest.mark.parametrize("gone", ["t", "u"])
    async def test_a_fork_stands_alone(self, store: Store, gone: str) -> None:
        """Deleting the one leaves the other whole: large texts and saved forms too."""
        claim = claimed(await store.turns.open(ask("r1"), history=20))
        long = "".join(f"{i * 7919:07x}é" for i in range(60_000))
        await store.turns.commit(claim, answered(claim, long))
        await store.threads.revise("ann", "t", "r1", long[::-1])
        turns = await store.threads.load("ann", "t")
        await store.threads.fork("ann", "t", "u", ALL)
        await store.threads.delete("ann", gone)
        left = {"t": "u", "u": "t"}[gone]
        assert await store.threads.load("ann", left) == turns
        turn = await say(store, "r2", thread=left)
        assert await store.threads.load("ann", left) == (*turns, turn)
        with pytest.raises(NotFound):
            await store.threads.load("ann", gone)

    async def test_what_is_saved_later_stays_where_it_was_saved(self, store: Store) -> None:
        """A form that is saved in one of the threads is not saved in the other; nor is a new title."""
        await say(store, "r1")
        await store.threads.fork("ann", "t", "u", ALL)
        await store.threads.revise("ann", "u", "r1", "filled in")
        await store.threads.rename("ann", "u", "Another way")
        assert [turn.revised for turn in await store.threads.load("ann", "t")] == [None]
        titles = {
            one.id: one.title for one in (await store.threads.page("ann", cursor=None, limit=9)).threads
        }
        assert titles == {"t": "hello", "u": "Another way"}

    async def test_feedback_is_not_copied(self, store: Store) -> None:
        """An answer is rated once: its copy is not rated, and a rating of the copy is the copy's alone."""
        await say(store, "r1")
        await store.threads.rate("ann", "t", "r1", Feedback("up", "good"))
        await store.threads.fork("ann", "t", "u", ALL)
        assert [turn.feedback for turn in await store.threads.load("ann", "u")] == [None]
        await store.threads.rate("ann", "u", "r1", Feedback("down"))
        assert [turn.feedback for turn in await store.threads.load("ann", "t")] == [Feedback("up", "good")]

    async def test_fork_of_a_fork(self, store: Store) -> None:
        """A fork is a thread like any other: it can be forked, and tells the thread it was made from."""
        turns = (await say(store, "r1"), await say(store, "r2"))
        await store.threads.fork("ann", "t", "u", ALL)
        made = await store.threads.fork("ann", "u", "v", Until("r1"))
        await store.threads.delete("ann", "u")
        assert made.source == Source("u", "r1")
        assert await store.threads.load("ann", "v") == turns[:1]

    async def test_fork_twice(self, store: Store) -> None:
        """The same fork again returns the thread as it is now, also when its source has gone on, or gone."""
        await say(store, "r1")
        made = await store.threads.fork("ann", "t", "u", ALL)
        assert await store.threads.fork("ann", "t", "u", ALL) == made
        await say(store, "r2")
        await say(store, "r3", thread="u")
        await store.threads.delete("ann", "t")
        again = await store.threads.fork("ann", "t", "u", ALL)
        assert (again.id, again.source) == (made.id, made.source)
        assert [turn.response_id for turn in await store.threads.load("ann", "u")] == ["r1", "r3"]

    async def test_fork_twice_at_once(self, store: Store) -> None:
        """Of eight that make the same fork, one makes it; the others get it, or are told to come again."""
        turns = [await say(store, f"r{i}") for i in range(3)]
        made = await asyncio.gather(
            *(store.threads.fork("ann", "t", "u", ALL) for _ in range(8)), return_exceptions=True
        )
        assert [one for one in made if isinstance(one, BaseException) and not isinstance(one, Busy)] == []
        assert any(not isinstance(one, BaseException) for one in made)
        assert await store.threads.load("ann", "u") == tuple(turns)

    async def test_fork_into_another_thread(self, store: Store) -> None:
        """The new id must be new: neither the source, nor a thread, nor another fork is written over."""
        mine = [await say(store, "r1"), await say(store, "r2")]
        other = await say(store, "s1", thread="x")
        await store.threads.create("ann", "y", "Plans")
        await store.threads.fork("ann", "t", "u", Until("r1"))
        for new, until in (("t", ALL), ("x", ALL), ("y", ALL), ("u", ALL), ("u", Until("r2", taken=False))):
            with pytest.raises(ThreadExists):
                await store.threads.fork("ann", "t", new, until)
        with pytest.raises(ThreadExists):
            await store.threads.fork("ann", "x", "u", Until("r1"))
        assert await store.threads.load("ann", "t") == tuple(mine)
        assert await store.threads.load("ann", "x") == (other,)

    async def test_fork_of_what_is_not_there(self, store: Store) -> None:
        """No thread, no such answer, a deleted thread, another owner's: not found, and nothing is made."""
        await say(store, "r1")
        await say(store, "r1", thread="d")
        await store.threads.delete("ann", "d")
        for owner, source, until in (
            ("ann", "x", ALL),
            ("ann", "u", ALL),
            ("ann", "d", ALL),
            ("ann", "d", Until("r1")),
            ("bob", "t", ALL),
            ("ann", "t", Until("r9")),
            ("ann", "t", Until("r9", taken=False)),
        ):
            with pytest.raises(NotFound):
                await store.threads.fork(owner, source, "u", until)
            with pytest.raises(NotFound):
                await store.threads.load(owner, "u")
        assert [one.id for one in (await store.threads.page("ann", cursor=None, limit=9)).threads] == ["t"]

    async def test_forks_of_two_owners(self, store: Store) -> None:
        """The same ids of another owner are other threads, for a fork too."""
        mine = await say(store, "r1", "mine")
        his = await say(store, "r1", "his", owner="bob")
        await store.threads.fork("ann", "t", "u", ALL)
        await store.threads.fork("bob", "t", "u", ALL)
        assert await store.threads.load("ann", "u") == (mine,)
        assert await store.threads.load("bob", "u") == (his,)
        await store.threads.delete("bob", "u")
        assert await store.threads.load("ann", "u") == (mine,)

    async def test_fork_while_a_turn_runs(self, store: Store) -> None:
        """A running turn is not taken: it is not known what it will be. Those before it are."""
        first = await say(store, "r1")
        claim = claimed(await store.turns.open(ask("r2"), history=20))
        for until in (ALL, Until("r2")):
            with pytest.raises(Busy):
                await store.threads.fork("ann", "t", "u", until)
        with pytest.raises(NotFound):
            await store.threads.load("ann", "u")
        await store.threads.fork("ann", "t", "u", Until("r2", taken=False))
        await store.threads.fork("ann", "t", "v", Until("r1"))
        await store.turns.commit(claim, answered(claim, "hi"))
        assert await store.threads.load("ann", "u") == await store.threads.load("ann", "v") == (first,)

    async def test_fork_while_a_failed_turn_runs_again(self, store: Store) -> None:
        """What it was is not taken either."""
        claim = claimed(await store.turns.open(ask("r1"), history=20))
        await store.turns.commit(claim, answered(claim, "hal", state=State.FAILED))
        claimed(await store.turns.open(ask("r1"), history=20))
        with pytest.raises(Busy):
            await store.threads.fork("ann", "t", "u", Until("r1"))

    async def test_fork_of_a_turn_whose_machine_died(self, store: Store, time: Clockwork) -> None:
        """When its lease is over it is an interrupted turn, in the fork too: its prompt is kept."""
        first = await say(store, "r1")
        claim = claimed(await store.turns.open(ask("r2", "lost?"), history=20))
        time.advance(LEASE)
        await store.threads.fork("ann", "t", "u", ALL)
        turns = await store.threads.load("ann", "u")
        assert turns == (first, Turn(2, "r2", State.INTERRUPTED, claim.ask.prompt, claim.started))
        again = claimed(await store.turns.open(ask("r2", "lost?", thread="u"), history=20))
        assert again.number == 2
        await store.turns.commit(again, answered(again, "found"))
        assert [turn.state for turn in await store.threads.load("ann", "t")] == [
            State.DONE,
            State.INTERRUPTED,
        ]

    async def test_a_fork_that_was_deleted(self, store: Store, time: Clockwork) -> None:
        """A late retry does not bring it back: not for a day. Its id may be used for another fork."""
        turns = (await say(store, "r1"), await say(store, "r2"))
        await store.threads.fork("ann", "t", "u", ALL)
        await store.threads.delete("ann", "u")
        time.advance(3600)
        with pytest.raises(NotFound, match="deleted"):
            await store.threads.fork("ann", "t", "u", ALL)
        made = await store.threads.fork("ann", "t", "u", Until("r1"))
        assert made.source == Source("t", "r1")
        assert await store.threads.load("ann", "u") == turns[:1]

    async def test_a_thread_of_a_forks_id_is_no_fork(self, store: Store) -> None:
        """A thread that is begun under the id of a deleted fork comes from nowhere."""
        await say(store, "r1")
        await store.threads.fork("ann", "t", "u", ALL)
        await store.threads.delete("ann", "u")
        assert (await store.threads.create("ann", "u", "Plans")).source is None
        await store.threads.delete("ann", "u")
        await say(store, "s1", thread="u")
        assert [one.source for one in (await store.threads.page("ann", cursor=None, limit=9)).threads] == [
            None
        ] * 2

    async def test_a_fork_is_counted(self, make: Callable[[Quota], Store]) -> None:
        """As what is written outside of turns: a kilobyte for the thread, and those of each turn that is
        copied. A fork that is refused, or is there already, is not counted, nor is a turn of the day.
        """
        store = make(Quota(writes=6, turns=2))
        await say(store, "r1")
        await say(store, "r2")
        for _ in range(3):
            await store.threads.fork("ann", "t", "u", ALL)
            with pytest.raises(ThreadExists):
                await store.threads.fork("ann", "t", "u", Until("r1"))
            with pytest.raises(NotFound):
                await store.threads.fork("ann", "x", "v", ALL)
        await store.threads.fork("ann", "t", "v", Until("r1"))
        with pytest.raises(WritesUsedUp):
            await store.threads.fork("ann", "t", "w", Until("r1"))
        with pytest.raises(NotFound):
            await store.threads.load("ann", "w")
        await store.threads.fork("ann", "t", "w", Until("r1", taken=False))

    async def test_a_fork_counts_as_what_it_writes(self, make: Callable[[Quota], Store]) -> None:
        """Each of its turns, by its kilobytes: no more is copied on a day than may be written."""
        letters, store = "".join(f"{i * 104_729:08x}" for i in range(1000)), make(Quota(writes=5))
        await say(store, "r1")
        await say(store, "r2", letters)
        with pytest.raises(WritesUsedUp):
            await store.threads.fork("ann", "t", "u", ALL)
        with pytest.raises(NotFound):
            await store.threads.load("ann", "u")
        await store.threads.fork("ann", "t", "u", Until("r1"))
        await store.threads.fork("ann", "t", "v", Until("r1"))
        with pytest.raises(WritesUsedUp):
            await store.threads.fork("ann", "t", "w", Until("r1"))

    async def test_a_turns_usage_comes_along(self, store: Store) -> None:
        """Everything of a turn is copied: errors, details, usage."""
        claim = claimed(await store.turns.open(ask("r1"), history=20))
        turn = replace(answered(claim, "x", state=State.FAILED, error="model_rate_limited"), detail="Later.")
        await store.turns.commit(claim, turn)
        await store.threads.fork("ann", "t", "u", ALL)
        assert await store.threads.load("ann", "u") == (turn,)
