"""One turn, in order."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from c1fn.chat.converse import Chat
from c1fn.chat.tools import Tools
from c1fn.errors import (
    AnswerCut,
    AnswerEmpty,
    AnswerTooLong,
    AnswerWithheld,
    Busy,
    C1fnError,
    Internal,
    Interrupted,
    LeaseLost,
    Mismatch,
    ModelBusy,
    ModelRejected,
    OutOfTime,
    StoreUnavailable,
)
from c1fn.events import Called, Delta, Ended, Event, Failed, Finished, ModelEvent
from c1fn.models import ToolSpec
from c1fn.stores import Claim, Opened
from c1fn.stores.memory import MemoryStore
from c1fn.stores.memory.turns import MemoryTurns
from c1fn.telemetry.log import Line, Origin, TurnLine, pseudonym, to_nobody
from c1fn.telemetry.tracing import Untraced
from c1fn.turn import Ask, Message, State, Turn, Usage
from tests.altered import altered
from tests.chat.scene import CALLS, Pulse, Stage, add, ask, heard, text
from tests.scripted import LIMITS, STOP, ScriptedModel, Step, says

# --- in order


async def test_deltas_come_through_and_the_turn_is_stored_before_it_is_called_finished(stage: Stage) -> None:
    scene = stage(says("Hel", "lo"))
    assert await heard(await scene.chat.begin(ask())) == [Delta("Hel"), Delta("lo"), Finished(State.DONE)]
    turn = await scene.turn()
    assert (turn.state, turn.prompt, turn.answer) == (State.DONE, ask().prompt, "Hello")
    assert turn.usage == Usage(10, 5)


async def test_the_first_delta_is_heard_while_the_model_has_not_finished(stage: Stage) -> None:
    gate = asyncio.Event()
    scene = stage([Delta("a"), gate, *says("b")])
    reply = await scene.chat.begin(ask())
    assert await reply.take(60) == [Delta("a")]
    assert (await scene.turn()).state is State.RUNNING
    gate.set()
    assert await heard(reply) == [Delta("b"), Finished(State.DONE)]


async def test_the_prompt_is_stored_before_the_model_is_asked(stage: Stage) -> None:
    scene = stage([asyncio.Event()])
    await scene.chat.begin(ask())
    assert scene.model.asked == []
    assert (await scene.turn()).prompt == ask().prompt


async def test_the_second_call_carries_the_first_turn(stage: Stage) -> None:
    scene = stage(says("one"), says("two"))
    await heard(await scene.chat.begin(ask("first", "r1")))
    await heard(await scene.chat.begin(ask("second", "r2")))
    assert [(m.role, m.content) for m in scene.model.asked[1]] == [
        ("user", "first"),
        ("assistant", "one"),
        ("user", "second"),
    ]


# --- once


async def test_a_finished_answer_is_told_again_without_the_model(stage: Stage) -> None:
    scene = stage(says("Hel", "lo"))
    await heard(await scene.chat.begin(ask()))
    assert await heard(await scene.chat.begin(ask())) == [Delta("Hello"), Finished(State.DONE)]
    assert len(scene.model.asked) == 1


async def test_sixteen_at_once_are_one_model_call_and_one_text(stage: Stage) -> None:
    gate = asyncio.Event()
    scene = stage([Delta("a"), gate, *says("b")])
    replies = [await scene.chat.begin(ask()) for _ in range(16)]
    gate.set()
    assert {text(events) for events in await asyncio.gather(*map(heard, replies))} == {"ab"}
    assert len(scene.model.asked) == 1


async def test_another_prompt_under_the_same_id_is_a_mismatch(stage: Stage) -> None:
    scene = stage(says("a"))
    await heard(await scene.chat.begin(ask()))
    with pytest.raises(Mismatch):
        await scene.chat.begin(ask("other"))


async def test_another_prompt_while_a_turn_runs_is_busy(stage: Stage) -> None:
    scene = stage([asyncio.Event()])
    await scene.chat.begin(ask())
    with pytest.raises(Busy):
        await scene.chat.begin(ask("other", "r2"))


async def test_a_turn_that_nobody_knows_cannot_be_followed(stage: Stage) -> None:
    (event,) = await heard(await stage(says("a")).chat.follow("o", "t", "r9"))
    assert isinstance(event, Failed)
    assert event.error.code == "not_found"


# --- failures


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ([Delta("a"), AnswerCut()], AnswerCut),
        ([ModelBusy(retry_after=3)], ModelBusy),
        ([Delta("a"), Ended("length", Usage(), AnswerTooLong())], AnswerTooLong),
        ([Delta("a"), Ended("content_filter", Usage(), AnswerWithheld())], AnswerWithheld),
        ([Delta("x" * 1001), STOP], AnswerTooLong),
        ([STOP], AnswerEmpty),
    ],
)
async def test_a_failure_is_told_and_kept_and_the_thread_is_free(
    stage: Stage, script: list[Step], error: type[C1fnError]
) -> None:
    scene = stage(script, says("well"))
    told = (await heard(await scene.chat.begin(ask())))[-1]
    assert isinstance(told, Failed)
    assert type(told.error) is error
    assert ((await scene.turn()).state, (await scene.turn()).error) == (State.FAILED, error.code)
    assert text(await heard(await scene.chat.begin(ask("next", "r2")))) == "well"
    assert [m.content for m in scene.model.asked[-1]] == ["next"]


async def test_a_failed_turn_keeps_its_partial_answer(stage: Stage) -> None:
    scene = stage([Delta("par"), Delta("tial"), AnswerCut()])
    await heard(await scene.chat.begin(ask()))
    assert (await scene.turn()).answer == "partial"


async def test_the_retry_of_a_failed_turn_runs_again(stage: Stage) -> None:
    scene = stage([AnswerCut()], says("well"))
    await heard(await scene.chat.begin(ask()))
    assert text(await heard(await scene.chat.begin(ask()))) == "well"
    assert [turn.state for turn in await scene.store.threads.load("o", "t")] == [State.DONE]


async def test_a_bug_is_stored_and_told_and_then_raised(stage: Stage) -> None:
    scene = stage([Delta("a"), ZeroDivisionError("bug")])
    reply = await scene.chat.begin(ask())
    events: list[Event] = []
    while not reply.ended:
        events += await reply.take(60)
    assert isinstance(events[-1], Failed)
    assert type(events[-1].error) is Internal
    assert (await scene.turn()).error == "internal"
    with pytest.raises(ZeroDivisionError):
        await reply.over()


async def test_an_answer_is_measured_in_bytes_and_nothing_is_stored_that_was_not_said(stage: Stage) -> None:
    scene = stage([Delta("漢" * 300), Delta("漢" * 40), STOP])
    said = await heard(await scene.chat.begin(ask()))
    assert isinstance(said[-1], Failed)
    assert type(said[-1].error) is AnswerTooLong
    assert (await scene.turn()).answer == text(said) == "漢" * 300
    assert scene.lines[0].bytes == 900


async def test_a_timeout_that_is_not_ours_is_a_bug(stage: Stage) -> None:
    scene = stage([TimeoutError("somebody else's")])
    reply = await scene.chat.begin(ask())
    (told,) = await reply.take(60)
    assert isinstance(told, Failed)
    assert type(told.error) is Internal
    with pytest.raises(TimeoutError):
        await reply.over()


# --- ended early


async def test_a_client_that_never_reads_does_not_hold_the_turn(stage: Stage) -> None:
    scene = stage(says("a"))
    await (await scene.chat.begin(ask())).over()
    assert (await scene.turn()).state is State.DONE


async def test_the_time_for_an_answer_ends_it_visibly(stage: Stage) -> None:
    scene = stage([Delta("a"), asyncio.Event()])
    told = (await heard(await scene.chat.begin(ask(), seconds=0.01)))[-1]
    assert isinstance(told, Failed)
    assert type(told.error) is OutOfTime
    assert ((await scene.turn()).answer, (await scene.turn()).error) == ("a", "out_of_time")


async def test_a_stop_keeps_what_was_said_and_closes_the_model(stage: Stage) -> None:
    scene = stage([Delta("a"), asyncio.Event()])
    reply = await scene.chat.begin(ask())
    await reply.take(60)
    assert await scene.store.turns.stop("o", "t", "r1")
    scene.pulse.beat()
    assert await heard(reply) == [Finished(State.STOPPED)]
    assert ((await scene.turn()).state, (await scene.turn()).answer) == (State.STOPPED, "a")
    assert scene.model.closed == 1


async def test_a_deleted_thread_ends_its_turn_and_stays_deleted(stage: Stage) -> None:
    scene = stage([Delta("a"), asyncio.Event()])
    reply = await scene.chat.begin(ask())
    await reply.take(60)
    await scene.store.threads.delete("o", "t")
    scene.pulse.beat()
    (told,) = await heard(reply)
    assert isinstance(told, Failed)
    assert type(told.error) is LeaseLost


@dataclass
class Reluctant:
    """A model that takes its time to close."""

    name = "reluctant"
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    closes: asyncio.Event = field(default_factory=asyncio.Event)

    async def stream(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
    ) -> AsyncGenerator[ModelEvent, None]:
        try:
            yield Delta(f"{len(messages)}{len(tools)}")
            await asyncio.Event().wait()
        finally:
            self.closing.set()
            await self.closes.wait()

    async def aclose(self) -> None:
        """Nothing is held."""


async def test_a_stop_that_meets_the_deadline_is_no_bug() -> None:
    store, model, pulse = MemoryStore(), Reluctant(), Pulse()
    chat = Chat(store, model, Tools(), LIMITS, lambda _: None, sleep=pulse)
    reply = await chat.begin(ask(), seconds=0.01)
    await model.closing.wait()
    await store.turns.stop("o", "t", "r1")
    await pulse.asleep.acquire()
    pulse.beat()
    await asyncio.sleep(0)  # the beat hears of the stop
    await asyncio.sleep(0)
    model.closes.set()
    assert (await heard(reply))[-1] == Finished(State.STOPPED)


async def test_followers_hear_the_answer_grow(stage: Stage) -> None:
    gate = asyncio.Event()
    scene = stage([Delta("a"), gate, *says("b")])
    first, second = await scene.chat.begin(ask()), await scene.chat.begin(ask())
    assert await first.take(60) == [Delta("a")]
    scene.pulse.beat()
    assert await second.take(60) == [Delta("a")]
    gate.set()
    assert await heard(second) == [Delta("b"), Finished(State.DONE)]


async def test_whoever_follows_stops_when_nobody_listens_any_more(stage: Stage) -> None:
    """Only then: the turn itself goes on."""
    gate = asyncio.Event()
    scene = stage([gate, *says("a")])
    turn = await scene.chat.begin(ask())
    for follower in (await scene.chat.begin(ask()), await scene.chat.follow("o", "t", "r1")):
        await asyncio.sleep(0)
        follower.leave()
        await asyncio.wait_for(follower.over(), 5)
    turn.leave()
    gate.set()
    assert await heard(turn) == [Delta("a"), Finished(State.DONE)]


@pytest.mark.parametrize(("followed", "seconds"), [(0.01, None), (0.01, 60), (60, 0.01)])
async def test_an_answer_is_followed_for_a_limited_time(
    stage: Stage, followed: float, seconds: float | None
) -> None:
    """The setting's or the platform's, whichever is shorter. Its end is told to nobody."""
    scene = stage([asyncio.Event()], followed=followed)
    await scene.chat.begin(ask())
    assert await heard(await scene.chat.begin(ask(), seconds=seconds)) == []
    assert await heard(await scene.chat.follow("o", "t", "r1", seconds=seconds)) == []


class Notes(MemoryStore, ScriptedModel, Untraced):
    """A store, a model or a tracer that notes what it is told to do."""

    def __init__(self, name: str, notes: list[str]) -> None:
        MemoryStore.__init__(self)
        ScriptedModel.__init__(self, says("a"))
        self._name, self._notes = name, notes

    async def settle(self) -> None:
        self._notes.append(f"settle {self._name}")

    async def flush(self) -> None:
        self._notes.append(f"flush {self._name}")

    async def aclose(self) -> None:
        self._notes.append(f"close {self._name}")


async def test_what_a_process_holds_is_settled_after_an_answer_and_closed_at_its_end() -> None:
    notes: list[str] = []
    store, model, tracer = Notes("store", notes), Notes("model", notes), Notes("tracer", notes)
    chat = Chat(store, model, Tools(), LIMITS, to_nobody, tracer=tracer)
    await heard(await chat.begin(ask()))
    assert notes == []
    await chat.settle()
    assert notes == ["settle store", "flush tracer"]
    await chat.aclose()
    assert sorted(notes[2:]) == ["close model", "close store", "close tracer"]


async def test_a_turn_that_is_over_is_held_no_longer(stage: Stage) -> None:
    scene = stage(says("a"))
    await heard(await scene.chat.begin(ask()))
    assert scene.chat._tasks == set()


async def test_closing_interrupts_what_does_not_finish(stage: Stage) -> None:
    scene = stage([Delta("a"), asyncio.Event()])
    reply = await scene.chat.begin(ask())
    await reply.take(60)
    await scene.chat.aclose(grace=0)
    (told,) = await heard(reply)
    assert isinstance(told, Failed)
    assert type(told.error) is Interrupted
    assert (await scene.turn()).state is State.INTERRUPTED


async def test_closing_lets_what_can_finish_finish(stage: Stage) -> None:
    scene = stage(says("a"))
    reply = await scene.chat.begin(ask())
    await scene.chat.aclose()
    assert await heard(reply) == [Delta("a"), Finished(State.DONE)]


async def test_a_follower_is_told_when_the_process_ends_before_the_answer(stage: Stage) -> None:
    scene = stage([asyncio.Event()])
    await scene.chat.begin(ask())
    follower = await scene.chat.begin(ask())
    await scene.chat.drain(grace=0)
    (told,) = await heard(follower)
    assert isinstance(told, Failed)
    assert type(told.error) is Interrupted


async def test_nothing_begins_while_the_process_ends(stage: Stage) -> None:
    scene = stage(says("a"))
    await scene.chat.drain()
    with pytest.raises(Interrupted):
        await scene.chat.begin(ask())


class Unwell(MemoryTurns):
    """Turns in memory, whose writes fail when told to."""

    fails: frozenset[str] = frozenset()

    async def commit(self, claim: Claim, turn: Turn) -> None:
        if "commit" in self.fails:
            raise StoreUnavailable("no")
        await super().commit(claim, turn)

    async def renew(self, claim: Claim, said: str) -> bool:
        if "renew" in self.fails:
            raise StoreUnavailable("no")
        return await super().renew(claim, said)


async def test_what_could_not_be_stored_is_never_called_finished(stage: Stage) -> None:
    store, turns = altered(Unwell)
    turns.fails = frozenset({"commit"})
    told = (await heard(await stage(says("a"), store=store).chat.begin(ask())))[-1]
    assert isinstance(told, Failed)
    assert type(told.error) is StoreUnavailable


async def test_a_renewal_that_fails_does_not_end_the_turn(stage: Stage) -> None:
    (store, turns), gate = altered(Unwell), asyncio.Event()
    turns.fails = frozenset({"renew"})
    scene = stage([Delta("a"), gate, *says("b")], store=store)
    reply = await scene.chat.begin(ask())
    await reply.take(60)
    await scene.pulse.asleep.acquire()
    scene.pulse.beat()
    await scene.pulse.asleep.acquire()
    gate.set()
    assert await heard(reply) == [Delta("b"), Finished(State.DONE)]


async def test_a_bug_in_a_renewal_ends_the_turn_and_is_raised(stage: Stage) -> None:
    class Broken(MemoryTurns):
        async def renew(self, claim: Claim, said: str) -> bool:
            raise ZeroDivisionError(claim, said)

    scene = stage([Delta("a"), asyncio.Event()], store=altered(Broken)[0])
    reply = await scene.chat.begin(ask())
    await reply.take(60)
    scene.pulse.beat()
    (told,) = await reply.take(60)
    assert isinstance(told, Failed)
    assert type(told.error) is Internal
    with pytest.raises(ZeroDivisionError):
        await reply.over()
    assert (await scene.turn()).state is State.FAILED


class Slow(MemoryTurns):
    """Turns in memory, whose commit waits for a gate, or fails as no store should."""

    bug: Exception | None = None

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.committing, self.gate = asyncio.Event(), asyncio.Event()

    async def commit(self, claim: Claim, turn: Turn) -> None:
        self.committing.set()
        await self.gate.wait()
        if self.bug:
            raise self.bug
        await super().commit(claim, turn)


async def test_an_end_of_the_process_during_the_commit_waits_for_the_stores_word(stage: Stage) -> None:
    store, turns = altered(Slow)
    reply = await stage(says("a"), store=store).chat.begin(ask())
    await turns.committing.wait()
    assert reply._turn  # the task that drain cancels
    reply._turn.cancel()
    assert await reply.take(60) == [Delta("a")]
    assert await reply.take(0.01) == []
    turns.gate.set()
    assert await heard(reply) == [Finished(State.DONE)]
    assert (await store.threads.load("o", "t"))[0].state is State.DONE


async def test_a_bug_of_the_store_is_told_and_then_raised(stage: Stage) -> None:
    store, turns = altered(Slow)
    turns.bug = ZeroDivisionError()
    turns.gate.set()
    reply = await stage(says("a"), store=store).chat.begin(ask())
    events: list[Event] = []
    while not reply.ended:
        events += await reply.take(60)
    assert isinstance(events[-1], Failed)
    assert type(events[-1].error) is Internal
    with pytest.raises(ZeroDivisionError):
        await reply.over()


class Unreadable(MemoryTurns):
    async def follow(self, owner: str, thread_id: str, response_id: str) -> AsyncGenerator[str | Turn, None]:
        yield f"{owner}{thread_id}{response_id}"
        raise ZeroDivisionError


async def test_a_follower_is_told_of_a_bug_and_then_it_is_raised(stage: Stage) -> None:
    reply = await stage(says("a"), store=altered(Unreadable)[0]).chat.follow("o", "t", "r1")
    events: list[Event] = []
    while not reply.ended:
        events += await reply.take(60)
    assert isinstance(events[-1], Failed)
    assert type(events[-1].error) is Internal
    with pytest.raises(ZeroDivisionError):
        await reply.over()


# --- the log


async def test_each_turn_is_one_line_without_its_words(stage: Stage) -> None:
    scene = stage(says("planted answer"))
    queue = await scene.chat.begin(ask("planted prompt"))
    logged = [queue.logged]
    await heard(queue)
    assert [*logged, queue.logged] == [False, True]
    (line,) = scene.lines
    assert (line.thread, line.response, line.state, line.error) == ("t", "r1", State.DONE, None)
    assert line.detail is None
    assert (line.rounds, line.bytes, line.input_tokens, line.output_tokens) == (1, 14, 10, 5)
    assert line.first_ms is not None
    assert line.total_ms >= line.first_ms
    assert "planted" not in repr(line)


async def test_the_line_tells_where_the_turn_came_from_and_whose_it_was(stage: Stage) -> None:
    scene = stage(says("a"))
    origin = Origin("req-1", "rest-api", True, "Root=1")
    await heard(await scene.chat.begin(ask(), origin=origin))
    (line,) = scene.lines
    assert (line.origin, line.owner) == (origin, pseudonym("o"))


async def test_times_run_from_the_request_and_tell_the_store_from_the_model() -> None:
    """By a clock that moves on by a second whenever the store or the model does something."""
    now = [0.0]

    class Slow(MemoryTurns):
        async def open(self, ask: Ask, *, history: int) -> Opened:
            now[0] += 1
            return await super().open(ask, history=history)

        async def commit(self, claim: Claim, turn: Turn) -> None:
            now[0] += 2
            await super().commit(claim, turn)

    class Pondering(ScriptedModel):
        async def stream(
            self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
        ) -> AsyncGenerator[ModelEvent, None]:
            now[0] += 4
            async for event in super().stream(messages, tools):
                yield event
                now[0] += 8

    lines: list[Line] = []
    model = Pondering([Called(CALLS), Ended("tool_calls", Usage(1, 1))], says("a"))
    chat = Chat(altered(Slow)[0], model, Tools([add]), LIMITS, lines.append, clock=lambda: now[0])
    await heard(await chat.begin(ask()))
    await chat.aclose(grace=0)
    (line,) = lines
    assert isinstance(line, TurnLine)
    assert (line.store_ms, line.model_ms, line.rounds) == (3000, 40_000, 2)
    assert (line.first_ms, line.total_ms) == (25_000, 43_000)


async def test_a_failed_turns_line_says_why(stage: Stage) -> None:
    """Where the code alone would not do: with which status a model refused, say."""
    scene = stage([ModelRejected("status 418")])
    await heard(await scene.chat.begin(ask()))
    assert [(line.error, line.detail) for line in scene.lines] == [("model_rejected", "status 418")]


class Gated(MemoryTurns):
    """Turns whose commits wait at a gate."""

    gate: asyncio.Event
    committed = False

    async def commit(self, claim: Claim, turn: Turn) -> None:
        await self.gate.wait()
        await super().commit(claim, turn)
        self.committed = True


class Closing(MemoryStore):
    """A store that notes whether the turn was committed before it was closed."""

    closed_after_commit: bool | None = None

    async def aclose(self) -> None:
        assert isinstance(self.turns, Gated)
        self.closed_after_commit = self.turns.committed
        await super().aclose()


async def test_the_store_is_closed_after_the_last_interrupted_turn_is_stored(stage: Stage) -> None:
    store = Closing()
    store.turns = turns = Gated(store.memory, asyncio.sleep, lambda: "attempt")
    turns.gate = asyncio.Event()
    scene = stage([Delta("a"), asyncio.Event()], store=store)
    reply = await scene.chat.begin(ask())
    assert await reply.take(60) == [Delta("a")]
    closing = asyncio.create_task(scene.chat.aclose(grace=0))
    await asyncio.wait([closing], timeout=0.01)
    assert store.closed_after_commit is None
    turns.gate.set()
    await closing
    assert store.closed_after_commit is True
