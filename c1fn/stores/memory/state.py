"""What the memory store holds. Between two awaits nothing else runs: each step is whole and needs no lock.

A turn that runs is kept beside the thread's turns and joins them when it is committed; one whose lease is
over is moved there as INTERRUPTED by the next open that needs its place.
"""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from c1fn.errors import NotFound, TooManyAtOnce
from c1fn.stores import DAY, LEASE, Claim, Quota
from c1fn.stores.shares import Share
from c1fn.turn import Ask, Message, Source, State, Thread, Turn, Until
from c1fn.turn.transcript import estimated_tokens, for_model


@dataclass(slots=True)
class Run:
    """A turn that somebody runs; ``changed`` is set, and replaced, at each change."""

    claim: Claim
    lease_until: float
    said: str = ""
    stop: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def ask(self) -> Ask:
        return self.claim.ask

    def turn(self, state: State) -> Turn:
        """The turn with what was said so far."""
        said = (Message("assistant", self.said, id=self.ask.response_id),) if self.said else ()
        return Turn(self.claim.number, self.ask.response_id, state, self.ask.prompt, self.claim.started, said)

    def wake(self) -> None:
        """Let followers look again."""
        self.changed.set()
        self.changed = asyncio.Event()


@dataclass(slots=True)
class Conversation:
    """A thread with its turns; ``attempts`` tells who wrote each of them. ``source``, ``until``: the fork
    that it was made by.
    """

    title: str
    created: float
    updated: float
    turns: list[Turn] = field(default_factory=list)
    attempts: list[str] = field(default_factory=list)
    run: Run | None = None
    next: tuple[str, float] | None = None  # for whose prompt the next turn is reserved, and until when
    source: Source | None = None
    until: Until | None = None

    def find(self, response_id: str) -> Turn | None:
        """The turn of this responseId, if it is stored."""
        return next((turn for turn in self.turns if turn.response_id == response_id), None)

    def alive(self, now: float) -> Run | None:
        """The run, if its lease is not over."""
        return self.run if self.run and now < self.run.lease_until else None

    def is_reserved(self, response_id: str, now: float) -> bool:
        """Whether another prompt waits for the next turn."""
        return self.next is not None and self.next[1] > now and self.next[0] != response_id

    def end(self, run: Run, turn: Turn) -> None:
        """The run is over and left this turn: in place of an earlier attempt, or after the newest."""
        self.turns[turn.number - 1 :] = [turn]
        self.attempts[turn.number - 1 :] = [run.claim.attempt]
        self.run = None
        run.changed.set()

    @property
    def asked(self) -> set[str]:
        """The responseIds that were used here."""
        running = {self.run.ask.response_id} if self.run else set()
        return {turn.response_id for turn in self.turns} | running

    def shown(self, thread_id: str, now: float) -> Thread:
        """The thread as lists show it."""
        running = self.alive(now) is not None
        return Thread(thread_id, self.title, self.created, self.updated, running, self.source)

    def was_forked(self, thread_id: str, until: Until) -> bool:
        """Whether it was made by this fork."""
        return self.source is not None and (self.source.thread_id, self.until) == (thread_id, until)


@dataclass(slots=True)
class Slot:
    """A turn that may still run. ``reserve``: the tokens of what the model was asked."""

    until: float
    reserve: int


