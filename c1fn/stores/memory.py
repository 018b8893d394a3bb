"""Threads in this process's memory: for a laptop and for tests. They are gone when the process ends.

Strategy: between two awaits nothing else runs, so each method is one uninterrupted step and no lock is
needed. A turn that runs is kept beside the thread's turns and joins them when it is committed; one whose
lease is over is moved there as INTERRUPTED by the next open that needs its place. Followers sleep until
something changes.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field, replace

from c1fn.errors import Busy, LeaseLost, Mismatch, NotFound
from c1fn.stores import DAY, LEASE, Claim, Opened, Quota, Replay, Running
from c1fn.stores.cursor import decode, encode
from c1fn.turn import Ask, Message, Page, State, Thread, Turn, estimated_tokens, for_model, title_of

_ANSWERED = {State.DONE, State.STOPPED}


@dataclass(slots=True)
class _Run:
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
        said = (Message("assistant", self.said, id=self.ask.response_id),) if self.said else ()
        return Turn(self.claim.number, self.ask.response_id, state, self.ask.prompt, self.claim.started, said)


@dataclass(slots=True)
class _Thread:
    title: str
    created: float
    updated: float
    turns: list[Turn] = field(default_factory=list)
    attempts: list[str] = field(default_factory=list)  # who wrote each of the turns
    run: _Run | None = None

    def find(self, response_id: str) -> Turn | None:
        return next((turn for turn in self.turns if turn.response_id == response_id), None)

    def end(self, run: _Run, turn: Turn) -> None:
        """The run is over and left this turn: in place of an earlier attempt, or after the newest."""
        self.turns[turn.number - 1 :] = [turn]
        self.attempts[turn.number - 1 :] = [run.claim.attempt]
        self.run = None
        run.changed.set()


@dataclass(slots=True)
class _Used:
    """What an owner used on one day."""

    day: int
    turns: int = 0
    tokens: int = 0


class MemoryStore:
    """A ``Store`` in memory.

    :param quota: what one owner may take.
    :param clock: seconds since the epoch.
    :param sleep: waits that many seconds of that clock.
    :param token: a fresh random token at each call.
    """

    def __init__(
        self,
        *,
        quota: Quota = Quota(),  # noqa: B008 - it is frozen
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        token: Callable[[], str] = lambda: secrets.token_urlsafe(12),
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._token = token
        self._threads: dict[tuple[str, str], _Thread] = {}
        self._quota = quota
        self._used: dict[str, _Used] = {}

    async def open(self, ask: Ask, *, history: int) -> Opened:
        thread = self._find(ask.owner, ask.thread_id)
        if thread is None:
            self._count(ask.owner)
            return self._claim(self._new(ask.owner, ask.thread_id, title_of(ask.prompt)), ask, history)
        known = thread.find(ask.response_id)
        own = thread.run if thread.run and thread.run.ask.response_id == ask.response_id else None
        asked = own.ask.prompt if own else known.prompt if known else ask.prompt
        if (asked.role, asked.content) != (ask.prompt.role, ask.prompt.content):
            raise Mismatch
        if own and self._alive(thread):
            return Running(own.claim.number)
        if known and known.state in _ANSWERED:
            return Replay(known)
        self._bury(thread)
        known = thread.find(ask.response_id)
        if known and (thread.run or known.number < len(thread.turns)):
            return Replay(known)
        if thread.run:
            raise Busy
        self._count(ask.owner)
        return self._claim(thread, ask, history, again=known)

    def _claim(self, thread: _Thread, ask: Ask, history: int, again: Turn | None = None) -> Claim:
        now = self._clock()
        number = again.number if again else len(thread.turns) + 1
        before = tuple(thread.turns[max(0, number - 1 - history) : number - 1])
        replaces = thread.attempts[number - 1] if again else None
        claim = Claim(ask, number, self._token(), now, before, replaces)
        thread.run = _Run(claim, now + LEASE)
        thread.updated = now
        return claim

    def _count(self, owner: str) -> None:
        """:raises OverQuota: the owner may not begin another turn."""
        used = self._usage(owner)
        running = sum(1 for (of, _), thread in self._threads.items() if of == owner and self._alive(thread))
        refusal = self._quota.refusal(
            turns=used.turns, tokens=used.tokens, running=running, now=self._clock()
        )
        if refusal:
            raise refusal
        used.turns += 1

    def _usage(self, owner: str) -> _Used:
        today = int(self._clock() // DAY)
        if owner not in self._used or self._used[owner].day != today:
            self._used[owner] = _Used(today)
        return self._used[owner]

    def _charge_dead(self, run: _Run) -> None:
        """Nobody will tell what this run used: what it was asked and said is what is known."""
        claim = run.claim
        used = [*for_model(claim.history), claim.ask.prompt, Message("assistant", run.said)]
        self._usage(claim.ask.owner).tokens += estimated_tokens(used)

    async def admit(self, claim: Claim) -> None:
        """Every claim is counted when it is opened."""

    async def renew(self, claim: Claim, said: str) -> bool:
        _, run = self._mine(claim)
        run.lease_until = self._clock() + LEASE
        if said != run.said:
            run.said = said
            _wake(run)
        return run.stop

    async def commit(self, claim: Claim, turn: Turn) -> None:
        thread, run = self._mine(claim)
        thread.end(run, turn)
        thread.updated = self._clock()
        self._usage(claim.ask.owner).tokens += turn.usage.tokens

    async def follow(self, owner: str, thread_id: str, response_id: str) -> AsyncGenerator[str | Turn, None]:
        thread = self._get(owner, thread_id)
        sent = ""
        run = thread.run if thread.run and thread.run.ask.response_id == response_id else None
        if run:
            while thread.run is run and self._clock() < run.lease_until:
                if len(run.said) > len(sent):
                    piece, sent = run.said[len(sent) :], run.said
                    yield piece
                else:
                    await self._change(run)
        if self._find(owner, thread_id) is not thread:
            raise NotFound("This conversation was deleted.")
        turn = run.turn(State.INTERRUPTED) if run and thread.run is run else thread.find(response_id)
        if turn is None:
            raise NotFound("There is no such turn.")
        if turn.answer.startswith(sent) and turn.answer != sent:
            yield turn.answer[len(sent) :]
        yield turn

    async def _change(self, run: _Run) -> None:
        """Wait for something new of this run, or for the end of its lease."""
        waits = [
            asyncio.ensure_future(run.changed.wait()),
            asyncio.ensure_future(self._sleep(run.lease_until - self._clock())),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def stop(self, owner: str, thread_id: str, response_id: str | None) -> bool:
        thread = self._find(owner, thread_id)
        run = self._alive(thread) if thread else None
        if not run or response_id not in (None, run.ask.response_id):
            return False
        run.stop = True
        return True

    async def threads(self, owner: str, *, cursor: str | None, limit: int) -> Page:
        mine = [self._shown(at, thread) for (of, at), thread in self._threads.items() if of == owner]
        mine.sort(key=_place, reverse=True)
        if cursor is not None:
            after = decode(cursor)
            mine = [thread for thread in mine if _place(thread) < after]
        page = tuple(mine[:limit])
        return Page(page, encode(*_place(page[-1])) if len(mine) > limit else None)

    async def create(self, owner: str, thread_id: str, title: str) -> Thread:
        thread = self._find(owner, thread_id) or self._new(owner, thread_id, title)
        return self._shown(thread_id, thread)

    async def load(self, owner: str, thread_id: str) -> tuple[Turn, ...]:
        thread = self._get(owner, thread_id)
        if not thread.run:
            return tuple(thread.turns)
        state = State.RUNNING if self._alive(thread) else State.INTERRUPTED
        return (*thread.turns[: thread.run.claim.number - 1], thread.run.turn(state))

    async def rename(self, owner: str, thread_id: str, title: str) -> Thread:
        thread = self._get(owner, thread_id)
        thread.title = title
        return self._shown(thread_id, thread)

    async def delete(self, owner: str, thread_id: str) -> None:
        thread = self._get(owner, thread_id)
        del self._threads[owner, thread_id]
        if thread.run:
            self._charge_dead(thread.run)
            thread.end(thread.run, thread.run.turn(State.INTERRUPTED))

    async def revise(self, owner: str, thread_id: str, response_id: str, content: str) -> None:
        thread = self._get(owner, thread_id)
        turn = thread.find(response_id)
        if not turn or (thread.run and thread.run.claim.number == turn.number):
            raise NotFound("There is no such finished turn.")
        thread.turns[turn.number - 1] = replace(turn, revised=content)

    async def settle(self) -> None:
        """Nothing is left for later here."""

    async def aclose(self) -> None:
        """There is nothing to give back."""

    def _new(self, owner: str, thread_id: str, title: str) -> _Thread:
        now = self._clock()
        return self._threads.setdefault((owner, thread_id), _Thread(title, now, now))

    def _find(self, owner: str, thread_id: str) -> _Thread | None:
        return self._threads.get((owner, thread_id))

    def _get(self, owner: str, thread_id: str) -> _Thread:
        thread = self._find(owner, thread_id)
        if thread is None:
            raise NotFound("There is no such conversation.")
        return thread

    def _alive(self, thread: _Thread) -> _Run | None:
        """The run, if its lease is not over."""
        return thread.run if thread.run and self._clock() < thread.run.lease_until else None

    def _bury(self, thread: _Thread) -> None:
        """A run whose lease is over becomes an interrupted turn."""
        if thread.run and not self._alive(thread):
            self._charge_dead(thread.run)
            thread.end(thread.run, thread.run.turn(State.INTERRUPTED))

    def _mine(self, claim: Claim) -> tuple[_Thread, _Run]:
        """The thread and the run of a claim that still holds, also past its lease if nobody looked."""
        thread = self._threads.get((claim.ask.owner, claim.ask.thread_id))
        if not thread or not thread.run or thread.run.claim.attempt != claim.attempt:
            raise LeaseLost
        return thread, thread.run

    def _shown(self, thread_id: str, thread: _Thread) -> Thread:
        running = self._alive(thread) is not None
        return Thread(thread_id, thread.title, thread.created, thread.updated, running)


def _wake(run: _Run) -> None:
    run.changed.set()
    run.changed = asyncio.Event()


def _place(thread: Thread) -> tuple[float, str]:
    return thread.updated, thread.id
