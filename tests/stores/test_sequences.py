"""Random sequences of everything that can be asked of a store, against a thread as a list and a lock.

Short at each run of the tests. The long one: ``C1FN_SEQUENCES=2000 C1FN_STEPS=50 pytest tests/stores -k
sequences``. It runs on the memory store and on DynamoDB (moto, in process, below c1fn's own client), which so
must agree as well.
"""

import asyncio
import os
import uuid
from collections.abc import Awaitable
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from moto import mock_aws

from c1fn.errors import Busy, LeaseLost, Mismatch, NotFound
from c1fn.stores import LEASE, Claim, Replay, Running, Store
from c1fn.stores.dynamodb import DynamoStore, connect, table
from c1fn.stores.memory import MemoryStore
from c1fn.turn import State
from tests.stores.clockwork import Clockwork
from tests.stores.contract import answered, ask, told
from tests.stores.in_moto import service_in_moto

SEQUENCES = int(os.environ.get("C1FN_SEQUENCES", "20"))
STEPS = int(os.environ.get("C1FN_STEPS", "25"))

RESPONSES = st.sampled_from(["r1", "r2", "r3", "r4", "r5", "r6"])
PROMPTS = st.sampled_from(["hello", "hello", "hello", "another"])
ENDS = st.sampled_from([State.DONE, State.DONE, State.STOPPED, State.FAILED, State.INTERRUPTED])

_T = TypeVar("_T")


class Model:
    """A thread: turns as [responseId, prompt, state, text], who holds the lock, until when."""

    def __init__(self) -> None:
        self.turns: list[list[Any]] = []
        self.run: Claim | None = None
        self.until = 0.0
        self.said = ""
        self.stop = False

    def bury(self, now: float) -> None:
        if self.run and now >= self.until:
            ask, number = self.run.ask, self.run.number
            self.turns[number - 1 :] = [[ask.response_id, ask.prompt.content, State.INTERRUPTED, self.said]]
            self.run = None

    def open(self, response: str, prompt: str, now: float) -> Any:
        """What must come: an error's type, Running, Replay, or the number of a claim."""
        own = self.run if self.run and self.run.ask.response_id == response else None
        known = self.find(response)
        asked = own.ask.prompt.content if own else prompt if known is None else self.turns[known][1]
        if asked != prompt:
            return Mismatch
        if own and now < self.until:
            return Running
        if known is not None and self.turns[known][2] in (State.DONE, State.STOPPED):
            return Replay
        self.bury(now)
        known = self.find(response)
        if known is not None and (self.run or known + 1 < len(self.turns)):
            return Replay
        if self.run:
            return Busy
        return len(self.turns) + 1 if known is None else known + 1

    def find(self, response: str) -> int | None:
        return next((i for i, turn in enumerate(self.turns) if turn[0] == response), None)


