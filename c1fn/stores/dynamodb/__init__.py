"""Threads in one DynamoDB table: the store that loses nothing.

The thread's row is the lock; a turn's row, written once on a condition, is the truth. `rows` says what
stands in the table, `threads` and `turns` read and write it, `opening` and
`following` say when, `admission` counts what an owner uses, and here is the port.
docs/store.md tells why it is safe and what it costs.
"""

import asyncio
import random
import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Any

from c1fn.errors import LeaseLost, NotFound, StoreUnavailable
from c1fn.stores import DAY, LEASE, Claim, Opened, Quota
from c1fn.stores.cursor import decode, encode
from c1fn.stores.dynamodb.admission import Admission
from c1fn.stores.dynamodb.calls import Calls, connect
from c1fn.stores.dynamodb.following import Following
from c1fn.stores.dynamodb.opening import Bid, Held, Opening
from c1fn.stores.dynamodb.pack import Packed, pack_text, pack_turn
from c1fn.stores.dynamodb.rows import Run, Spot, ThreadRow, TurnRow, checkpoint_sk, prompt_hash
from c1fn.stores.dynamodb.threads import Threads
from c1fn.stores.dynamodb.turns import Turns
from c1fn.stores.dynamodb.usage import Entry, UsageRow
from c1fn.turn import Ask, Page, Thread, Turn, estimated_tokens, for_model

__all__ = ["DynamoStore", "connect"]

OPENING = 3
"""Calls at once that open a turn; one more looks at what its owner uses."""

LEASE_WRITES = 10.0
"""Seconds between two writes of a lease: two may fail before it is over."""

LISTENING = 0.9
"""Seconds between two looks for a stop: one at each renewal."""


