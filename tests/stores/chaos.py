"""Many machines on one thread, under injected faults; then the books are checked.

Each machine is a real thread with an event loop, a client and a store of its own. It opens turns, a fifth of
them with a responseId that others use too, and then answers, fails, dies, or sleeps beyond its lease and
comes back as a zombie. Time runs ``SPEED`` times as fast as outside, so that leases run out. What every
machine was told is written down; at the end all of it must agree with what is stored.
"""

import asyncio
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from c1fn.errors import Busy, LeaseLost, StoreUnavailable
from c1fn.stores import LEASE, Claim, Replay, Running
from c1fn.stores.dynamodb import DynamoStore, connect
from c1fn.turn import Ask, Message, State, Turn
from tests.stores.faults import Faults

SPEED = 60.0
MACHINES = 8
HISTORY = 8
SHARED = 0.2
PATIENCE = 400  # tries of one machine to finish its turns; beyond it the thread counts as stuck

FATES = {"answers": 60, "fails": 8, "stops": 4, "dies": 6, "zombie": 10, "renews": 12}

OWNER = "chaos"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One model call: a claim, what it said, and how it ended as its machine was told."""

    claim: Claim
    text: str
    opened: float
    ended: str = "unknown"  # acknowledged, lost, unknown
    state: State = State.RUNNING
    until: float = 0.0  # the claim was ours until then at least


@dataclass(slots=True)
class Books:
    """What all machines were told."""

    attempts: dict[str, list[Attempt]] = field(default_factory=lambda: defaultdict(list))
    replays: dict[str, list[Turn]] = field(default_factory=lambda: defaultdict(list))
    acknowledged: dict[int, tuple[str, str]] = field(default_factory=dict)
    shared: list[str] = field(default_factory=list)
    told: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(slots=True)
class Result:
    """One seed's figures; ``wrong`` is empty when every law held."""

    turns: int = 0
    acknowledged: int = 0
    model_calls: int = 0
    calls: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    told: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def __iadd__(self, other: "Result") -> Self:
        self.turns += other.turns
        self.acknowledged += other.acknowledged
        self.model_calls += other.model_calls
        self.calls += other.calls
        self.faults += other.faults
        self.told += other.told
        self.wrong += other.wrong
        return self


