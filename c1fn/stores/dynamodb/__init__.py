"""Threads in one DynamoDB table: the store that loses nothing.

The thread's row is the lock; a turn's row, written once on a condition, is the truth. `rows` says what
stands in the table, `shelf` reads and writes it, `opening` begins turns, and here is the port.
docs/store.md tells why it is safe and what it costs.
"""

import asyncio
import random
import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from c1fn.errors import DamagedRow, LeaseLost, NotFound, StoreUnavailable
from c1fn.stores import LEASE, Claim, Opened
from c1fn.stores.cursor import decode, encode
from c1fn.stores.dynamodb.calls import Calls, connect
from c1fn.stores.dynamodb.opening import Held, Opening
from c1fn.stores.dynamodb.pack import pack_text, pack_turn, unpack_turn
from c1fn.stores.dynamodb.rows import (
    Packed,
    Run,
    ThreadRow,
    TurnRow,
    checkpoint_sk,
    prompt_hash,
)
from c1fn.stores.dynamodb.shelf import Shelf, Spot
from c1fn.turn import Ask, Message, Page, State, Thread, Turn

__all__ = ["DynamoStore", "connect"]

LEASE_WRITES = 10.0
"""Seconds between two writes of a lease: two may fail before it is over."""

LISTENING = 0.9
"""Seconds between two looks for a stop. The first comes a second after the claim."""

FOLLOWING = 1.0
"""Seconds between two looks of a follower."""


