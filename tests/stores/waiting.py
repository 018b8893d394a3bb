"""A turn that waits for the results of its calls, and the turn that brings them: every store runs these tests
beside its ``Contract``.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

from c1fn.errors import Busy, Mismatch, NotWaiting, Refused, TurnsUsedUp, WaitedTooLong
from c1fn.stores import LEASE, Claim, Quota, Replay, Running, Store
from c1fn.turn import ANSWERABLE, Ask, Message, Resume, State, ToolCall, Turn, Until
from tests.stores.clockwork import Clockwork
from tests.stores.contract import answered, ask, claimed
from tests.stores.forks import say

REFUND = ToolCall("c1", "refund", '{"order": 7, "amount": 12.5}')
LOOK = ToolCall("c2", "look", "{}")
YES, NO = Resume("r1", None), Resume("r1", ())
PAINTED = Resume("r1", (), (("c1", "painted"),))


def answer(
    response: str, resume: Resume, *, thread: str = "t", owner: str = "ann", words: str = "Approve"
) -> Ask:
    """A prompt that resumes a turn."""
    return Ask(owner, thread, response, Message("user", words, id=f"m-{response}", resume=resume))


def waits(claim: Claim, *calls: ToolCall) -> Turn:
    """A turn that ends with these calls, and with the result of one that asked nobody."""
    asked = Message("assistant", "Shall I?", tool_calls=(LOOK, *calls))
    looked = Message("tool", "seen", tool_call_id="c2")
    return replace(answered(claim), state=State.WAITING, reply=(asked, looked))


async def waiting(store: Store, response: str = "r1", *, thread: str = "t") -> Turn:
    """A turn that waits, and is the newest."""
    claim = claimed(await store.turns.open(ask(response, thread=thread), history=20))
    turn = waits(claim, REFUND)
    await store.turns.commit(claim, turn)
    return turn


class Waiting:
    """A mixin: ``store``, ``make`` and ``time`` are the store's own."""

    async def test_a_waiting_turn_is_kept_and_holds_nothing(self, store: Store) -> None:
        """It is answered: the same responseId gets it again. The thread is free for any prompt."""
        turn = await waiting(store)
        assert await store.threads.load("ann", "t") == (turn,)
        assert turn.pending == (REFUND,)
        (thread,) = (await store.threads.page("ann", cursor=None, limit=9)).threads
        assert not thread.running
        assert await store.turns.open(ask("r1"), history=20) == Replay(turn)
        claim = claimed(await store.turns.open(ask("r2"), history=20))
        assert (claim.history, claim.waiting) == ((turn,), None)

    @pytest.mark.parametrize("history", [0, 1, 20])
    async def test_resume(self, store: Store, history: int) -> None:
        """The claim of an answer has the turn that waited, however short the history that is asked for."""
        before, turn = await say(store, "r0"), await waiting(store)
        asked = answer("r2", YES)
        claim = claimed(await store.turns.open(asked, history=history))
        assert (claim.number, claim.waiting, claim.earlier) == (3, turn, None)
        assert claim.history == (before,)[:history]
        done = answered(claim, "done")
        await store.turns.commit(claim, done)
        assert await store.threads.load("ann", "t") == (before, turn, done)
        assert await store.turns.open(asked, history=20) == Replay(done)

    @pytest.mark.parametrize("resume", [YES, NO, Resume("r1", ("c1",)), Resume("r1", (), (("c1", "☃"),))])
    async def test_what_was_answered_is_kept(self, store: Store, resume: Resume) -> None:
        """It is stored with its prompt before the claim, and its responseId takes no other."""
        await waiting(store)
        claimed(await store.turns.open(answer("r2", resume), history=20))
        assert (await store.threads.load("ann", "t"))[1].prompt.resume == resume
        assert await store.turns.open(answer("r2", resume), history=20) == Running(2)
        for other in (NO if resume == YES else YES, Resume("r0", resume.approved, resume.results)):
            with pytest.raises(Mismatch):
                await store.turns.open(answer("r2", other), history=20)

    async def test_answered_once(self, store: Store) -> None:
        """While one answer runs another is busy; after it, or after any other prompt, nothing waits."""
        await waiting(store)
        claim = claimed(await store.turns.open(answer("r2", YES), history=20))
        with pytest.raises(Busy):
            await store.turns.open(answer("r3", YES), history=20)
        await store.turns.commit(claim, answered(claim, "done"))
        with pytest.raises(NotWaiting):
            await store.turns.open(answer("r3", YES), history=20)
        await waiting(store, "r4")
        await say(store, "r5")
        with pytest.raises(NotWaiting):
            await store.turns.open(answer("r6", Resume("r4", None)), history=20)
        assert len(await store.threads.load("ann", "t")) == 4

    async def test_another_prompts_failure_is_an_answer_too(self, store: Store) -> None:
        """The person went on: what failed was another prompt, and the question stands before it."""
        await waiting(store)
        claim = claimed(await store.turns.open(ask("r2"), history=20))
        await store.turns.commit(claim, answered(claim, state=State.FAILED))
        with pytest.raises(NotWaiting):
            await store.turns.open(answer("r3", YES), history=20)

    async def test_refused_answers_hold_and_make_nothing(self, store: Store) -> None:
        """Of a stranger, to a thread that is not there, to another turn, about other calls."""
        turn = await waiting(store)
        for asked in (
            answer("r2", YES, owner="bob"),
            answer("r2", YES, thread="u"),
            answer("r2", Resume("r0", None)),
            answer("r2", Resume("r1", ("c2",))),
            answer("r2", Resume("r1", ("c1", "c9"))),
            answer("r2", Resume("r1", (), (("c2", "x"),)), words=""),
        ):
            with pytest.raises(NotWaiting):
                await store.turns.open(asked, history=20)
        for owner, threads in (("ann", ["t"]), ("bob", [])):
            page = await store.threads.page(owner, cursor=None, limit=9)
            assert [thread.id for thread in page.threads] == threads
        assert await store.threads.load("ann", "t") == (turn,)
        assert claimed(await store.turns.open(answer("r2", YES), history=20)).number == 2

    async def test_a_prompt_that_brings_results_resumes_what_waits_for_them(self, store: Store) -> None:
        """Also when it is run again."""
        turn = await waiting(store)
        typed = answer("r2", PAINTED, words="And green?")
        for state in (State.FAILED, State.DONE):
            claim = claimed(await store.turns.open(typed, history=20))
            assert (claim.number, claim.waiting, claim.history) == (2, turn, ())
            await store.turns.commit(claim, answered(claim, "red", state=state))

    async def test_a_prompt_is_asked_also_if_nothing_waits_for_its_results(
        self, store: Store, time: Clockwork
    ) -> None:
        """They are of another turn, about other calls, too late, or were brought already."""
        others = Resume("r0", (), (("c1", "x"),)), Resume("r1", (), (("c2", "x"),))
        for at, resume in enumerate(others):
            turn = await waiting(store, thread=f"t{at}")
            asked = answer("r2", resume, words="And green?", thread=f"t{at}")
            claim = claimed(await store.turns.open(asked, history=20))
            assert (claim.number, claim.waiting, claim.earlier, claim.history) == (2, None, None, (turn,))
        turn = await waiting(store)
        time.now = turn.started + ANSWERABLE
        for at in (2, 3):
            claim = claimed(await store.turns.open(answer(f"r{at}", PAINTED, words="hi"), history=20))
            assert (claim.number, claim.waiting, claim.history[0]) == (at, None, turn)
            await store.turns.commit(claim, answered(claim, "done"))

    async def test_a_turn_that_does_not_wait(self, store: Store) -> None:
        """An answered turn, and a failed one."""
        await say(store, "r1")
        with pytest.raises(NotWaiting):
            await store.turns.open(answer("r2", YES), history=20)
        claim = claimed(await store.turns.open(ask("r3"), history=20))
        await store.turns.commit(claim, replace(waits(claim, REFUND), state=State.FAILED))
        with pytest.raises(NotWaiting):
            await store.turns.open(answer("r4", Resume("r3", None)), history=20)

    async def test_too_late(self, store: Store, time: Clockwork) -> None:
        """An answer comes within a day; one that came in time may be asked for again later."""
        turn = await waiting(store)
        time.now = turn.started + ANSWERABLE
        with pytest.raises(WaitedTooLong):
            await store.turns.open(answer("r2", YES), history=20)
        time.now -= 1
        claim = claimed(await store.turns.open(answer("r2", YES), history=20))
        await store.turns.commit(claim, answered(claim, state=State.FAILED))
        time.now += 60
        assert claimed(await store.turns.open(answer("r2", YES), history=20)).waiting == turn
        assert (await say(store, "r3", thread="u")).number == 1

    async def test_a_failed_answer_is_run_again_with_what_it_left(self, store: Store) -> None:
        """Under its number, and nobody else may answer meanwhile."""
        turn = await waiting(store)
        claim = claimed(await store.turns.open(answer("r2", YES), history=20))
        failed = replace(
            answered(claim, state=State.FAILED, error="model_error"),
            reply=(Message("tool", "refunded", tool_call_id="c1"),),
        )
        await store.turns.commit(claim, failed)
        with pytest.raises(NotWaiting):
            await store.turns.open(answer("r3", NO), history=20)
        for history in (0, 20):
            claim = claimed(await store.turns.open(answer("r2", YES), history=history))
            assert (claim.number, claim.waiting, claim.earlier) == (2, turn, failed)
            assert claim.history == ()
            await store.turns.commit(claim, failed)

    async def test_an_answer_whose_process_died(self, store: Store, time: Clockwork) -> None:
        """It is run again, and knows that it is: its calls may have been made."""
        turn = await waiting(store)
        dead = claimed(await store.turns.open(answer("r2", YES), history=20))
        time.advance(LEASE + 1)
        claim = claimed(await store.turns.open(answer("r2", YES), history=20))
        assert (claim.number, claim.waiting) == (2, turn)
        assert claim.earlier
        assert (claim.earlier.state, claim.earlier.reply) == (State.INTERRUPTED, ())
        assert claim.earlier.prompt.resume == YES
        with pytest.raises(Refused):
            await store.turns.open(answer("r3", YES), history=20)
        await store.turns.commit(claim, answered(claim, "done"))
        assert claim.attempt != dead.attempt

    async def test_a_copy_cannot_be_answered(self, store: Store) -> None:
        """A fork takes a turn that waits; its calls are made for the original alone."""
        await waiting(store)
        await store.threads.fork("ann", "t", "u", Until())
        with pytest.raises(NotWaiting):
            await store.turns.open(answer("r2", YES, thread="u"), history=20)
        assert claimed(await store.turns.open(ask("r2", thread="u"), history=20)).number == 2
        assert claimed(await store.turns.open(answer("r2", YES), history=20)).number == 2

    async def test_a_turn_that_resumes_may_wait_itself(self, store: Store) -> None:
        first = await waiting(store)
        claim = claimed(await store.turns.open(answer("r2", YES), history=20))
        second = waits(claim, REFUND)
        await store.turns.commit(claim, second)
        claim = claimed(await store.turns.open(answer("r3", Resume("r2", None)), history=20))
        assert (claim.history, claim.waiting) == ((first,), second)

    async def test_an_answer_over_the_quota_changes_nothing(self, make: Callable[[Quota], Store]) -> None:
        """It may be given on the next day, if that is early enough."""
        store = make(Quota(turns=1))
        turn = await waiting(store)
        with pytest.raises(TurnsUsedUp):
            await store.turns.open(answer("r2", YES), history=20)
        assert await store.threads.load("ann", "t") == (turn,)
