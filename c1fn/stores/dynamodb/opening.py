"""How a turn begins: replay, then busy, then claim, in one round trip when nothing is in the way.

Three calls go out at once. The *lock* writes our run, with its prompt, into the thread's row, if nothing
runs there; the row that it returns tells the newest turn's number and writer. The *newest turns* are read
at half price and checked against that; the *responseId* is looked up among all turns, consistently. So the
claim, the history and the proof that this responseId is new arrive together, before the model is called.

Whoever finds a dead run first writes its turn, as interrupted: from then on the dead machine's own commit
fails its condition. Only then is its lock taken.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise

from c1fn.errors import Busy, Mismatch
from c1fn.stores import Claim, Opened, Replay, Running
from c1fn.stores.dynamodb.following import Following
from c1fn.stores.dynamodb.pack import PROMPT_INLINE, Packed, pack_turn
from c1fn.stores.dynamodb.rows import (
    Run,
    Spot,
    ThreadRow,
    TurnRow,
    fence_of,
)
from c1fn.stores.dynamodb.threads import Threads
from c1fn.stores.dynamodb.turns import Turns
from c1fn.stores.dynamodb.usage import UsageRow
from c1fn.turn import Ask, Usage, title_of

ROUNDS = 8
"""Times that an open looks again because somebody changed the thread under it; then the thread is busy."""

WINDOW = 10
"""The newest turns that are read, at least: see ``SWIFT``."""

SWIFT = 0.1
"""Seconds within which the three calls count as one moment. Turns that others finished between the look-up
and the lock stand among the newest ones, unless more than ``WINDOW`` were: each takes three writes in a
row, so not in this time. After it, the look-up is done again."""


@dataclass(slots=True)
class Pulse:
    """What a claim's renewals remember."""

    renewed: float
    heard: float
    stop: bool = False
    saved: int = 0  # characters in checkpoints
    checkpoints: int = 0


@dataclass(frozen=True, slots=True)
class Held(Claim):
    """A claim that also knows its thread's life, the row that was there before it, where its prompt is kept,
    and its pulse. ``usage`` is what its owner had used, while that is still to be counted up.
    """

    spot: Spot = field(kw_only=True)
    thread: ThreadRow = field(kw_only=True)
    kept: Packed = field(kw_only=True)
    pulse: Pulse = field(kw_only=True, compare=False)
    usage: UsageRow | None = field(default=None, kw_only=True)


@dataclass(slots=True)
class Bid:
    """An open that is under way.

    ``holds``: our run may stand in the thread's row. ``lock`` may yet put it there. ``created``: there was
    no thread before.
    """

    ask: Ask
    spot: Spot
    run: Run
    history: int
    holds: bool = False
    created: bool = False
    lock: asyncio.Task[tuple[bool, ThreadRow]] | None = None

    def check(self, known: bytes) -> None:
        """:raises Mismatch: the same responseId, another prompt. A damaged row has no hash to compare."""
        if known and known != self.run.hash:
            raise Mismatch


@dataclass(frozen=True, slots=True)
class View:
    """What an open sees: the thread's row, its newest turns, and this responseId's turn if there is one."""

    thread: ThreadRow
    rows: list[TurnRow]
    known: TurnRow | None