@dataclass(slots=True)
class Used:
    """What an owner used on one day, and the turns that may still run. ``writes``: outside of turns."""

    day: int = 0
    turns: int = 0
    tokens: int = 0
    writes: int = 0
    slots: dict[str, Slot] = field(default_factory=dict)
    followers: int = 0

    def begin_day(self, now: float) -> None:
        """Count from zero if a new day of UTC has begun."""
        if self.day != int(now // DAY):
            self.day, self.turns, self.tokens, self.writes = int(now // DAY), 0, 0, 0

    def settle(self, now: float) -> None:
        """Turns whose lease is over died without telling: their reserves count."""
        for attempt in [attempt for attempt, slot in self.slots.items() if slot.until <= now]:
            self.tokens += self.slots.pop(attempt).reserve


@dataclass(slots=True)
class Link:
    """A share, its owner, and how often it was opened on one day."""

    owner: str
    thread: Conversation
    share: Share
    day: int = 0
    views: int = 0


@dataclass(slots=True)
class Memory:
    """Everything that a store holds. ``deleted``: threads that are gone, and when they went."""

    clock: Callable[[], float]
    quota: Quota
    threads: dict[tuple[str, str], Conversation] = field(default_factory=dict)
    deleted: dict[tuple[str, str], tuple[float, Conversation]] = field(default_factory=dict)
    used: dict[str, Used] = field(default_factory=dict)
    links: dict[str, Link] = field(default_factory=dict)

    def begin(self, owner: str, thread_id: str, title: str) -> Conversation:
        """The thread, made if it is missing."""
        now = self.clock()
        return self.threads.setdefault((owner, thread_id), Conversation(title, now, now))

    def find(self, owner: str, thread_id: str) -> Conversation | None:
        """The thread, if there is one."""
        return self.threads.get((owner, thread_id))

    def get(self, owner: str, thread_id: str) -> Conversation:
        """:raises NotFound: there is no such thread."""
        thread = self.find(owner, thread_id)
        if thread is None:
            raise NotFound("There is no such conversation.")
        return thread

    def delete(self, owner: str, thread_id: str) -> None:
        """Delete a thread, and keep its responseIds for a day.

        :raises NotFound: there is no such thread.
        """
        thread = self.get(owner, thread_id)
        del self.threads[owner, thread_id]
        self.deleted = {key: gone for key, gone in self.deleted.items() if gone[0] > self.clock() - DAY}
        self.deleted[owner, thread_id] = self.clock(), thread
        if thread.run:
            thread.end(thread.run, thread.run.turn(State.INTERRUPTED))

    def gone(self, owner: str, thread_id: str) -> Conversation | None:
        """The last thread of this id, if it was deleted within a day: late retries of what was asked there
        are refused.
        """
        when, thread = self.deleted.get((owner, thread_id), (0.0, None))
        return thread if when > self.clock() - DAY else None

    def count(self, claim: Claim) -> None:
        """:raises OverQuota: the owner may not begin another turn."""
        now, used = self.clock(), self.used.setdefault(claim.ask.owner, Used())
        used.begin_day(now)
        used.settle(now)
        refusal = self.quota.refusal(turns=used.turns, tokens=used.tokens, running=len(used.slots), now=now)
        if refusal:
            raise refusal
        used.turns += 1
        waiting = claim.waiting.reply if claim.waiting else ()
        asked = [*for_model(claim.history), *waiting, claim.ask.prompt]
        used.slots[claim.attempt] = Slot(now + LEASE, estimated_tokens(asked))

    def write(self, owner: str, more: int) -> None:
        """Count so many kilobytes, which are written outside of turns.

        :raises WritesUsedUp: the owner has written as much as is allowed today.
        """
        now, used = self.clock(), self.used.setdefault(owner, Used())
        used.begin_day(now)
        if refusal := self.quota.refusal_of_writes(used.writes, more, now):
            raise refusal
        used.writes += more

    @contextmanager
    def following(self, owner: str) -> Generator[None, None, None]:
        """:raises TooManyAtOnce: the owner follows as many turns as he may."""
        used = self.used.setdefault(owner, Used())
        if self.quota.followers and used.followers >= self.quota.followers:
            raise TooManyAtOnce
        used.followers += 1
        try:
            yield
        finally:
            used.followers -= 1

    def extend(self, claim: Claim, until: float) -> None:
        """Renew the slot of a running turn."""
        slot = self.used.get(claim.ask.owner, Used()).slots.get(claim.attempt)
        if slot:
            slot.until = until

    def settle(self, claim: Claim, tokens: int) -> None:
        """The turn is over, and took so much."""
        used = self.used.get(claim.ask.owner, Used())  # the owner may have been erased meanwhile
        if used.slots.pop(claim.attempt, None):
            used.begin_day(self.clock())
            used.tokens += tokens