class DynamoStore:
    """A ``Store`` in DynamoDB.

    :param client: see ``connect``; it is closed with the store.
    :param quota: what one owner may take.
    :param retention_days: for how long a thread is kept after its last turn; 0 is for ever.
    :param checkpoints: keep a running answer as it grows, for followers and for the time after a death.
    :param clock: seconds since the epoch. ``sleep``: waits that many of them. ``jitter``: 0 to 1.
    :param token: a fresh random token at each call.
    """

    def __init__(
        self,
        client: Any,
        table: str,
        *,
        quota: Quota = Quota(),  # noqa: B008 - it is frozen
        retention_days: int = 0,
        checkpoints: bool = False,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
        token: Callable[[], str] = lambda: secrets.token_urlsafe(12),
    ) -> None:
        self._calls = Calls(client, table, sleep=sleep, jitter=jitter)
        self._threads = Threads(self._calls, clock, retention_days * DAY)
        self._turns = Turns(self._calls, clock, retention_days * DAY)
        self._following = Following(self._threads, self._turns, clock, sleep)
        self._opening = Opening(self._threads, self._turns, self._following, clock, token)
        self._quota = quota if quota != Quota() else None
        self._admission = Admission(self._calls, self._threads, clock, quota)
        self._checkpoints = checkpoints
        self._clock = clock
        self._token = token
        self._later: dict[asyncio.Task[None], tuple[str, str]] = {}

    def connect(self) -> None:
        """Begin to open as many connections as the first turn will use at once."""
        self._calls.connect(OPENING if self._quota is None else OPENING + 1)

    # ---- a turn

    async def open(self, ask: Ask, *, history: int) -> Opened:
        await self._settled(ask.owner, ask.thread_id)
        bid = self._opening.bid(ask, history)
        opened: Opened | None = None
        try:
            opened = await (self._allowed(bid) if self._quota else self._opening.open(bid))
        finally:
            if not isinstance(opened, Claim):
                self._do_later(bid.spot, self._opening.give_back(bid))
        return opened

    async def _allowed(self, bid: Bid) -> Opened:
        """Open the turn; a claim is counted before it is returned, or may run ahead of that."""
        looking = asyncio.create_task(self._admission.look(bid.ask.owner))
        try:
            opened = await self._opening.open(bid)
            if not isinstance(opened, Held):
                return opened
            seen = await looking
            if self._admission.may_run_ahead(_entry(opened), seen):
                return replace(opened, usage=seen)
            await self._count(opened, seen)
            return opened
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def admit(self, claim: Claim) -> None:
        held = _held(claim)
        if held.usage is not None:
            await self._count(held, held.usage)

    async def _count(self, held: Held, seen: UsageRow | None) -> None:
        await self._settled(held.ask.owner)  # so that what this process knows to be over can be seen to be
        await self._admission.admit(_entry(held), seen)

    async def renew(self, claim: Claim, said: str) -> bool:
        held = _held(claim)
        pulse, now = held.pulse, self._clock()
        if self._checkpoints and len(said) > pulse.saved:
            await self._save(held, said)
        if now - pulse.renewed >= LEASE_WRITES:
            run = await self._threads.renew(held.spot, held.attempt, now + LEASE)
            pulse.renewed = pulse.heard = now
        elif now - pulse.heard >= LISTENING:
            run = await self._listen(held)
            pulse.heard = now
        else:
            return pulse.stop
        if run is None:
            raise LeaseLost
        pulse.stop = run.stop
        return run.stop

    async def _listen(self, held: Held) -> Run | None:
        """Our run, if it still is: a reading from a moment ago is believed when it says yes."""
        for consistent in (False, True):
            row = await self._threads.get(held.spot, consistent=consistent)
            if row and row.run and row.run.attempt == held.attempt:
                return row.run
        return None

    async def _save(self, held: Held, said: str) -> None:
        """Keep what was said since the last checkpoint. One that fails is written again, and longer."""
        pulse = held.pulse
        sk = checkpoint_sk(held.attempt, pulse.checkpoints)
        await self._turns.put_checkpoint(held.spot, sk, pulse.saved, pack_text(said[pulse.saved :]))
        pulse.saved, pulse.checkpoints = len(said), pulse.checkpoints + 1

    async def commit(self, claim: Claim, turn: Turn) -> None:
        held = _held(claim)
        packed = Packed.of(pack_turn(turn.prompt, turn.reply, turn.usage), claim.attempt)
        row = TurnRow(
            number=claim.number,
            response_id=turn.response_id,
            attempt=claim.attempt,
            state=turn.state,
            started=turn.started,
            hash=prompt_hash(turn.prompt),
            body=packed,
            error=turn.error,
        )
        stands = await self._turns.put(held.spot, row, claim.replaces)
        if not stands.same_writing(row):
            raise LeaseLost
        spent = held.thread.spent + turn.usage.tokens
        release = self._threads.release(held.spot, claim.attempt, claim.number, spent)
        self._do_later(held.spot, self._release(held, release))

    async def _release(self, held: Held, release: Coroutine[None, None, None]) -> None:
        await release
        await self._turns.discard(held.spot, held.kept)

    # ---- following and stopping

    async def follow(self, owner: str, thread_id: str, response_id: str) -> AsyncGenerator[str | Turn, None]:
        """Pieces come with checkpoints on; without them the whole answer comes when it is committed."""
        await self._settled(owner, thread_id)
        async with aclosing(self._following.follow(owner, thread_id, response_id)) as story:
            async for part in story:
                yield part

    async def stop(self, owner: str, thread_id: str, response_id: str | None) -> bool:
        await self._settled(owner, thread_id)
        thread = await self._thread(owner, thread_id)
        run = thread.alive(self._clock()) if thread else None
        if not thread or not run or response_id not in (None, run.response_id):
            return False
        spot = Spot(owner, thread_id, thread.generation)
        row = await self._turns.get(spot, thread.running_number)
        if row and row.attempt == run.attempt:
            return False
        return await self._threads.ask_to_stop(spot, run.attempt)

    # ---- threads

    async def threads(self, owner: str, *, cursor: str | None, limit: int) -> Page:
        """In the order of quarters of an hour, and exactly within a page."""
        await self._settled(owner)
        after = decode(cursor) if cursor is not None else None
        rows = await self._threads.page(owner, after, limit + 1)
        now, page = self._clock(), rows[:limit]
        threads = sorted((row.noun(now) for row in page), key=lambda one: (one.updated, one.id), reverse=True)
        more = len(rows) > limit
        return Page(tuple(threads), encode(page[-1].slot or 0, page[-1].id) if more else None)

    async def create(self, owner: str, thread_id: str, title: str) -> Thread:
        spot = Spot(owner, thread_id)
        row = await self._threads.create(spot, title)
        if not row.is_there(self._clock()):
            await self._opening.revive(spot, row, title)
            row = await self._existing(owner, thread_id)
        return row.noun(self._clock())

    async def load(self, owner: str, thread_id: str) -> tuple[Turn, ...]:
        await self._settled(owner, thread_id)
        thread = await self._existing(owner, thread_id)
        spot = Spot(owner, thread_id, thread.generation)
        rows, run = await self._turns.all(spot), thread.run
        if run is None or any(
            row.response_id == run.response_id and row.attempt != run.replaces for row in rows
        ):
            return await self._turns.nouns(spot, rows)
        before = await self._turns.nouns(spot, (row for row in rows if row.number < thread.running_number))
        return (*before, await self._following.shown(spot, run, thread))

    async def rename(self, owner: str, thread_id: str, title: str) -> Thread:
        row = await self._threads.rename(Spot(owner, thread_id), title)
        if row is None or not row.is_there(self._clock()):
            raise NotFound("There is no such conversation.")
        return row.noun(self._clock())

    async def delete(self, owner: str, thread_id: str) -> None:
        await self._settled(owner, thread_id)
        spot = Spot(owner, thread_id)
        row = await self._threads.get(spot)
        if row is None or not (row.sweep or row.is_there(self._clock())):
            raise NotFound("There is no such conversation.")
        if not row.gone:
            await self._threads.bury(spot, row)  # or somebody else does: then we sweep together
            row = await self._threads.get(spot)
        if row and row.sweep:
            await self._opening.sweep(spot, row)

    async def revise(self, owner: str, thread_id: str, response_id: str, content: str) -> None:
        await self._settled(owner, thread_id)
        sight = await self._following.look(owner, thread_id, response_id)
        revised = Packed.of(pack_text(content), self._token())
        if sight.row is None or not await self._turns.revise(sight.spot, sight.row, revised):
            raise NotFound("There is no such finished turn.")

    # ---- the rest

    async def settle(self) -> None:
        while self._later:
            await asyncio.wait(set(self._later))

    async def aclose(self) -> None:
        await self.settle()
        await self._calls.aclose()

    async def _thread(self, owner: str, thread_id: str) -> ThreadRow | None:
        row = await self._threads.get(Spot(owner, thread_id))
        return row if row and row.is_there(self._clock()) else None

    async def _existing(self, owner: str, thread_id: str) -> ThreadRow:
        row = await self._thread(owner, thread_id)
        if row is None:
            raise NotFound("There is no such conversation.")
        return row

    def _do_later(self, spot: Spot, work: Coroutine[Any, Any, None]) -> None:
        """Do it in the background. If it fails, the next open of the thread makes up for it."""

        async def quietly() -> None:
            with suppress(StoreUnavailable):
                await work

        task = asyncio.create_task(quietly())
        self._later[task] = spot.owner, spot.thread_id
        task.add_done_callback(self._later.pop)

    async def _settled(self, owner: str, thread_id: str | None = None) -> None:
        """Wait for what this process left for later on this thread (or on all of the owner's)."""
        mine = {
            task
            for task, (of, at) in self._later.items()
            if of == owner and (thread_id is None or at == thread_id)
        }
        if mine:
            await asyncio.wait(mine)


def _held(claim: Claim) -> Held:
    assert isinstance(claim, Held), "this claim is another store's"  # noqa: S101 - a bug, not weather
    return claim


def _entry(held: Held) -> Entry:
    reserve = estimated_tokens([*for_model(held.history), held.ask.prompt])
    return Entry(held.ask.owner, held.thread, held.attempt, reserve)