class Sequences(RuleBasedStateMachine):
    """One thread of one store, and the model beside it."""

    def make(self) -> Store:
        raise NotImplementedError

    @initialize()
    def begin(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.time = Clockwork()
        self.owner = f"owner-{uuid.uuid4()}"
        self.store = self.make()
        self.model: Model | None = None
        self.deleted: set[str] = set()
        self.claims: list[Claim] = []
        self.seen = False  # what is stored, since something was done or time passed

    async def end(self, store: Store) -> None:
        await store.aclose()

    def do(self, work: Awaitable[_T]) -> _T:
        self.seen = False

        async def both() -> _T:
            result = await work
            await self.store.settle()
            return result

        return self.loop.run_until_complete(both())

    def teardown(self) -> None:
        if hasattr(self, "loop"):
            self.do(self.end(self.store))
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
            self.loop.close()

    @rule(response=RESPONSES, prompt=PROMPTS)
    def open(self, response: str, prompt: str) -> None:
        if self.model is None and response in self.deleted:
            with pytest.raises(NotFound):
                self.do(self.store.turns.open(ask(response, prompt, owner=self.owner), history=3))
            return
        self.model = self.model or Model()
        expected = self.model.open(response, prompt, self.time.now)
        try:
            opened = self.do(self.store.turns.open(ask(response, prompt, owner=self.owner), history=3))
        except (Busy, Mismatch) as refused:
            refusal: type[Exception] = type(refused)
            assert refusal is expected
            return
        if isinstance(opened, Claim):
            assert opened.number == expected
            before = [turn[3] for turn in self.model.turns[: expected - 1]][-3:]
            assert [turn.answer for turn in opened.history] == before
            self.claims.append(opened)
            self.model.run, self.model.until = opened, self.time.now + LEASE
            self.model.said, self.model.stop = "", False
        else:
            assert type(opened) is expected

    @rule(seconds=st.sampled_from([1, 11, LEASE, 2 * LEASE]))
    def wait(self, seconds: float) -> None:
        self.seen = False
        self.time.advance(seconds)

    @rule(which=st.integers(0, 3))
    def renew(self, which: int) -> None:
        if which >= len(self.claims):
            return
        claim = self.claims[-1 - which]
        ours = self.model is not None and self.model.run is claim
        self.time.advance(10)
        try:
            stop = self.do(self.store.turns.renew(claim, "so far"))
        except LeaseLost:
            assert not ours
        else:
            assert ours
            assert self.model
            assert stop == self.model.stop
            self.model.until, self.model.said = self.time.now + LEASE, "so far"

    @rule(which=st.sampled_from([0, 0, 0, 1, 2]), state=ENDS)
    def commit(self, which: int, state: State) -> None:
        if which >= len(self.claims):
            return
        claim = self.claims.pop(-1 - which)
        ours = self.model is not None and self.model.run is claim
        text = f"{claim.attempt} {state}"
        try:
            self.do(self.store.turns.commit(claim, answered(claim, text, state=state)))
        except LeaseLost:
            assert not ours
        else:
            assert ours
            assert self.model
            response, prompt = claim.ask.response_id, claim.ask.prompt.content
            self.model.turns[claim.number - 1 :] = [[response, prompt, state, text]]
            self.model.run = None

    @rule(response=RESPONSES)
    def stop(self, response: str) -> None:
        stopped = self.do(self.store.turns.stop(self.owner, "t", response))
        running = self.model and self.time.now < self.model.until and self.model.run
        assert stopped == bool(running and running.ask.response_id == response)
        if stopped and self.model:
            self.model.stop = True

    @rule(response=RESPONSES)
    def follow(self, response: str) -> None:
        if self.model and self.model.run and self.model.run.ask.response_id == response:
            return
        try:
            _, turn = self.do(told(self.store.turns.follow(self.owner, "t", response)))
        except NotFound:
            assert not self.model or response not in [turn[0] for turn in self.model.turns]
        else:
            assert self.model
            assert [response, turn.prompt.content, turn.state, turn.answer] in self.model.turns

    @rule(sure=st.integers(0, 3))
    def delete(self, sure: int) -> None:
        if sure:
            return
        try:
            self.do(self.store.threads.delete(self.owner, "t"))
        except NotFound:
            assert self.model is None
        else:
            assert self.model
            running = [self.model.run.ask.response_id] if self.model.run else []
            self.deleted = {turn[0] for turn in self.model.turns} | set(running)
        self.model = None

    @invariant()
    def agrees(self) -> None:
        """What is stored is what the model says."""
        if not hasattr(self, "loop") or self.seen:
            return
        try:
            stored = self.do(self.store.threads.load(self.owner, "t"))
        except NotFound:
            assert self.model is None
            return
        finally:
            self.seen = True
        assert self.model
        run = self.model.run
        expected = list(self.model.turns)
        if run:
            state = State.RUNNING if self.time.now < self.model.until else State.INTERRUPTED
            draft = [run.ask.response_id, run.ask.prompt.content, state, self.model.said]
            expected[run.number - 1 :] = [draft]
        found = [[turn.response_id, turn.prompt.content, turn.state, turn.answer] for turn in stored]
        assert found == expected
        assert [turn.number for turn in stored] == list(range(1, len(stored) + 1))


class OnMemory(Sequences):
    def make(self) -> Store:
        return MemoryStore(clock=self.time.clock, sleep=self.time.sleep)


class OnMoto(Sequences):
    client: Any  # makes the tables; one for all sequences: to make one takes as long as ten steps

    def make(self) -> DynamoStore:
        self.table = self.owner  # of its own: moto goes through a whole table to answer a query
        table.create(self.client, self.table)
        return DynamoStore(
            service_in_moto(),
            self.table,
            checkpoints="always",
            clock=self.time.clock,
            sleep=self.time.sleep,
        )

    async def end(self, store: Store) -> None:
        assert isinstance(store, DynamoStore)
        await store.aclose()
        table.delete(self.client, self.table)


HOW = settings(
    max_examples=SEQUENCES,
    stateful_step_count=STEPS,
    deadline=None,  # the machine is shared
    suppress_health_check=list(HealthCheck),
    database=None,
    print_blob=True,
)


@pytest.mark.timeout(0)
def test_sequences_in_memory() -> None:
    """Whatever is asked, in whatever order: the memory store is a list and a lock."""
    run_state_machine_as_test(OnMemory, settings=HOW)


@pytest.mark.timeout(0)
def test_sequences_in_dynamodb(aws: None) -> None:  # noqa: ARG001
    """Whatever is asked, in whatever order: so is the DynamoDB store."""
    with mock_aws():
        OnMoto.client = connect()
        run_state_machine_as_test(OnMoto, settings=HOW)