class Machine:
    def __init__(self, number: int, thread_id: str, books: Books, rng: random.Random) -> None:
        self.number = number
        self.thread_id = thread_id
        self.books = books
        self.rng = rng
        self.left: list[asyncio.Task[None]] = []

    async def work(self, store: DynamoStore, turns: int, clock: Callable[[], float]) -> None:
        done = 0
        for tries in range(PATIENCE):
            if done == turns:
                break
            if await self._turn(store, f"r{self.number}-{tries}", clock):
                done += 1
        else:
            with self.books.lock:
                self.books.wrong.append("a machine could not finish its turns: the thread is stuck")
        await asyncio.gather(*self.left)
        await store.settle()

    def _ask(self, response: str) -> Ask:
        with self.books.lock:
            if self.books.shared and self.rng.random() < SHARED:
                response = self.rng.choice(self.books.shared[-12:])
            else:
                self.books.shared.append(response)
        return Ask(OWNER, self.thread_id, response, Message("user", f"prompt of {response}"))

    async def _turn(self, store: DynamoStore, response: str, clock: Callable[[], float]) -> bool:
        """One request. True when it came to something."""
        ask = self._ask(response)
        with self.books.lock:
            known = dict(self.books.acknowledged)
        try:
            opened = await store.turns.open(ask, history=HISTORY)
        except (Busy, StoreUnavailable) as no:
            with self.books.lock:
                self.books.told[no.code] += 1
            await asyncio.sleep(self.rng.random() * 4 / SPEED)
            return False
        with self.books.lock:
            self.books.told[type(opened).__name__] += 1
            if isinstance(opened, Replay):
                self.books.replays[ask.response_id].append(opened.turn)
        if isinstance(opened, Replay | Running):
            return True
        self._check_history(opened, known)
        return await self._answer(store, opened, clock)

    def _check_history(self, claim: Claim, known: dict[int, tuple[str, str]]) -> None:
        """What was acknowledged before the claim is in its history."""
        numbers = [turn.number for turn in claim.history]
        expected = list(range(max(1, claim.number - HISTORY), claim.number))
        said = {turn.number: (turn.response_id, turn.answer) for turn in claim.history}
        with self.books.lock:
            if numbers != expected:
                self.books.wrong.append(f"history of {claim.number} has the turns {numbers}")
            self.books.wrong += [
                f"history of {claim.number} forgot {number}"
                for number in expected
                if number in known and said.get(number) != known[number]
            ]

    async def _answer(self, store: DynamoStore, claim: Claim, clock: Callable[[], float]) -> bool:
        (fate,) = self.rng.choices(list(FATES), list(FATES.values()))
        attempt = Attempt(
            claim, f"{claim.attempt} said {self.rng.random()}", clock(), until=claim.started + LEASE
        )
        if fate == "dies":
            self._book(attempt)
            return True
        if fate == "zombie":
            self.left.append(asyncio.create_task(self._rise(store, attempt)))
            return True
        if fate == "renews":
            for _ in range(3):
                await asyncio.sleep(11 / SPEED)
                try:
                    await store.turns.renew(claim, attempt.text)
                except (LeaseLost, StoreUnavailable):
                    break
        state = {"fails": State.FAILED, "stops": State.STOPPED}.get(fate, State.DONE)
        await self._commit(store, attempt, state)
        return True

    async def _rise(self, store: DynamoStore, attempt: Attempt) -> None:
        await asyncio.sleep((LEASE + self.rng.random() * 20) / SPEED)
        await self._commit(store, attempt, State.DONE)

    async def _commit(self, store: DynamoStore, attempt: Attempt, state: State) -> None:
        claim = attempt.claim
        reply = (Message("assistant", attempt.text, id=claim.ask.response_id),)
        turn = Turn(claim.number, claim.ask.response_id, state, claim.ask.prompt, claim.started, reply)
        try:
            await store.turns.commit(claim, turn)
        except LeaseLost:
            ended = "lost"
        except StoreUnavailable:
            ended = "unknown"
        else:
            ended = "acknowledged"
        self._book(Attempt(claim, attempt.text, attempt.opened, ended, state, attempt.until))

    def _book(self, attempt: Attempt) -> None:
        with self.books.lock:
            self.books.told[f"commit {attempt.ended}"] += 1
            self.books.attempts[attempt.claim.ask.response_id].append(attempt)
            if attempt.ended == "acknowledged" and attempt.state is not State.FAILED:
                said = attempt.claim.ask.response_id, attempt.text
                if self.books.acknowledged.setdefault(attempt.claim.number, said) != said:
                    self.books.wrong.append(f"two answers were acknowledged as {attempt.claim.number}")


def check(books: Books, turns: tuple[Turn, ...]) -> list[str]:
    """Every way in which what is stored differs from what was told."""
    wrong = books.wrong + _check_leases([one for some in books.attempts.values() for one in some])
    stored = {turn.response_id: turn for turn in turns}
    if [turn.number for turn in turns] != list(range(1, len(turns) + 1)):
        wrong.append(f"the numbers are not contiguous: {[turn.number for turn in turns]}")
    if len(stored) != len(turns):
        wrong.append("a responseId has two turns")
    for response, attempts in books.attempts.items():
        if response not in stored:
            wrong.append(f"the prompt of {response} was claimed and is gone")
            continue
        wrong += _check_turn(stored[response], attempts)
        final = stored[response]
        if final.state in (State.DONE, State.STOPPED):
            wrong += [
                f"a replay of {response} differs from what is stored"
                for turn in books.replays[response]
                if turn.state in (State.DONE, State.STOPPED) and turn.answer != final.answer
            ]
    return wrong


