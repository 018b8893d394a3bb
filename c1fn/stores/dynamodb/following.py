"""Follows one turn from any process: reads its row, or its lock and the checkpoints of its answer.

A follower sets a flag in the lock; the process that runs the turn sees it at its next renewal, and then
writes checkpoints. So a turn without followers costs nothing extra. A follower's reads are strongly
consistent: followers are rare, and must not miss the end.
"""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing, suppress
from dataclasses import dataclass

from c1fn.errors import DamagedRow, NotFound, TooManyAtOnce
from c1fn.stores.dynamodb.access import Access
from c1fn.stores.dynamodb.calls import result_of
from c1fn.stores.dynamodb.keys import ThreadKey, fence_of
from c1fn.stores.dynamodb.lock import Lock
from c1fn.stores.dynamodb.pack import Packed, pack_turn, unpack_turn
from c1fn.stores.dynamodb.rows import ThreadRow, TurnRow
from c1fn.turn import Message, State, Turn

FOLLOWING = 0.3
"""Seconds between two looks of a follower. A turn writes each second what it says, so a follower is at most
1.3 seconds behind, and the time of four calls: the turn's look and its write, and two reads of a look here.
So it is 1.5 seconds where a call takes 50 ms; DynamoDB takes less than 10."""


@dataclass(frozen=True, slots=True)
class Sight:
    """One turn, seen once: its row, if that is final, or else the lock of who runs it, alive or not.

    ``gone``: there is no such thread.
    """

    key: ThreadKey
    number: int = 0
    row: TurnRow | None = None
    lock: Lock | None = None
    alive: bool = False
    gone: bool = False


class Following:
    """Reads turns that run, perhaps in another process."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def look(self, owner: str, thread_id: str, response_id: str) -> Sight:
        """What there is of this turn now: its row, or the lock under which it runs."""
        key = ThreadKey(owner, thread_id)
        thread = await self._access.threads.get(key)
        if thread is None or not thread.is_there(self._access.clock(), self._access.retention):
            return Sight(key, gone=True)
        key = key.of(thread)
        row = await self._access.turns.find(key, response_id)
        lock = thread.lock if thread.lock and thread.lock.response_id == response_id else None
        if row and (row.answered or lock is None or row.attempt == lock.attempt):
            return Sight(key, row.number, row)
        if lock is None:
            return Sight(key)
        return Sight(key, thread.running_number, None, lock, lock.until > self._access.clock())

    async def follow(self, owner: str, thread_id: str, response_id: str) -> AsyncGenerator[str | Turn, None]:
        """Pieces of the answer from its beginning, then the turn.

        :raises NotFound: no such turn, or not any more.
        :raises TooManyAtOnce: its owner follows as many turns as he may.
        """
        sight = await self.look(owner, thread_id, response_id)
        waits = sight.lock is not None and sight.alive
        followers, token = self._access.followers if waits else None, self._access.token()
        beginning = asyncio.create_task(followers.begin(owner, token)) if followers else None
        try:
            if beginning:
                await result_of(beginning)
            async with aclosing(self._story(sight, owner, thread_id, response_id)) as story:
                async for part in story:
                    yield part
        finally:
            if followers and beginning:
                self._access.later.do(sight.key, _left(beginning, followers.end(owner, token)))

    async def _story(
        self, sight: Sight, owner: str, thread_id: str, response_id: str
    ) -> AsyncGenerator[str | Turn, None]:
        sent = ""
        said = await self._said(sight)
        while sight.lock and sight.alive:
            if not sight.lock.followed:
                await self._access.locks.ask_to_follow(sight.key, sight.lock.attempt)
            if len(said) > len(sent):
                piece, sent = said[len(sent) :], said
                yield piece
            await self._access.sleep(FOLLOWING)
            seen = sight
            sight, said = await asyncio.gather(self.look(owner, thread_id, response_id), self._said(seen))
            if sight.gone or sight.key != seen.key:
                raise NotFound("This conversation was deleted.")
            same = sight.lock and seen.lock and sight.lock.attempt == seen.lock.attempt
            if sight.row is None and not same:
                sight = Sight(seen.key, seen.number, None, seen.lock)  # begun anew
        if sight.row:
            turn = await self._access.turns.noun(sight.key, sight.row)
        elif sight.lock:
            turn = await self.ended(sight.key, sight.lock, sight.number)
        else:
            raise NotFound("There is no such turn.")
        if turn.answer.startswith(sent) and turn.answer != sent:
            yield turn.answer[len(sent) :]
        yield turn

    async def _said(self, sight: Sight) -> str:
        """What a running turn has written of its answer."""
        if sight.lock is None or not sight.alive:
            return ""
        return await self._access.texts.checkpoints(sight.key, sight.lock.attempt)

    async def ended(self, key: ThreadKey, lock: Lock, number: int) -> Turn:
        """A turn whose end nobody wrote, as an interrupted one. A long prompt that was not written before its
        machine died was not acknowledged either: it is empty.
        """
        prompt = await self._prompt(key, lock) or Message("user", "")
        return await self._drafted(key, lock, number, State.INTERRUPTED, prompt)

    async def fenced(self, key: ThreadKey, lock: Lock, number: int) -> TurnRow:
        """The row of such a turn."""
        turn, attempt = await self.ended(key, lock, number), fence_of(lock.attempt)
        body = Packed.of(pack_turn(turn.prompt, turn.reply, turn.usage), attempt)
        return TurnRow(number, lock.response_id, attempt, turn.state, lock.started, lock.hash, body)

    async def shown(self, key: ThreadKey, lock: Lock, thread: ThreadRow) -> Turn | None:
        """The turn that runs, or that died and was not closed yet; None: its prompt is not there."""
        state = State.RUNNING if thread.alive(self._access.clock()) else State.INTERRUPTED
        prompt = await self._prompt(key, lock)
        number = thread.running_number
        return await self._drafted(key, lock, number, state, prompt) if prompt else None

    async def _drafted(self, key: ThreadKey, lock: Lock, number: int, state: State, prompt: Message) -> Turn:
        """A turn without a row: its prompt, and what its checkpoints hold of the answer."""
        said = await self._access.texts.checkpoints(key, lock.attempt)
        reply = (Message("assistant", said, id=lock.response_id),) if said else ()
        return Turn(number, lock.response_id, state, prompt, lock.started, reply)

    async def _prompt(self, key: ThreadKey, lock: Lock) -> Message | None:
        if lock.prompt:
            with suppress(DamagedRow):
                return unpack_turn(await self._access.texts.read(key, lock.prompt))[0]
        return None


async def _left(beginning: asyncio.Task[None], end: Coroutine[None, None, None]) -> None:
    """Give a follower's place back, if it was taken: also where that is not known, or not over yet."""
    await asyncio.wait({beginning})
    if beginning.cancelled() or isinstance(beginning.exception(), TooManyAtOnce):
        end.close()
    else:
        await end