class Opening:
    def __init__(
        self,
        threads: Threads,
        turns: Turns,
        following: Following,
        clock: Callable[[], float],
        token: Callable[[], str],
    ) -> None:
        self._threads = threads
        self._turns = turns
        self._following = following
        self._clock = clock
        self._token = token

    def bid(self, ask: Ask, history: int) -> Bid:
        attempt = self._token()
        kept = Packed.of(pack_turn(ask.prompt, (), Usage()), attempt, PROMPT_INLINE)
        return Bid(ask, Spot(ask.owner, ask.thread_id), Run.of(ask, attempt, self._clock(), kept), history)

    async def open(self, bid: Bid) -> Opened:
        """:raises Refused: the thread says no. Unless a claim is returned, ``give_back`` the bid."""
        for _ in range(ROUNDS):
            opened = await self._look(bid)
            if opened is not None:
                return opened
        raise Busy

    async def give_back(self, bid: Bid) -> None:
        """Take our run from the thread's row, if it stands there or is on its way."""
        if bid.lock:
            await asyncio.wait({bid.lock})
            bid.lock.exception()  # it was told of, or it is not worth telling
        if bid.holds:
            await self._threads.give_back(bid.spot, bid.run.attempt, created=bid.created)
        await self._turns.discard(bid.spot, bid.run.prompt)

    async def revive(self, spot: Spot, thread: ThreadRow, title: str) -> None:
        """Begin the thread's next life, after sweeping away what is left of its last one."""
        if thread.sweep:
            await self.sweep(spot, thread)
        await self._threads.revive(spot, thread, title)

    async def sweep(self, spot: Spot, thread: ThreadRow) -> None:
        """Delete what a thread that is gone has left."""
        spot = replace(spot, generation=thread.generation)
        await self._turns.sweep(spot, thread.n)
        await self._threads.swept(spot, thread)

    async def _look(self, bid: Bid) -> Opened | None:
        """One look at the thread; None: it was changed meanwhile, look again."""
        clock, spot, title = asyncio.get_running_loop().time, bid.spot, title_of(bid.ask.prompt)
        began, bid.holds = clock(), True
        bid.lock = asyncio.create_task(self._threads.lock(spot, bid.run, title))
        locked, rows, number, _ = await asyncio.gather(
            asyncio.shield(bid.lock),
            self._turns.newest(spot, max(WINDOW, bid.history), consistent=False),
            self._turns.find(spot, bid.ask.response_id),
            self._turns.stow(spot, bid.run.prompt),
        )
        bid.holds, thread = locked
        bid.created = bid.holds and not thread.created
        if not bid.holds and not thread.is_there(self._clock()):
            await self.revive(spot, thread, title)
            return None
        bid.spot = replace(spot, generation=thread.generation)
        if bid.spot != spot:
            await self._turns.stow(bid.spot, bid.run.prompt)
        if bid.spot != spot or not _fits(thread, rows):
            view = await self._view(bid, thread)
        else:
            if number is None and clock() - began > SWIFT:
                number = await self._turns.find(spot, bid.ask.response_id)
            view = View(thread, rows, await self._known(bid.spot, rows, number))
        return await (self._won(bid, view) if bid.holds else self._contest(bid, view))

    async def _view(self, bid: Bid, thread: ThreadRow) -> View:
        rows, number = await asyncio.gather(
            self._turns.newest(bid.spot, max(WINDOW, bid.history), consistent=True),
            self._turns.find(bid.spot, bid.ask.response_id),
        )
        return View(thread, rows, await self._known(bid.spot, rows, number))

    async def _known(self, spot: Spot, rows: list[TurnRow], number: int | None) -> TurnRow | None:
        if number is None:
            return None
        among = next((row for row in rows if row.number == number), None)
        return among or await self._turns.get(spot, number)

    async def _won(self, bid: Bid, view: View) -> Opened | None:
        """The lock is ours. Whether the turn may run is told by what became of this responseId before."""
        known = view.known
        if known:
            bid.check(known.hash)
            if known.answered or known.number < view.thread.n:
                return Replay(await self._turns.noun(bid.spot, known))
            bid.holds = await self._threads.run_again(bid.spot, bid.run, known.attempt)
            if not bid.holds:
                return None
        number = known.number if known else view.thread.n + 1
        before = [row for row in view.rows if row.number < number][: bid.history]
        return Held(
            ask=bid.ask,
            number=number,
            attempt=bid.run.attempt,
            started=bid.run.started,
            history=await self._turns.nouns(bid.spot, reversed(before)),
            replaces=known.attempt if known else None,
            spot=bid.spot,
            thread=view.thread,
            kept=bid.run.prompt,
            pulse=Pulse(bid.run.started, bid.run.started),
        )

    async def _contest(self, bid: Bid, view: View) -> Opened | None:
        """Another run holds the lock: it lives, or it committed and was not released, or it is dead."""
        thread, known, run = view.thread, view.known, view.thread.run
        if run is None:
            return None
        committed = await self._committed(bid.spot, thread, run)
        alive = run.until > self._clock() and committed is None
        ours = run.response_id == bid.ask.response_id
        if ours and alive:
            bid.check(run.hash)
            return Running(thread.running_number)
        if known:
            bid.check(known.hash)
            if known.answered or alive:
                return Replay(await self._turns.noun(bid.spot, known))
        if alive:
            raise Busy
        if ours:
            bid.check(run.hash)
        return await self._take_over(bid, thread, run, committed)

    async def _committed(self, spot: Spot, thread: ThreadRow, run: Run) -> TurnRow | None:
        row = await self._turns.get(spot, thread.running_number)
        return row if row is not None and row.attempt == run.attempt else None

    async def _take_over(self, bid: Bid, thread: ThreadRow, run: Run, turn: TurnRow | None) -> Opened | None:
        """Take the lock of a run that is over. ``turn`` is what it wrote; None: it is still to be closed."""
        after = replace(thread, run=None)
        if turn is not None or not await self._is_phantom(bid.spot, thread, run):
            turn = turn or await self._fence(bid.spot, thread, run)
            after = replace(after, n=thread.running_number, last=turn.attempt)
        if turn is not None and turn.attempt == run.attempt:
            used = (await self._turns.noun(bid.spot, turn)).usage
            after = replace(after, spent=thread.spent + used.tokens)
        bid.holds = True
        bid.holds = await self._threads.seize(bid.spot, bid.run, run, after)
        if not bid.holds:
            return None
        await self._turns.discard(bid.spot, run.prompt)
        return await self._won(bid, await self._view(bid, after))

    async def _is_phantom(self, spot: Spot, thread: ThreadRow, run: Run) -> bool:
        """Whether the run is of an older turn: somebody died between its lock and its replay, or a lost
        write of a lock came late. It never was to become a turn.
        """
        if run.replaces is not None:
            return False
        number = await self._turns.find(spot, run.response_id)
        return number is not None and number <= thread.n

    async def _fence(self, spot: Spot, thread: ThreadRow, run: Run) -> TurnRow:
        """Write a dead run's turn as interrupted, so that nobody else can. The row that stands is
        returned: ours, another's that was here first, or the run's own, written at the last moment.
        """
        turn = await self._following.ended(spot, run, thread.running_number)
        row = TurnRow(
            number=turn.number,
            response_id=run.response_id,
            attempt=fence_of(run.attempt),
            state=turn.state,
            started=run.started,
            hash=run.hash,
            body=Packed.of(pack_turn(turn.prompt, turn.reply, turn.usage), fence_of(run.attempt)),
            error=turn.error,
        )
        return await self._turns.put(spot, row, run.replaces)


def _fits(thread: ThreadRow, rows: list[TurnRow]) -> bool:
    """Whether turns that were read at half price are the newest ones, without a gap."""
    if not rows:
        return thread.n == 0
    newest = rows[0].number, rows[0].attempt
    run = thread.run
    whole = all(one.number == other.number + 1 for one, other in pairwise(rows))
    return whole and (
        newest == (thread.n, thread.last)
        or (run is not None and newest == (thread.running_number, run.attempt))
    )
