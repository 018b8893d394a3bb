"""The rules of a turn, as tests that every store runs: subclass ``Contract`` and give it a ``store``.

Each test's docstring is the rule it proves. Time is a ``Clockwork``: leases run out when a test says so.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace

import pytest

from c1fn.errors import (
    BadField,
    Busy,
    LeaseLost,
    Mismatch,
    NotFound,
    TokensUsedUp,
    TooManyAtOnce,
    TurnsUsedUp,
    WritesUsedUp,
)
from c1fn.stores import DAY, FOLLOWED, LEASE, Claim, Opened, Quota, Replay, Running, Store
from c1fn.turn import Ask, Feedback, Message, State, ToolCall, Turn, Usage
from c1fn.turn.transcript import for_model
from tests.stores.clockwork import Clockwork

HOUR = 3600.0


def ask(response: str, text: str = "hello", *, thread: str = "t", owner: str = "ann") -> Ask:
    return Ask(owner, thread, response, Message("user", text, id=f"m-{response}"))


def answered(claim: Claim, *said: str, state: State = State.DONE, error: str | None = None) -> Turn:
    reply = tuple(Message("assistant", text, id=claim.ask.response_id) for text in said)
    return Turn(
        claim.number,
        claim.ask.response_id,
        state,
        claim.ask.prompt,
        claim.started,
        reply,
        Usage(11, 7),
        error,
    )


def claimed(opened: Opened) -> Claim:
    assert isinstance(opened, Claim)
    return opened


async def told(story: AsyncGenerator[str | Turn, None]) -> tuple[str, Turn]:
    """What a follower hears: the pieces joined, and the turn at the end."""
    pieces: list[str] = []
    turns: list[Turn] = []
    async with aclosing(story):
        async for part in story:
            assert not turns
            assert part
            if isinstance(part, str):
                pieces.append(part)
            else:
                turns.append(part)
    assert len(turns) == 1
    return "".join(pieces), turns[0]


class Contract:
    shared = True
    """Whether two stores see the same threads."""

    @pytest.fixture
    def time(self) -> Clockwork:
        return Clockwork()

    @pytest.fixture
    def make(self, time: Clockwork) -> Callable[[Quota], Store]:
        """Stores with a quota. On a server they share one table."""
        raise NotImplementedError

    @pytest.fixture
    def store(self, make: Callable[[Quota], Store]) -> Store:
        return make(Quota())

    async def say(self, store: Store, response: str, text: str = "hello", thread: str = "t") -> Turn:
        """One whole turn."""
        claim = claimed(await store.turns.open(ask(response, text, thread=thread), history=20))
        turn = answered(claim, f"answer to {text}")
        await store.turns.commit(claim, turn)
        return turn

    # ---- one turn

    async def test_first_turn(self, store: Store, time: Clockwork) -> None:
        """A thread nobody created is created by its first turn, and numbered from 1."""
        claim = claimed(await store.turns.open(ask("r1"), history=20))
        assert (claim.number, claim.history, claim.replaces, claim.started) == (1, (), None, time.now)
        turn = answered(claim, "hi")
        await store.turns.commit(claim, turn)
        assert await store.threads.load("ann", "t") == (turn,)

    async def test_durable_first(self, store: Store) -> None:
        """The prompt is readable as soon as the turn is opened."""
        claim = claimed(await store.turns.open(ask("r1", "my prompt"), history=20))
        (turn,) = await store.threads.load("ann", "t")
        assert turn == Turn(1, "r1", State.RUNNING, claim.ask.prompt, claim.started)

    async def test_everything_kept(self, store: Store) -> None:
        """Tool calls, results, usage, errors, ids and any text come back as they were."""
        claim = claimed(await store.turns.open(ask("r1", "snow ☃ \U0001f600 \x00 \n"), history=20))
        call = ToolCall("c1", "weather", '{"city": "Zürich"}')
        reply = (
            Message("assistant", "<content>", tool_calls=(call, replace(call, id="c2")), opaque='{"é": 1}'),
            Message("tool", "sunny", tool_call_id="c1"),
            Message("tool", "", tool_call_id="c2"),
            Message("assistant", "{&quot;a&quot;: 1}</content>", id="r1"),
        )
        turn = replace(
            answered(claim), state=State.FAILED, reply=reply, error="model_rate_limited", detail="Ask later."
        )
        await store.turns.commit(claim, turn)
        assert await store.threads.load("ann", "t") == (turn,)

    async def test_history(self, store: Store) -> None:
        """A claim carries the newest turns before it, oldest first, as many as asked for."""
        turns = [await self.say(store, f"r{i}", f"question {i}") for i in range(5)]
        claim = claimed(await store.turns.open(ask("r9"), history=3))
        assert claim.number == 6
        assert claim.history == tuple(turns[2:])

    async def test_no_history(self, store: Store) -> None:
        """A history of none is none."""
        await self.say(store, "r1")
        assert claimed(await store.turns.open(ask("r2"), history=0)).history == ()

    async def test_many_turns(self, store: Store) -> None:
        """Numbers are contiguous, and all turns are loaded, oldest first."""
        turns = tuple([await self.say(store, f"r{i}", f"question {i}") for i in range(12)])
        assert await store.threads.load("ann", "t") == turns
        assert [turn.number for turn in turns] == list(range(1, 13))

    async def test_pages_of_turns(self, store: Store) -> None:
        """The newest so many, and those before a number; the one that runs is the newest."""
        turns = [await self.say(store, f"r{i}", f"question {i}") for i in range(5)]
        load = store.threads.load
        assert await load("ann", "t", limit=2) == tuple(turns[3:])
        assert await load("ann", "t", before=4, limit=2) == tuple(turns[1:3])
        assert await load("ann", "t", before=2, limit=2) == tuple(turns[:1])
        assert await load("ann", "t", before=1, limit=2) == ()
        assert await load("ann", "t", before=3) == tuple(turns[:2])
        assert await load("ann", "t", before=99, limit=99) == tuple(turns)
        claim = claimed(await store.turns.open(ask("r9"), history=20))
        newest = await load("ann", "t", limit=2)
        assert [(turn.number, turn.state) for turn in newest] == [(5, State.DONE), (6, State.RUNNING)]
        assert await load("ann", "t", before=6, limit=2) == tuple(turns[3:])
        await store.turns.commit(claim, answered(claim, state=State.FAILED))
        claimed(await store.turns.open(ask("r9"), history=20))
        newest = await load("ann", "t", limit=2)
        assert [(turn.number, turn.state) for turn in newest] == [(5, State.DONE), (6, State.RUNNING)]

    async def test_large_turn(self, store: Store) -> None:
        """A turn of 5 MB is kept whole, and sent to the model whole."""
        claim = claimed(await store.turns.open(ask("r1"), history=20))
        turn = answered(claim, "".join(f"{i * 7919:07x}é" for i in range(560_000)))
        assert len(turn.answer.encode()) > 5_000_000
        await store.turns.commit(claim, turn)
        assert await store.threads.load("ann", "t") == (turn,)
        assert claimed(await store.turns.open(ask("r2"), history=20)).history == (turn,)

    async def test_large_prompt(self, store: Store) -> None:
        """A prompt of 1 MB is durable before the model sees it."""
        text = "".join(f"{i * 104_729:08x}" for i in range(131_072))
        claim = claimed(await store.turns.open(ask("r1", text), history=20))
        (running,) = await store.threads.load("ann", "t")
        assert running.prompt.content == text
        turn = answered(claim, "read it")
        await store.turns.commit(claim, turn)
        assert await store.threads.load("ann", "t") == (turn,)

    # ---- replay, then busy, then claim

    async def test_replay(self, store: Store) -> None:
        """An answered responseId is not answered again: the same turn comes back."""
        turn = await self.say(store, "r1")
        assert await store.turns.open(ask("r1"), history=20) == Replay(turn)

    async def test_replay_leaves_the_thread_free(self, store: Store) -> None:
        """A replay holds nothing, and nobody sees the thread run."""
        await self.say(store, "r1")
        await store.turns.open(ask("r1"), history=20)
        await store.settle()
        page = await store.threads.page("ann", cursor=None, limit=5)
        assert [thread.running for thread in page.threads] == [False]
        assert claimed(await store.turns.open(ask("r2"), history=20)).number == 2

    async def test_old_replay(self, store: Store) -> None:
        """A responseId is known for ever, however short the history that is asked for."""
        turns = [await self.say(store, f"r{i}", f"question {i}") for i in range(25)]
        assert await store.turns.open(ask("r0", "question 0"), history=1) == Replay(turns[0])

    async def test_stopped_replay(self, store: Store) -> None:
        """A stopped turn is an answer: it is replayed."""
        claim = claimed(await store.turns.open(ask("r1"), history=20))
        turn = answered(claim, "so f", state=State.STOPPED)
        await store.turns.commit(claim, turn)
        assert await store.turns.open(ask("r1"), history=20) == Replay(turn)

    async def test_replay_while_busy(self, store: Store) -> None:
        """Replay comes before busy."""
        turn = await self.say(store, "r1")
        await store.turns.open(ask("r2"), history=20)
        assert await store.turns.open(ask("r1"), history=20) == Replay(turn)

    async def test_mismatch(self, store: Store) -> None:
        """A responseId with another prompt is refused: finished, running, or while another runs."""
        await self.say(store, "r1", "one")
        with pytest.raises(Mismatch):
            await store.turns.open(ask("r1", "two"), history=20)
        await store.turns.open(ask("r2", "two"), history=20)
        with pytest.raises(Mismatch):
            await store.turns.open(ask("r2", "three"), history=20)
        with pytest.raises(Mismatch):
            await store.turns.open(ask("r1", "two"), history=20)

    async def test_mismatch_leaves_the_thread_free(self, store: Store) -> None:
        """A refusal holds nothing and stores nothing."""
        turn = await self.say(store, "r1", "one")
        with pytest.raises(Mismatch):
            await store.turns.open(ask("r1", "two"), history=20)
        assert await store.threads.load("ann", "t") == (turn,)
        assert claimed(await store.turns.open(ask("r2"), history=20)).number == 2

    async def test_mismatch_of_a_failed_turn(self, store: Store) -> None:
        """A failed turn is run again with its own prompt alone."""
        claim = claimed(await store.turns.open(ask("r1", "one"), history=20))
        await store.turns.commit(claim, answered(claim, state=State.FAILED))
        with pytest.raises(Mismatch):
            await store.turns.open(ask("r1", "two"), history=20)

    async def test_same_prompt_under_another_message_id(self, store: Store) -> None:
        """What makes a prompt the same is its text: clients may give a resent message a new id."""
        turn = await self.say(store, "r1")
        again = replace(ask("r1"), prompt=Message("user", "hello", id="another"))
        assert await store.turns.open(again, history=20) == Replay(turn)

    async def test_running(self, store: Store) -> None:
        """The same responseId while it runs is told to follow."""
        await self.say(store, "r1")
        await store.turns.open(ask("r2"), history=20)
        assert await store.turns.open(ask("r2"), history=20) == Running(2)

    async def test_busy(self, store: Store) -> None:
        """Another responseId is refused while a turn runs."""
        await store.turns.open(ask("r1"), history=20)
        with pytest.raises(Busy):
            await store.turns.open(ask("r2"), history=20)

    async def test_one_at_a_time(self, store: Store) -> None:
        """Of eight that race, exactly one runs."""
        opened = await asyncio.gather(
            *(store.turns.open(ask(f"r{i}"), history=20) for i in range(8)), return_exceptions=True
        )
        assert [isinstance(one, Claim) for one in opened].count(True) == 1
        assert [isinstance(one, Busy) for one in opened].count(True) == 7

    async def test_once(self, store: Store) -> None:
        """Of eight requests with one responseId, exactly one runs and the others follow it."""
        opened = await asyncio.gather(*(store.turns.open(ask("r1"), history=20) for _ in range(8)))
        assert [isinstance(one, Claim) for one in opened].count(True) == 1
        assert [isinstance(one, Running) for one in opened].count(True) == 7

    async def test_threads_do_not_wait_for_each_other(self, store: Store) -> None:
        """Busy is one thread's matter."""
        await store.turns.open(ask("r1"), history=20)
        assert claimed(await store.turns.open(ask("r1", thread="u"), history=20)).number == 1

    # ---- failed turns

    @pytest.mark.parametrize("state", [State.FAILED, State.INTERRUPTED])
    async def test_run_again(self, store: Store, state: State) -> None:
        """The newest turn, failed or interrupted, is run again under its number by its responseId."""
        first = await self.say(store, "r1")
        claim = claimed(await store.turns.open(ask("r2"), history=20))
        await store.turns.commit(claim, answered(claim, "half an ans", state=state))
        again = claimed(await store.turns.open(ask("r2"), history=20))
        assert (again.number, again.replaces, again.history) == (2, claim.attempt, (first,))
        turn = answered(again, "whole answer")
        await store.turns.commit(again, turn)
        assert await store.threads.load("ann", "t") == (first, turn)

    async def test_history_of_a_turn_that_is_run_again(self, store: Store) -> None:
        """It has as many turns as asked for: the one that is run again is none of them."""
        turns = [await self.say(store, f"r{i}", f"question {i}") for i in range(3)]
        claim = claimed(await store.turns.open(ask("r9"), history=2))
        await store.turns.commit(claim, answered(claim, state=State.FAILED))
        again = claimed(await store.turns.open(ask("r9"), history=2))
        assert (again.number, again.history) == (4, tuple(turns[1:]))

    async def test_running_again(self, store: Store) -> None:
        """While a failed turn runs again it is shown as running, and its responseId follows it."""
        claim = claimed(await store.turns.open(ask("r1"), history=20))
        await store.turns.commit(claim, answered(claim, "half", state=State.FAILED))
        again = claimed(await store.turns.open(ask("r1"), history=20))
        (shown,) = await store.threads.load("ann", "t")
        assert (shown.number, shown.state, shown.started) == (1, State.RUNNING, again.started)
        assert await store.turns.open(ask("r1"), history=20) == Running(1)
        with pytest.raises(Busy):
            await store.turns.open(ask("r2"), history=20)

    async def test_failed_and_passed_by(self, store: Store) -> None:
        """A failed turn with a newer one after it is replayed as it is."""
        claim = claimed(await store.turns.open(ask("r1"), history=20))
        failed = answered(claim, "half", state=State.FAILED, error="answer_cut")
        await store.turns.commit(claim, failed)
        second = claimed(await store.turns.open(ask("r2"), history=20))
        assert second.history == (failed,)
        assert await store.turns.open(ask("r1"), history=20) == Replay(failed)
        await store.turns.commit(second, answered(second, "fine"))
        assert await store.turns.open(ask("r1"), history=20) == Replay(failed)

    async def test_model_sees_no_failures(self, store: Store) -> None:
        """Failed turns are kept for people and left out of what the model sees."""
        claim = claimed(await store.turns.open(ask("r1", "bad"), history=20))
        await store.turns.commit(claim, answered(claim, "half", state=State.FAILED))
        await self.say(store, "r2", "good")
        claim = claimed(await store.turns.open(ask("r3"), history=20))
        assert [m.content for m in for_model(claim.history)] == ["good", "answer to good"]

    # ---- leases, take-over, zombies

    async def test_renewed(self, store: Store, time: Clockwork) -> None:
        """A claim that is renewed lives on beyond its first lease."""
        claim = claimed(await store.turns.open(ask("r1"), history=20))
        for _ in range(8):
            time.advance(LEASE / 2)
            assert await store.turns.renew(claim, "still here") is False
        with pytest.raises(Busy):
            await store.turns.open(ask("r2"), history=20)
        await store.turns.commit(claim, answered(claim, "still here"))

    async def test_taken_over_by_another_prompt(self, store: Store, time: Clockwork) -> None:
        """After its lease a dead turn is interrupted, its prompt kept, and the thread is usable."""
        dead = claimed(await store.turns.open(ask("r1", "lost?"), history=20))
        time.advance(LEASE)
        claim = claimed(await store.turns.open(ask("r2"), history=20))
        assert claim.number == 2
        (before,) = claim.history
        assert (before.response_id, before.state, before.prompt) == ("r1", State.INTERRUPTED, dead.ask.prompt)
        turn = answered(claim, "hi")
        await store.turns.commit(claim, turn)
        assert await store.threads.load("ann", "t") == (before, turn)

    async def test_taken_over_by_itself(self, store: Store, time: Clockwork) -> None:
        """After its lease the retry of the same responseId runs the turn again, under its number."""
        await self.say(store, "r1")
        await store.turns.open(ask("r2"), history=20)
        time.advance(LEASE)
        again = claimed(await store.turns.open(ask("r2"), history=20))
        assert (again.number, len(again.history)) == (2, 1)
        turn = answered(again, "at last")
        await store.turns.commit(again, turn)
        assert (await store.threads.load("ann", "t"))[1:] == (turn,)

    async def test_mismatch_of_a_dead_turn(self, store: Store, time: Clockwork) -> None:
        """A dead turn is run again with its own prompt alone."""
        await store.turns.open(ask("r1", "one"), history=20)
        time.advance(LEASE)
        with pytest.raises(Mismatch):
            await store.turns.open(ask("r1", "two"), history=20)

    @pytest.mark.parametrize("taker", ["r1", "r2"])
    async def test_zombie(self, store: Store, time: Clockwork, taker: str) -> None:
        """A machine that wakes up after its turn was taken over can change nothing."""
        zombie = claimed(await store.turns.open(ask("r1"), history=20))
        time.advance(LEASE)
        claim = claimed(await store.turns.open(ask(taker), history=20))
        before = await store.threads.load("ann", "t")
        with pytest.raises(LeaseLost):
            await store.turns.renew(zombie, "boo")
        with pytest.raises(LeaseLost):
            await store.turns.commit(zombie, answered(zombie, "boo"))
        assert await store.threads.load("ann", "t") == before
        turn = answered(claim, "alive")
        await store.turns.commit(claim, turn)
        with pytest.raises(LeaseLost):
            await store.turns.commit(zombie, answered(zombie, "boo"))
        assert (await store.threads.load("ann", "t"))[-1] == turn

    async def test_large_zombie(self, store: Store, time: Clockwork) -> None:
        """What a zombie says, however much, does not reach into the turn of its successor."""
        zombie = claimed(await store.turns.open(ask("r1"), history=20))
        time.advance(LEASE)
        claim = claimed(await store.turns.open(ask("r1"), history=20))
        turn = answered(claim, "".join(f"{i * 104_729:08x}" for i in range(100_000)))
        await store.turns.commit(claim, turn)
        with pytest.raises(LeaseLost):
            await store.turns.commit(
                zombie, answered(zombie, "".join(f"{i * 7919:08x}" for i in range(100_000)))
            )
        assert await store.threads.load("ann", "t") == (turn,)

    async def test_generations_of_zombies(self, store: Store, time: Clockwork) -> None:
        """However often a turn is taken over, only the last attempt counts."""
        zombies = []
        for _ in range(4):
            zombies.append(claimed(await store.turns.open(ask("r1"), history=20)))
            time.advance(LEASE)
        claim = claimed(await store.turns.open(ask("r1"), history=20))
        assert claim.number == 1
        for zombie in zombies:
            with pytest.raises(LeaseLost):
                await store.turns.commit(zombie, answered(zombie, "boo"))
        turn = answered(claim, "last")
        await store.turns.commit(claim, turn)
        assert await store.threads.load("ann", "t") == (turn,)

    async def test_zombie_of_a_second_run(self, store: Store, time: Clockwork) -> None:
        """A failed turn that was run again and died leaves one interrupted turn, closed to its zombie."""
        first = claimed(await store.turns.open(ask("r1"), history=20))
        await store.turns.commit(first, answered(first, "half", state=State.FAILED))
        zombie = claimed(await store.turns.open(ask("r1"), history=20))
        time.advance(LEASE)
        claim = claimed(await store.turns.open(ask("r2"), history=20))
        assert claim.number == 2
        assert [turn.state for turn in claim.history] == [State.INTERRUPTED]
        with pytest.raises(LeaseLost):
            await store.turns.commit(zombie, answered(zombie, "boo"))

    async def test_late_but_untouched(self, store: Store, time: Clockwork) -> None:
        """A machine that was late, but that nobody took over, commits."""
        claim = claimed(await store.turns.open(ask("r1"), history=20))
        time.advance(LEASE * 2)
        turn = answered(claim, "late")
        await store.turns.commit(claim, turn)
        assert await store.threads.load("ann", "t") == (turn,)

    async def test_late_and_passed_over(self, store: Store, time: Clockwork) -> None:
        """An open that is refused or replayed takes nothing over: the late machine still commits."""
        first = await self.say(store, "r1", "one")
        claim = claimed(await store.turns.open(ask("r2"), history=20))
        time.advance(LEASE)
        with pytest.raises(Mismatch):
            await store.turns.open(ask("r1", "two"), history=20)
        with pytest.raises(Mismatch):
            await store.turns.open(ask("r2", "two"), history=20)
        assert await store.turns.open(ask("r1", "one"), history=20) == Replay(first)
        turn = answered(claim, "late")
        await store.turns.commit(claim, turn)
        assert await store.threads.load("ann", "t") == (first, turn)

    async def test_seen_as_interrupted(self, store: Store, time: Clockwork) -> None:
        """A turn whose lease is over is shown as interrupted, before anybody takes it over."""
        await store.turns.open(ask("r1"), history=20)
        time.advance(LEASE)
        (turn,) = await store.threads.load("ann", "t")
        assert turn.state is State.INTERRUPTED
        page = await store.threads.page("ann", cursor=None, limit=5)
        assert [thread.running for thread in page.threads] == [False]

    async def test_committed_once(self, store: Store) -> None:
        """A claim is used up by its commit: another end for it is refused."""
        claim = claimed(await store.turns.open(ask("r1"), history=20))
        turn = answered(claim, "done")
        await store.turns.commit(claim, turn)
        with pytest.raises(LeaseLost):
            await store.turns.commit(claim, answered(claim, "other", state=State.FAILED))
        assert await store.threads.load("ann", "t") == (turn,)

    # ---- following and stopping

    async def test_follow_to_the_end(self, store: Store, time: Clockwork) -> None:
        """A follower hears the answer from its beginning to its end, then the turn."""
        claim = claimed(await store.turns.open(ask("r1"), history=20))
        time.advance(2)
        await store.turns.renew(claim, "The answer ")
        story = asyncio.ensure_future(told(store.turns.follow("ann", "t", "r1")))
        await time.asleep()
        time.advance(2)
        await store.turns.renew(claim, "The answer is ")
        turn = answered(claim, "The answer is 42")
        await store.turns.commit(claim, turn)
        assert await time.run(story) == ("The answer is 42", turn)

    async def test_follow_what_is_over(self, store: Store) -> None:
        """Following a finished turn gives its whole answer, then the turn."""
        turn = await self.say(store, "r1")
        await self.say(store, "r2")
        assert await told(store.turns.follow("ann", "t", "r1")) == (turn.answer, turn)

    async def test_follow_the_dead(self, store: Store, time: Clockwork) -> None:
        """A follower of a turn that dies hears that it was interrupted when its lease is over."""
        claim = claimed(await store.turns.open(ask("r1"), history=20))
        before = time.now
        _, turn = await time.run(told(store.turns.follow("ann", "t", "r1")))
        assert (turn.state, turn.prompt) == (State.INTERRUPTED, claim.ask.prompt)
        assert LEASE <= time.now - before <= LEASE + 2

    async def test_follow_through_a_take_over(self, store: Store, time: Clockwork) -> None:
        """A follower of a turn that was taken over hears an end."""
        await store.turns.open(ask("r1"), history=20)
        story = asyncio.ensure_future(told(store.turns.follow("ann", "t", "r1")))
        await time.asleep()
        time.now += LEASE  # the follower sleeps on: the other prompt comes first
        await store.turns.open(ask("r2"), history=20)
        _, turn = await time.run(story)
        assert turn.state is State.INTERRUPTED

    async def test_follow_nothing(self, store: Store) -> None:
        """A turn that does not exist cannot be followed."""
        with pytest.raises(NotFound):
            await told(store.turns.follow("ann", "t", "r1"))
        await self.say(store, "r1")
        with pytest.raises(NotFound):
            await told(store.turns.follow("ann", "t", "r2"))

    async def test_follower_leaves(self, store: Store, time: Clockwork) -> None:
        """A follower who leaves changes nothing."""
        claim = claimed(await store.turns.open(ask("r1"), history=20))
        story = asyncio.ensure_future(told(store.turns.follow("ann", "t", "r1")))
        await time.asleep()
        story.cancel()
        await asyncio.gather(story, return_exceptions=True)
        await store.turns.commit(claim, answered(claim, "hi"))

    async def test_followers_at_once(self, make: Callable[[Quota], Store], time: Clockwork) -> None:
        """Twice as many followers of one owner wait as he may run turns; one that leaves makes room."""
        store = make(Quota(at_once=2))
        claim = await self.begin(store, "r1", "a")
        other = await self.begin(store, "r1", "a", owner="bob")
        waiting = [await self.waits(store, time) for _ in range(4)]
        with pytest.raises(TooManyAtOnce):
            await time.run(told(store.turns.follow("ann", "a", "r1")))
        bobs = await self.waits(store, time, "bob")
        leaving = waiting.pop()
        leaving.cancel()
        await asyncio.wait({leaving})
        await store.settle()
        waiting.append(await self.waits(store, time))
        await self.begin(store, "r2", "b")  # followers take no place of a turn's
        turn = answered(claim, "hi")
        await store.turns.commit(claim, turn)
        for story in waiting:
            assert await time.run(story) == ("hi", turn)
        await store.settle()
        assert await told(store.turns.follow("ann", "a", "r1")) == ("hi", turn)  # none waits for what is over
        await store.turns.commit(other, answered(other, "ho"))
        assert (await time.run(bobs))[0] == "ho"

    async def waits(
        self, store: Store, time: Clockwork, owner: str = "ann"
    ) -> "asyncio.Task[tuple[str, Turn]]":
        """A follower who has begun to wait."""
        return await time.one_more(told(store.turns.follow(owner, "a", "r1")))

    async def test_a_dead_follower_keeps_no_place(
        self, make: Callable[[Quota], Store], time: Clockwork
    ) -> None:
        """A machine that died while it served one."""
        if not self.shared:
            return  # it died with all that it held
        store, quota = make(Quota(at_once=1)), Quota(at_once=1)
        claim = await self.begin(store, "r1", "a")
        dying = make(quota)
        dead = [await self.waits(dying, time) for _ in range(2)]
        with pytest.raises(TooManyAtOnce):
            await told(store.turns.follow("ann", "a", "r1"))
        time.now += FOLLOWED + LEASE  # it sleeps on
        again = await self.begin(store, "r2", "a")
        story = await time.one_more(told(store.turns.follow("ann", "a", "r2")))
        await store.turns.commit(again, answered(again, "hi"))
        assert (await time.run(story))[0] == "hi"
        assert claim.number == again.number - 1
        await asyncio.gather(*map(time.run, dead), return_exceptions=True)

    async def test_stop(self, store: Store, time: Clockwork) -> None:
        """A stop is heard by the turn within two seconds."""
        claim = claimed(await store.turns.open(ask("r1"), history=20))
        time.advance(2)
        assert await store.turns.renew(claim, "so") is False
        assert await store.turns.stop("ann", "t", None) is True
        time.advance(2)
        assert await store.turns.renew(claim, "so f") is True
        assert await store.turns.stop("ann", "t", "r1") is True

    async def test_stop_once(self, store: Store, time: Clockwork) -> None:
        """A stop is for the turn that runs, not for the next one."""
        claim = claimed(await store.turns.open(ask("r1"), history=20))
        await store.turns.stop("ann", "t", "r1")
        await store.turns.commit(claim, answered(claim, "so", state=State.STOPPED))
        claim = claimed(await store.turns.open(ask("r2"), history=20))
        time.advance(2)
        assert await store.turns.renew(claim, "on") is False

    async def test_stop_nothing(self, store: Store, time: Clockwork) -> None:
        """Where nothing runs nothing is stopped."""
        assert await store.turns.stop("ann", "t", None) is False
        await self.say(store, "r1")
        assert await store.turns.stop("ann", "t", None) is False
        await store.turns.open(ask("r2"), history=20)
        assert await store.turns.stop("ann", "t", "r1") is False
        assert await store.turns.stop("bob", "t", None) is False
        time.advance(LEASE)
        assert await store.turns.stop("ann", "t", None) is False

    # ---- threads

    async def test_list(self, store: Store, time: Clockwork) -> None:
        """Threads are listed newest first, by when they were last used."""
        for name in "abc":
            await self.say(store, "r1", f"about {name}", thread=name)
            time.advance(HOUR)
        await self.say(store, "r2", "more", thread="a")
        page = await store.threads.page("ann", cursor=None, limit=10)
        assert [thread.id for thread in page.threads] == ["a", "c", "b"]
        assert [thread.title for thread in page.threads] == ["about a", "about c", "about b"]
        assert page.cursor is None
        first = page.threads[0]
        assert (first.created, first.updated, first.running) == (time.now - 3 * HOUR, time.now, False)

    async def test_used(self, store: Store, time: Clockwork) -> None:
        """A thread moves up its list when a turn begins, and is as new as the end of the turn afterwards."""
        for name in "ab":
            await self.say(store, "r1", thread=name)
            time.advance(HOUR)
        claim = claimed(await store.turns.open(ask("r2", thread="a"), history=20))
        page = await store.threads.page("ann", cursor=None, limit=10)
        assert [(thread.id, thread.updated) for thread in page.threads][:1] == [("a", time.now)]
        time.advance(5)
        await store.turns.commit(claim, answered(claim, "hi"))
        await store.settle()
        page = await store.threads.page("ann", cursor=None, limit=10)
        assert [(thread.id, thread.updated) for thread in page.threads][:1] == [("a", time.now)]

    async def test_pages(self, store: Store, time: Clockwork) -> None:
        """Pages hold each thread exactly once."""
        for i in range(7):
            await store.threads.create("ann", f"t{i}", "a title")
            time.advance(HOUR)
        seen: list[str] = []
        cursor, pages = None, 0
        while cursor or not pages:
            page = await store.threads.page("ann", cursor=cursor, limit=3)
            seen += [thread.id for thread in page.threads]
            cursor, pages = page.cursor, pages + 1
        assert seen == [f"t{i}" for i in reversed(range(7))]
        assert pages == 3

    async def test_full_last_page(self, store: Store, time: Clockwork) -> None:
        """A cursor comes only where there is more."""
        for i in range(4):
            await store.threads.create("ann", f"t{i}", "a title")
            time.advance(HOUR)
        page = await store.threads.page("ann", cursor=None, limit=2)
        page = await store.threads.page("ann", cursor=page.cursor, limit=2)
        assert ([thread.id for thread in page.threads], page.cursor) == (["t1", "t0"], None)

    async def test_pages_while_threads_move(self, store: Store, time: Clockwork) -> None:
        """A thread used between two pages moves to the front and hides nothing else."""
        for i in range(4):
            await store.threads.create("ann", f"t{i}", "a title")
            time.advance(HOUR)
        page = await store.threads.page("ann", cursor=None, limit=2)
        await self.say(store, "r1", thread="t2")
        page = await store.threads.page("ann", cursor=page.cursor, limit=2)
        assert [thread.id for thread in page.threads] == ["t1", "t0"]

    @pytest.mark.parametrize("cursor", ["", "x", "W10=", "WzEsMl0=", "[1,2]", "ünï", "bnVsbA==", "A" * 5000])
    async def test_forged_cursor(self, store: Store, cursor: str) -> None:
        """A cursor that is not ours is refused."""
        with pytest.raises(BadField):
            await store.threads.page("ann", cursor=cursor, limit=3)

    async def test_running_is_listed(self, store: Store) -> None:
        """The list tells which threads are being answered."""
        await store.turns.open(ask("r1"), history=20)
        page = await store.threads.page("ann", cursor=None, limit=3)
        assert [thread.running for thread in page.threads] == [True]

    async def test_create(self, store: Store, time: Clockwork) -> None:
        """A created thread is empty, listed, and keeps its title when its first turn comes."""
        thread = await store.threads.create("ann", "t", "Plans")
        assert (thread.title, thread.created, thread.running) == ("Plans", time.now, False)
        assert await store.threads.load("ann", "t") == ()
        await self.say(store, "r1")
        page = await store.threads.page("ann", cursor=None, limit=3)
        assert [thread.title for thread in page.threads] == ["Plans"]

    async def test_create_again(self, store: Store, time: Clockwork) -> None:
        """Creating what exists leaves it as it is."""
        turn = await self.say(store, "r1", "first words")
        time.advance(HOUR)
        thread = await store.threads.create("ann", "t", "Plans")
        assert (thread.title, thread.created) == ("first words", time.now - HOUR)
        assert await store.threads.load("ann", "t") == (turn,)

    async def test_rename(self, store: Store) -> None:
        """A new title stays, also through the next turn."""
        await self.say(store, "r1")
        assert (await store.threads.rename("ann", "t", "Better")).title == "Better"
        await self.say(store, "r2")
        page = await store.threads.page("ann", cursor=None, limit=3)
        assert [thread.title for thread in page.threads] == ["Better"]

    async def test_rename_while_running(self, store: Store) -> None:
        """A running turn is not disturbed by a new title."""
        claim = claimed(await store.turns.open(ask("r1"), history=20))
        assert (await store.threads.rename("ann", "t", "Better")).running is True
        await store.turns.commit(claim, answered(claim, "hi"))

    async def test_retitle(self, store: Store) -> None:
        """A title that c1fn made is replaced; one that a person gave stays, and so does everything else."""
        turn = await self.say(store, "r1", "first words")
        (before,) = (await store.threads.page("ann", cursor=None, limit=3)).threads
        await store.threads.retitle("ann", "t", "first words", "Plans")
        (after,) = (await store.threads.page("ann", cursor=None, limit=3)).threads
        assert after == replace(before, title="Plans")
        assert await store.threads.load("ann", "t") == (turn,)
        await store.threads.rename("ann", "t", "Mine")
        for old in ("first words", "Plans"):
            await store.threads.retitle("ann", "t", old, "Late")
        await store.threads.retitle("ann", "none", "first words", "Late")
        await store.threads.retitle("bob", "t", "Mine", "Late")
        page = await store.threads.page("ann", cursor=None, limit=3)
        assert [thread.title for thread in page.threads] == ["Mine"]

    async def test_retitle_while_running(self, store: Store) -> None:
        """A running turn is not disturbed, and a deleted thread does not come back."""
        claim = claimed(await store.turns.open(ask("r1", "first words"), history=20))
        await store.threads.retitle("ann", "t", "first words", "Plans")
        await store.turns.commit(claim, answered(claim, "hi"))
        page = await store.threads.page("ann", cursor=None, limit=3)
        assert [thread.title for thread in page.threads] == ["Plans"]
        await store.threads.delete("ann", "t")
        await store.threads.retitle("ann", "t", "Plans", "Late")
        assert (await store.threads.page("ann", cursor=None, limit=3)).threads == ()

    async def test_unknown_thread(self, store: Store) -> None:
        """What does not exist cannot be loaded, renamed, deleted or revised."""
        for call in (
            store.threads.load("ann", "t"),
            store.threads.rename("ann", "t", "x"),
            store.threads.delete("ann", "t"),
            store.threads.revise("ann", "t", "r1", "x"),
        ):
            with pytest.raises(NotFound):
                await call

    async def test_owners_are_walls(self, store: Store) -> None:
        """Another owner's thread of the same id is another thread."""
        mine = await self.say(store, "r1", "mine")
        for call in (
            store.threads.load("bob", "t"),
            store.threads.rename("bob", "t", "x"),
            store.threads.delete("bob", "t"),
            store.threads.revise("bob", "t", "r1", "x"),
            told(store.turns.follow("bob", "t", "r1")),
        ):
            with pytest.raises(NotFound):
                await call
        claim = claimed(await store.turns.open(ask("r1", "his", owner="bob"), history=20))
        assert (claim.number, claim.history) == (1, ())
        assert await store.threads.load("ann", "t") == (mine,)
        assert (await store.threads.page("eve", cursor=None, limit=3)).threads == ()

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (("a#b", "c"), ("a", "b#c")),
            (("a", "b#0"), ("a#b", "0")),
            (("a%23b", "c"), ("a#b", "c")),
            (("a", "b#c"), ("a", "b%23c")),
        ],
    )
    async def test_forged_names(self, store: Store, one: tuple[str, str], other: tuple[str, str]) -> None:
        """No choice of names reaches into another owner's or thread's rows."""
        claim = claimed(await store.turns.open(ask("r1", owner=one[0], thread=one[1]), history=20))
        await store.turns.commit(claim, answered(claim, "secret"))
        with pytest.raises(NotFound):
            await store.threads.load(*other)
        claim = claimed(await store.turns.open(ask("r1", owner=other[0], thread=other[1]), history=20))
        assert (claim.number, claim.history) == (1, ())

    # ---- deleting

    async def test_delete(self, store: Store) -> None:
        """A deleted thread is gone, and gone twice is not found."""
        for i in range(3):
            await self.say(store, f"r{i}")
        await store.threads.delete("ann", "t")
        with pytest.raises(NotFound):
            await store.threads.load("ann", "t")
        with pytest.raises(NotFound):
            await store.threads.delete("ann", "t")
        with pytest.raises(NotFound):
            await told(store.turns.follow("ann", "t", "r1"))
        assert (await store.threads.page("ann", cursor=None, limit=3)).threads == ()

    async def test_delete_empty(self, store: Store) -> None:
        """A thread without a turn can be deleted."""
        await store.threads.create("ann", "t", "Plans")
        await store.threads.delete("ann", "t")
        with pytest.raises(NotFound):
            await store.threads.load("ann", "t")

    async def test_delete_while_running(self, store: Store, time: Clockwork) -> None:
        """A running turn cannot bring its deleted thread back."""
        await self.say(store, "r1")
        claim = claimed(await store.turns.open(ask("r2"), history=20))
        await store.threads.delete("ann", "t")
        time.advance(LEASE / 2)
        with pytest.raises(LeaseLost):
            await store.turns.renew(claim, "boo")
        with pytest.raises(LeaseLost):
            await store.turns.commit(claim, answered(claim, "boo"))
        with pytest.raises(NotFound):
            await store.threads.load("ann", "t")
        assert (await store.threads.page("ann", cursor=None, limit=3)).threads == ()

    async def test_delete_while_running_again(self, store: Store) -> None:
        """The same for a failed turn that runs again."""
        claim = claimed(await store.turns.open(ask("r1"), history=20))
        await store.turns.commit(claim, answered(claim, state=State.FAILED))
        claim = claimed(await store.turns.open(ask("r1"), history=20))
        await store.threads.delete("ann", "t")
        with pytest.raises(LeaseLost):
            await store.turns.commit(claim, answered(claim, "boo"))
        with pytest.raises(NotFound):
            await store.threads.load("ann", "t")

    async def test_delete_ends_following(self, store: Store, time: Clockwork) -> None:
        """Who follows a turn whose thread is deleted hears that, and is not told to send again."""
        await store.turns.open(ask("r1"), history=20)
        story = asyncio.ensure_future(told(store.turns.follow("ann", "t", "r1")))
        await time.asleep()
        await store.threads.delete("ann", "t")
        with pytest.raises(NotFound, match="deleted"):
            await time.run(story)

    async def test_reused_id(self, store: Store, time: Clockwork) -> None:
        """A new thread may have a deleted one's id, and starts at 1 with nothing of the old."""
        zombies = [claimed(await store.turns.open(ask("r1"), history=20))]
        time.advance(LEASE)
        zombies.append(claimed(await store.turns.open(ask("r2"), history=20)))
        await store.threads.delete("ann", "t")
        turns: list[Turn] = []
        for response in ("s1", "s2", "s3"):
            claim = claimed(await store.turns.open(ask(response, "anew"), history=20))
            assert claim.history == tuple(turns)
            for zombie in zombies:
                with pytest.raises(LeaseLost):
                    await store.turns.commit(zombie, answered(zombie, "boo"))
            turns.append(answered(claim, f"new {response}"))
            await store.turns.commit(claim, turns[-1])
        assert [turn.number for turn in turns] == [1, 2, 3]
        assert await store.threads.load("ann", "t") == tuple(turns)

    async def test_reused_again(self, store: Store) -> None:
        """The same for the id's third life, also when its threads are created first."""
        zombies = []
        for life in range(3):
            await store.threads.create("ann", "t", f"life {life}")
            await self.say(store, f"r{life}")
            zombies.append(claimed(await store.turns.open(ask(f"s{life}"), history=20)))
            await store.threads.delete("ann", "t")
        for zombie in zombies:
            with pytest.raises(LeaseLost):
                await store.turns.commit(zombie, answered(zombie, "boo"))
        await store.threads.create("ann", "t", "the last")
        assert await store.threads.load("ann", "t") == ()
        turn = await self.say(store, "r9", "hello again")
        assert turn.number == 1
        assert await store.threads.load("ann", "t") == (turn,)
        await store.threads.delete("ann", "t")
        with pytest.raises(NotFound):
            await store.threads.load("ann", "t")

    async def test_late_retry_of_a_deleted_thread(self, store: Store, time: Clockwork) -> None:
        """What was asked on a thread before it was deleted does not bring it back: not for a day."""
        await self.say(store, "r1")
        claimed(await store.turns.open(ask("r2"), history=20))
        await store.threads.delete("ann", "t")
        time.advance(HOUR)
        for response in ("r1", "r2"):
            with pytest.raises(NotFound, match="deleted"):
                await store.turns.open(ask(response), history=20)
        with pytest.raises(NotFound):
            await store.threads.load("ann", "t")
        assert (await store.threads.page("ann", cursor=None, limit=3)).threads == ()
        assert claimed(await store.turns.open(ask("r3"), history=20)).number == 1

    async def test_late_retry_of_a_thread_that_was_deleted_twice(self, store: Store) -> None:
        """The responseIds that count are those of the thread that was deleted last."""
        for response in ("r1", "r2"):
            await self.say(store, response)
            await store.threads.delete("ann", "t")
        with pytest.raises(NotFound, match="deleted"):
            await store.turns.open(ask("r2"), history=20)
        assert claimed(await store.turns.open(ask("r1"), history=20)).number == 1

    # ---- revising

    async def test_revise(self, store: Store) -> None:
        """People see the revised answer; the answer that the model gave stays."""
        await self.say(store, "r1")
        turn = await self.say(store, "r2")
        content = "answer<context>[]</context>"
        await store.threads.revise("ann", "t", "r2", content)
        assert (await store.threads.load("ann", "t"))[1] == replace(turn, revised=content)
        await store.threads.revise("ann", "t", "r2", "again")
        revised = replace(turn, revised="again")
        assert (await store.threads.load("ann", "t"))[1] == revised
        assert await store.turns.open(ask("r2"), history=20) == Replay(revised)

    async def test_revise_much(self, store: Store) -> None:
        """A revision may be as large as an answer."""
        turn = await self.say(store, "r1")
        content = "".join(f"{i * 104_729:08x}" for i in range(131_072))
        await store.threads.revise("ann", "t", "r1", content)
        assert await store.threads.load("ann", "t") == (replace(turn, revised=content),)

    async def test_revise_unfinished(self, store: Store) -> None:
        """Only a finished turn can be revised."""
        await self.say(store, "r1")
        await store.turns.open(ask("r2"), history=20)
        for response in ("r2", "r3"):
            with pytest.raises(NotFound, match="no such finished turn"):
                await store.threads.revise("ann", "t", response, "x")

    # ---- feedback

    async def test_rate(self, store: Store) -> None:
        """Feedback is kept with its answer, replaced, and taken back; the answer stays as it is."""
        await self.say(store, "r1")
        turn = await self.say(store, "r2")
        for feedback in (
            Feedback("down", "Too short. \u2603\U0001f600"),
            Feedback("up"),
            Feedback("up", "x" * 2_000),
            None,
            Feedback("down"),
        ):
            await store.threads.rate("ann", "t", "r2", feedback)
            assert (await store.threads.load("ann", "t"))[1] == replace(turn, feedback=feedback)
        assert (await store.threads.load("ann", "t"))[0].feedback is None

    async def test_rate_and_revise(self, store: Store) -> None:
        """Neither disturbs the other."""
        turn = await self.say(store, "r1")
        await store.threads.rate("ann", "t", "r1", Feedback("up", "good"))
        await store.threads.revise("ann", "t", "r1", "filled in")
        await store.threads.rate("ann", "t", "r1", Feedback("down"))
        await store.threads.revise("ann", "t", "r1", "again")
        expected = replace(turn, revised="again", feedback=Feedback("down"))
        assert await store.threads.load("ann", "t") == (expected,)

    async def test_rate_what_is_not_there(self, store: Store) -> None:
        """Only a finished turn of the owner's own can be rated."""
        turn = await self.say(store, "r1")
        await store.turns.open(ask("r2"), history=20)
        up = Feedback("up")
        for owner, thread, response in (
            ("ann", "t", "r2"),
            ("ann", "t", "r3"),
            ("ann", "x", "r1"),
            ("bob", "t", "r1"),
        ):
            with pytest.raises(NotFound):
                await store.threads.rate(owner, thread, response, up)
        assert (await store.threads.load("ann", "t"))[0] == turn
        await store.threads.delete("ann", "t")
        with pytest.raises(NotFound):
            await store.threads.rate("ann", "t", "r1", up)

    async def test_feedback_goes_with_its_answer(self, store: Store) -> None:
        """A failed answer can be rated; the answer that comes in its place was not."""
        claim = claimed(await store.turns.open(ask("r1"), history=20))
        await store.turns.commit(claim, answered(claim, "hal", state=State.FAILED))
        await store.threads.rate("ann", "t", "r1", Feedback("down"))
        claim = claimed(await store.turns.open(ask("r1"), history=20))
        with pytest.raises(NotFound):
            await store.threads.rate("ann", "t", "r1", Feedback("down"))
        await store.turns.commit(claim, answered(claim, "whole"))
        assert [turn.feedback for turn in await store.threads.load("ann", "t")] == [None]

    # ---- what an owner may take

    async def begin(self, store: Store, response: str, thread: str, owner: str = "ann") -> Claim:
        """A turn that is counted."""
        return claimed(await store.turns.open(ask(response, thread=thread, owner=owner), history=20))

    async def use(self, store: Store, response: str, thread: str, tokens: int) -> None:
        """One whole turn that takes so many tokens."""
        claim = await self.begin(store, response, thread)
        usage = Usage(tokens - 1, 1)
        await store.turns.commit(claim, replace(answered(claim, "said"), usage=usage))

    async def test_late_retry_after_a_refused_prompt(self, make: Callable[[Quota], Store]) -> None:
        """A refused prompt on a deleted thread does not let a late retry bring that thread back."""
        store = make(Quota(at_once=1))
        await self.use(store, "r1", "t", 10)
        await store.threads.delete("ann", "t")
        running = await self.begin(store, "r1", "u")
        with pytest.raises(TooManyAtOnce):
            await store.turns.open(ask("r2"), history=20)
        await store.settle()
        await store.turns.commit(running, answered(running, "said"))
        with pytest.raises(NotFound, match="deleted"):
            await store.turns.open(ask("r1"), history=20)
        assert (await self.begin(store, "r2", "t")).number == 1

    async def test_at_once(self, make: Callable[[Quota], Store]) -> None:
        """So many turns of one owner run at once; the next begins when one is over."""
        store = make(Quota(at_once=2))
        first = await self.begin(store, "r1", "a")
        await self.begin(store, "r2", "b")
        with pytest.raises(TooManyAtOnce) as refused:
            await store.turns.open(ask("r3", thread="c"), history=20)
        assert refused.value.retry_after == 5
        await self.begin(store, "r4", "d", owner="bob")
        await store.turns.commit(first, answered(first, "hi"))
        await self.begin(store, "r3", "c")
        with pytest.raises(TooManyAtOnce):
            await store.turns.open(ask("r5", thread="a"), history=20)

    async def test_a_dead_turn_is_none_that_runs(
        self, make: Callable[[Quota], Store], time: Clockwork
    ) -> None:
        """A machine's death costs its owner a place for no longer than its lease."""
        store = make(Quota(at_once=1))
        await self.begin(store, "r1", "a")
        time.advance(LEASE)
        await self.begin(store, "r2", "b")
        with pytest.raises(TooManyAtOnce):
            await store.turns.open(ask("r1", thread="a"), history=20)

    async def test_a_refused_prompt_leaves_nothing(
        self, make: Callable[[Quota], Store], time: Clockwork
    ) -> None:
        """No thread, no turn; the same responseId begins when there is room, as if for the first time."""
        store = make(Quota(at_once=1))
        running = await self.begin(store, "r1", "a")
        with pytest.raises(TooManyAtOnce):
            await store.turns.open(ask("r2", thread="b"), history=20)
        await store.settle()
        with pytest.raises(NotFound):
            await store.threads.load("ann", "b")
        assert [thread.id for thread in (await store.threads.page("ann", cursor=None, limit=9)).threads] == [
            "a"
        ]
        await store.turns.commit(running, answered(running, "hi"))
        claim = await self.begin(store, "r2", "b")
        assert (claim.number, claim.history) == (1, ())
        time.advance(LEASE)
        await self.begin(store, "r3", "a")

    async def test_turns_a_day(self, make: Callable[[Quota], Store], time: Clockwork) -> None:
        """So many turns begin on one day of UTC, whatever becomes of them; the next day counts anew."""
        time.now -= time.now % DAY - 600
        store = make(Quota(turns=3))
        for number, state in enumerate([State.DONE, State.FAILED, State.INTERRUPTED]):
            claim = await self.begin(store, f"r{number}", f"t{number % 2}")
            await store.turns.commit(claim, answered(claim, "hi", state=state))
        for thread in ("t0", "t1", "new"):
            with pytest.raises(TurnsUsedUp) as refused:
                await store.turns.open(ask("r9", thread=thread), history=20)
            assert refused.value.retry_after == DAY - 600
        claimed(await store.turns.open(ask("r9", owner="bob"), history=20))
        time.advance(DAY - 600)
        for day, turns in enumerate((2, 3)):  # the second begins while the first has not been used up
            for number in range(turns):
                claim = await self.begin(store, f"s{day}{number}", "t0")
                await store.turns.commit(claim, answered(claim, "hi"))
            time.advance(0 if turns == 3 else DAY)
        with pytest.raises(TurnsUsedUp):
            await store.turns.open(ask("s9", thread="t0"), history=20)

    async def test_run_again_is_counted_again(self, make: Callable[[Quota], Store]) -> None:
        """It asks the model again. A replay, one that follows and one that is refused do not."""
        store = make(Quota(turns=3))
        claim = await self.begin(store, "r1", "a")
        assert await store.turns.open(ask("r1", thread="a"), history=20) == Running(1)
        with pytest.raises(Busy):
            await store.turns.open(ask("r2", thread="a"), history=20)
        await store.turns.commit(claim, answered(claim, state=State.FAILED))
        again = await self.begin(store, "r1", "a")
        turn = answered(again, "hi")
        await store.turns.commit(again, turn)
        assert await store.turns.open(ask("r1", thread="a"), history=20) == Replay(turn)
        await store.settle()
        await self.begin(store, "r2", "b")
        with pytest.raises(TurnsUsedUp):
            await store.turns.open(ask("r3", thread="a"), history=20)
        assert await store.turns.open(ask("r1", thread="a"), history=20) == Replay(turn)
        with pytest.raises(Mismatch):
            await store.turns.open(ask("r1", "other", thread="a"), history=20)

    async def test_tokens_a_day(self, make: Callable[[Quota], Store], time: Clockwork) -> None:
        """A turn begins while the turns that are over used fewer tokens, in whatever threads."""
        store = make(Quota(tokens=1000))
        await self.use(store, "r1", "a", 400)
        await self.use(store, "r2", "b", 300)
        await self.use(store, "r3", "b", 299)
        await self.use(store, "r4", "a", 1)
        for thread in ("a", "b", "new"):
            with pytest.raises(TokensUsedUp) as refused:
                await store.turns.open(ask("r9", thread=thread), history=20)
            assert refused.value.retry_after == DAY - time.now % DAY
        time.advance(DAY)
        await self.use(store, "r9", "a", 5)

    async def test_tokens_of_a_deleted_thread(self, make: Callable[[Quota], Store]) -> None:
        """A thread that is deleted, and begins anew, forgets nothing that was used."""
        store = make(Quota(tokens=1000))
        await self.use(store, "r1", "a", 600)
        await store.threads.delete("ann", "a")
        await self.use(store, "r2", "a", 399)
        await store.threads.delete("ann", "a")
        await self.use(store, "r3", "b", 1)
        with pytest.raises(TokensUsedUp):
            await store.turns.open(ask("r9", thread="c"), history=20)

    async def test_deleted_while_it_ran(self, make: Callable[[Quota], Store]) -> None:
        """Who deletes the thread under a turn pays for what it took, when its machine has noticed; until
        then the turn runs, and no other in its place.
        """
        store = make(Quota(tokens=100, at_once=1))
        claim = claimed(await store.turns.open(ask("r1", thread="a"), history=20))
        await store.threads.delete("ann", "a")
        with pytest.raises(TooManyAtOnce):
            await store.turns.open(ask("r9", thread="b"), history=20)
        with pytest.raises(LeaseLost):
            await store.turns.commit(claim, replace(answered(claim, "hi"), usage=Usage(90, 10)))
        with pytest.raises(TokensUsedUp):
            await store.turns.open(ask("r9", thread="b"), history=20)

    async def test_deleted_while_it_died(self, make: Callable[[Quota], Store], time: Clockwork) -> None:
        """The same for a machine that dies: what the model was asked counts when its lease is over."""
        store = make(Quota(tokens=100))
        await store.turns.open(ask("r1", "word " * 60, thread="a"), history=20)
        await store.threads.delete("ann", "a")
        time.advance(LEASE)
        with pytest.raises(TokensUsedUp):
            await store.turns.open(ask("r9", thread="b"), history=20)

    async def test_renewed_and_counted(self, make: Callable[[Quota], Store], time: Clockwork) -> None:
        """A turn that is renewed has its place for as long as it runs."""
        store = make(Quota(at_once=1))
        claim = await self.begin(store, "r1", "a")
        for _ in range(4):
            time.advance(LEASE / 2)
            await store.turns.renew(claim, "still here")
            with pytest.raises(TooManyAtOnce):
                await store.turns.open(ask("r2", thread="b"), history=20)
        await store.turns.commit(claim, answered(claim, "hi"))
        await self.begin(store, "r2", "b")

    async def test_over_midnight(self, make: Callable[[Quota], Store], time: Clockwork) -> None:
        """A turn that runs at midnight keeps its place, and its tokens count on the day on which it ends."""
        time.now -= time.now % DAY + 10
        store = make(Quota(at_once=2, tokens=100))
        claim = await self.begin(store, "r1", "a")
        time.advance(20)
        second = await self.begin(store, "r2", "b")
        with pytest.raises(TooManyAtOnce):
            await store.turns.open(ask("r3", thread="c"), history=20)
        await store.turns.commit(claim, replace(answered(claim), usage=Usage(60, 0)))
        await store.turns.commit(second, replace(answered(second), usage=Usage(40, 0)))
        with pytest.raises(TokensUsedUp):
            await store.turns.open(ask("r3", thread="c"), history=20)

    async def test_the_dead_pay(self, make: Callable[[Quota], Store], time: Clockwork) -> None:
        """A turn that died counts with what the model was asked, when its thread is taken over."""
        store = make(Quota(tokens=100))
        await store.turns.open(ask("r1", "word " * 60, thread="a"), history=20)
        time.advance(LEASE)
        with pytest.raises(TokensUsedUp):
            await store.turns.open(ask("r2", thread="a"), history=20)

    async def test_no_more_than_the_quota_in_a_race(self, make: Callable[[Quota], Store]) -> None:
        """Of twelve that race on two machines, exactly so many begin."""
        quota = Quota(at_once=5)
        stores = [make(quota), make(quota)] if self.shared else [make(quota)]

        async def one(number: int) -> bool:
            try:
                await self.begin(stores[number % len(stores)], "r", f"t{number}")
            except TooManyAtOnce:
                return False
            return True

        assert sum(await asyncio.gather(*(one(number) for number in range(12)))) == 5
        for store in stores:
            await store.settle()

    # ---- what an owner writes outside of turns

    async def test_writes_a_day(self, make: Callable[[Quota], Store], time: Clockwork) -> None:
        """So many new threads, titles and saved answers are written on one day of UTC, of each owner."""
        time.now -= time.now % DAY - 600
        store = make(Quota(writes=4))
        await self.say(store, "r1")
        await store.threads.create("ann", "a", "one")
        await store.threads.create("ann", "a", "one, for there is one")
        await store.threads.rename("ann", "t", "two")
        await store.threads.revise("ann", "t", "r1", "three")
        for refused in (
            store.threads.rate("ann", "t", "r1", Feedback("up")),
            store.threads.create("ann", "b", "no"),
            store.threads.rename("ann", "t", "no"),
            store.threads.revise("ann", "t", "r1", "no"),
        ):
            with pytest.raises(WritesUsedUp) as told:
                await refused
            assert told.value.retry_after == DAY - 600
        listed = (await store.threads.page("ann", cursor=None, limit=9)).threads
        assert {thread.id: thread.title for thread in listed} == {"a": "one", "t": "two"}
        assert [turn.revised for turn in await store.threads.load("ann", "t")] == ["three"]
        await store.threads.create("bob", "b", "his own")
        time.advance(DAY - 600)
        await store.threads.create("ann", "b", "the next day")

    async def test_bytes_a_day(self, make: Callable[[Quota], Store]) -> None:
        """A write counts once for each kilobyte that is begun, as it is encoded."""
        store = make(Quota(writes=6))
        await self.say(store, "r1")
        await store.threads.revise("ann", "t", "r1", "ä" * 1024)
        with pytest.raises(WritesUsedUp):
            await store.threads.revise("ann", "t", "r1", "ä" * 2048 + "\ud800")
        await store.threads.revise("ann", "t", "r1", "ä" * 2048)
        assert [turn.revised for turn in await store.threads.load("ann", "t")] == ["ä" * 2048]
        with pytest.raises(WritesUsedUp):
            await store.threads.rename("ann", "t", "no more")

    async def test_more_than_a_day_has(self, make: Callable[[Quota], Store]) -> None:
        """An answer that is larger than the limit is refused, also as the first write of its owner."""
        store = make(Quota(writes=3))
        await self.say(store, "r1")
        with pytest.raises(WritesUsedUp):
            await store.threads.revise("ann", "t", "r1", "x" * 3073)
        await store.threads.revise("ann", "t", "r1", "x" * 3072)

    async def test_writes_that_do_not_count(self, make: Callable[[Quota], Store]) -> None:
        """Turns have limits of their own, what is not there is not written, and everything may be deleted."""
        store = make(Quota(writes=1))
        for number in range(3):
            await self.say(store, f"r{number}", thread=f"t{number}")
        with pytest.raises(NotFound):
            await store.threads.rename("ann", "none", "title")
        with pytest.raises(NotFound):
            await store.threads.revise("ann", "t0", "none", "x")
        await store.threads.create("ann", "a", "one")
        with pytest.raises(WritesUsedUp):
            await store.threads.create("ann", "b", "two")
        for thread in ("a", "t0", "t1"):
            await store.threads.delete("ann", thread)
        await self.say(store, "r9", thread="t2")