class DynamoStore:
    """A ``Store`` in DynamoDB.

    :param client: see ``connect``; it is closed with the store.
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
        retention_days: int = 0,
        checkpoints: bool = False,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
        token: Callable[[], str] = lambda: secrets.token_urlsafe(12),
    ) -> None:
        self._calls = Calls(client, table, sleep=sleep, jitter=jitter)
        self._shelf = Shelf(self._calls, clock, retention_days)
        self._opening = Opening(self._shelf, clock, token)
        self._checkpoints = checkpoints
        self._clock = clock
        self._sleep = sleep
        self._token = token
        self._later: dict[asyncio.Task[None], tuple[str, str]] = {}

    # ---- a turn

    async def open(self, ask: Ask, *, history: int) -> Opened:
        await self._settled(ask.owner, ask.thread_id)
        bid = self._opening.bid(ask, history)
        try:
            return await self._opening.open(bid)
        except BaseException:
            self._do_later(bid.spot, self._opening.abandon(bid))
            raise

    async def renew(self, claim: Claim, said: str) -> bool:
        held = _held(claim)
        pulse, now = held.pulse, self._clock()
        if self._checkpoints and len(said) > pulse.saved:
            await self._save(held, said)
        if now - pulse.renewed >= LEASE_WRITES:
            run = await self._shelf.renew(held.spot, held.attempt, now + LEASE)
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
        for look in (self._shelf.glance, self._shelf.thread):
            row = await look(held.spot)
            if row and row.run and row.run.attempt == held.attempt:
                return row.run
        return None

    async def _save(self, held: Held, said: str) -> None:
        """Keep what was said since the last checkpoint. One that fails is written again, and longer."""
        pulse = held.pulse
        sk = checkpoint_sk(held.attempt, pulse.checkpoints)
        await self._shelf.put_checkpoint(held.spot, sk, pulse.saved, pack_text(said[pulse.saved :]))
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
        stands = await self._shelf.put_turn(held.spot, row, claim.replaces)
        if not stands.same_writing(row):
            raise LeaseLost
        self._do_later(held.spot, self._shelf.release(held.spot, claim.attempt, claim.number))

    # ---- following and stopping

    async def follow(self, owner: str, thread_id: str, response_id: str) -> AsyncGenerator[str | Turn, None]:
        """Pieces come with checkpoints on; without them the whole answer comes when it is committed."""
        await self._settled(owner, thread_id)
        sent = ""
        seen: _Sight | None = None
        while True:
            sight = await self._look(owner, thread_id, response_id)
            if seen and sent and sight.attempt != seen.attempt:
                sight = replace(seen, alive=False) if not sight.row else sight
            if not sight.alive:
                break
            seen = sight
            async for piece in self._growth(sight, len(sent)):
                sent += piece
                yield piece
            await self._sleep(FOLLOWING)
        turn = await self._ending(sight if sight.row or sight.run else seen)
        if turn.answer.startswith(sent) and turn.answer != sent:
            yield turn.answer[len(sent) :]
        yield turn

    async def _look(self, owner: str, thread_id: str, response_id: str) -> "_Sight":
        thread = await self._thread(owner, thread_id)
        if thread is None:
            return _Sight(Spot(owner, thread_id), 0, None, None, alive=False)
        spot = Spot(owner, thread_id, thread.generation)
        row = await self._shelf.find_turn(spot, response_id)
        run = thread.run if thread.run and thread.run.response_id == response_id else None
        over = row is not None and (row.answered or run is None or row.attempt == run.attempt)
        if over:
            run = None
        alive = run is not None and run.until > self._clock()
        return _Sight(spot, thread.running_number, run, row if over else None, alive=alive)

    async def _growth(self, sight: "_Sight", sent: int) -> AsyncGenerator[str, None]:
        """What a running answer has grown by."""
        run = sight.run
        if not self._checkpoints or run is None:
            return
        first, last = checkpoint_sk(run.attempt, 0), checkpoint_sk(run.attempt, 999_999)
        for at, text in await self._shelf.checkpoints(sight.spot, first, last):
            piece = text[max(0, sent - at) :]
            if at <= sent and piece:
                sent += len(piece)
                yield piece

    async def _ending(self, sight: "_Sight | None") -> Turn:
        if sight and sight.row:
            return await self._shelf.noun(sight.spot, sight.row)
        if sight and sight.run:
            return await self._opening.ended(sight.spot, sight.run, sight.number)
        raise NotFound("There is no such turn.")

    async def stop(self, owner: str, thread_id: str, response_id: str | None) -> bool:
        await self._settled(owner, thread_id)
        thread = await self._thread(owner, thread_id)
        run = thread.alive(self._clock()) if thread else None
        if not thread or not run or response_id not in (None, run.response_id):
            return False
        spot = Spot(owner, thread_id, thread.generation)
        row = await self._shelf.turn(spot, thread.running_number)
        if row and row.attempt == run.attempt:
            return False
        return await self._shelf.ask_to_stop(spot, run.attempt)

    # ---- threads

    async def threads(self, owner: str, *, cursor: str | None, limit: int) -> Page:
        await self._settled(owner)
        after = decode(cursor) if cursor is not None else None
        items = await self._shelf.recent(owner, after, limit + 1)
        now = self._clock()
        page = [ThreadRow.read(item).noun(now) for item in items[:limit]]
        page.sort(key=lambda thread: (thread.updated, thread.id), reverse=True)
        if len(items) <= limit:
            return Page(tuple(page), None)
        last = items[limit - 1]
        return Page(tuple(page), encode(int(last["slot"]["N"]), last["sk"]["S"]))

    async def create(self, owner: str, thread_id: str, title: str) -> Thread:
        spot = Spot(owner, thread_id)
        row = await self._shelf.put_thread(spot, title)
        if not row.is_there(self._clock()):
            await self._shelf.revive(spot, row, title)
            row = await self._existing(owner, thread_id)
        return row.noun(self._clock())

    async def load(self, owner: str, thread_id: str) -> tuple[Turn, ...]:
        await self._settled(owner, thread_id)
        thread = await self._existing(owner, thread_id)
        spot = Spot(owner, thread_id, thread.generation)
        rows = await self._shelf.all(spot)
        run, number = thread.run, thread.running_number
        if not run or any(row.number >= number and row.attempt != run.replaces for row in rows):
            return await self._shelf.nouns(spot, rows)
        before = await self._shelf.nouns(spot, (row for row in rows if row.number < number))
        return (*before, await self._shown(spot, thread, run))

    async def _shown(self, spot: Spot, thread: ThreadRow, run: Run) -> Turn:
        """The turn that runs, or that died and was not buried yet."""
        try:
            if not thread.alive(self._clock()):
                return await self._opening.ended(spot, run, thread.running_number)
            prompt, _, _ = unpack_turn(await self._shelf.fetch(spot, run.prompt))
        except DamagedRow as damaged:
            prompt = Message("user", "")
            state, error = State.FAILED, damaged.code
            return Turn(thread.running_number, run.response_id, state, prompt, run.started, error=error)
        return Turn(thread.running_number, run.response_id, State.RUNNING, prompt, run.started)

    async def rename(self, owner: str, thread_id: str, title: str) -> Thread:
        row = await self._shelf.rename(Spot(owner, thread_id), title)
        if row is None or not row.is_there(self._clock()):
            raise NotFound("There is no such conversation.")
        return row.noun(self._clock())

    async def delete(self, owner: str, thread_id: str) -> None:
        await self._settled(owner, thread_id)
        spot = Spot(owner, thread_id)
        row = await self._shelf.thread(spot)
        if row is None or not (row.sweep or row.is_there(self._clock())):
            raise NotFound("There is no such conversation.")
        if not row.gone and not await self._shelf.bury(spot, row):
            row = await self._shelf.thread(spot)
            if row is None or not row.sweep:
                return
        await self._shelf.sweep(replace(spot, generation=row.generation), row)

    async def revise(self, owner: str, thread_id: str, response_id: str, content: str) -> None:
        await self._settled(owner, thread_id)
        sight = await self._look(owner, thread_id, response_id)
        if sight.row is None:
            raise NotFound("There is no such finished turn.")
        revised = Packed.of(pack_text(content), self._token())
        if not await self._shelf.revise(sight.spot, sight.row, revised):
            raise NotFound("There is no such finished turn.")

    # ---- the rest

    async def settle(self) -> None:
        while self._later:
            await asyncio.wait(set(self._later))

    async def aclose(self) -> None:
        await self.settle()
        await self._calls.aclose()

    async def _thread(self, owner: str, thread_id: str) -> ThreadRow | None:
        row = await self._shelf.thread(Spot(owner, thread_id))
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


@dataclass(frozen=True, slots=True)
class _Sight:
    """What is to be seen of one turn: its row if it is over, else its run, which lives or does not."""

    spot: Spot
    number: int
    run: Run | None
    row: TurnRow | None
    alive: bool

    @property
    def attempt(self) -> str | None:
        return self.row.attempt if self.row else self.run.attempt if self.run else None


def _held(claim: Claim) -> Held:
    assert isinstance(claim, Held), "this claim is another store's"  # noqa: S101 - a bug, not weather
    return claim