def _check_turn(turn: Turn, attempts: list[Attempt]) -> list[str]:
    wrong = []
    response = turn.response_id
    final = [one for one in attempts if one.ended == "acknowledged" and one.state is not State.FAILED]
    if len(final) > 1:
        wrong.append(f"{response} was answered {len(final)} times")
    if final and (turn.answer, turn.state, turn.number) != (
        final[0].text,
        final[0].state,
        final[0].claim.number,
    ):
        wrong.append(f"what was acknowledged for {response} is not what is stored")
    if turn.answer in [one.text for one in attempts if one.ended == "lost"]:
        wrong.append(f"{response} holds what a zombie said")
    if turn.answer and turn.answer not in [one.text for one in attempts]:
        wrong.append(f"{response} holds what nobody said")
    if turn.prompt.content != f"prompt of {response}":
        wrong.append(f"{response} has another prompt")
    return wrong


def _check_leases(attempts: list[Attempt]) -> list[str]:
    """Nobody begins while another, that has not ended its turn itself, has its lease."""
    attempts = sorted(attempts, key=lambda one: one.opened)
    held = [one for one in attempts if one.ended == "lost" or one.state is State.RUNNING]
    return [
        f"{later.claim.ask.response_id} began in the lease of {one.claim.ask.response_id}"
        for one in held
        for later in attempts
        if one.opened < later.opened < one.until
    ]


class Storm:
    """One seed: ``MACHINES`` machines with ``turns`` requests each, on one thread."""

    def __init__(self, endpoint: str, table: str, seed: int, turns: int, rate: float) -> None:
        self.endpoint = endpoint
        self.table = table
        self.seed = seed
        self.turns = turns
        self.injected = Faults(seed, rate)
        self.books = Books()
        self.thread_id = f"seed-{seed}"
        self.origin = time.monotonic()
        self.failures: list[BaseException] = []

    def clock(self) -> float:
        return 1_800_000_000 + (time.monotonic() - self.origin) * SPEED

    def afterwards(self) -> float:
        """A time when every lease is over."""
        return self.clock() + 3 * LEASE

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / SPEED)

    def run(self) -> Result:
        threads = [threading.Thread(target=self._thread, args=(number,)) for number in range(MACHINES)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        calls = self.injected.calls
        self.injected.clear()
        if self.failures:
            raise self.failures[0]
        stored = asyncio.run(self._close())
        self.injected.close()
        return Result(
            turns=len(stored),
            acknowledged=len(self.books.acknowledged),
            model_calls=sum(map(len, self.books.attempts.values())),
            calls=calls,
            faults=self.injected.faults,
            told=self.books.told,
            wrong=[f"seed {self.seed}: {one}" for one in check(self.books, stored)],
        )

    def _thread(self, number: int) -> None:
        try:
            asyncio.run(self._machine(number))
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that asked
            self.failures.append(error)

    async def _machine(self, number: int) -> None:
        client = connect(self.endpoint)
        self.injected.over(client)
        rng = random.Random(self.seed * 1000 + number)
        store = DynamoStore(client, self.table, clock=self.clock, sleep=self.sleep, jitter=rng.random)
        machine = Machine(number, self.thread_id, self.books, rng)
        await machine.work(store, self.turns, self.clock)
        await store.aclose()

    async def _close(self) -> tuple[Turn, ...]:
        """Two more turns when every lease is over: the dead are buried, and the thread is usable."""
        store = DynamoStore(connect(self.endpoint), self.table, clock=self.afterwards, sleep=self.sleep)
        for response in ("last-1", "last-2"):
            ask = Ask(OWNER, self.thread_id, response, Message("user", f"prompt of {response}"))
            claim = await store.turns.open(ask, history=HISTORY)
            if not isinstance(claim, Claim):
                raise TypeError(type(claim))
            reply = (Message("assistant", "the end", id=response),)
            turn = Turn(claim.number, response, State.DONE, ask.prompt, claim.started, reply)
            await store.turns.commit(claim, turn)
        stored = await store.threads.load(OWNER, self.thread_id)
        await store.aclose()
        return stored


def chaos(endpoint: str, table: str, seed: int, *, turns: int, rate: float = 0.2) -> Result:
    """Let one storm happen, and check the books."""
    return Storm(endpoint, table, seed, turns, rate).run()
