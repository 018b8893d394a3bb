"""The ports of the memory store, each of whose changes is written before its method returns.

What another call can see may be a few milliseconds ahead of the file. So whatever shows turns waits for the
write that is on its way: nothing that was shown is lost with the process.
"""

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable
from contextlib import aclosing

from c1fn.errors import LeaseLost
from c1fn.stores import Claim, Opened
from c1fn.stores.memory.owners import MemoryOwners
from c1fn.stores.memory.shares import MemoryShares
from c1fn.stores.memory.state import Memory
from c1fn.stores.memory.threads import MemoryThreads
from c1fn.stores.memory.turns import MemoryTurns
from c1fn.stores.owners import Remnant, Restored, Tell, nobody
from c1fn.stores.shares import Share
from c1fn.stores.sqlite.writer import Writer
from c1fn.turn import Ask, Feedback, State, Thread, Turn, Until


class SqliteTurns(MemoryTurns):
    """``Turns`` that are written."""

    def __init__(
        self,
        memory: Memory,
        writer: Writer,
        sleep: Callable[[float], Awaitable[None]],
        token: Callable[[], str],
    ) -> None:
        super().__init__(memory, sleep, token)
        self._keeping, self._written = writer.keeping, writer.written

    async def open(self, ask: Ask, *, history: int) -> Opened:
        opened: Opened | None = None
        try:
            async with self._keeping(ask.owner, ask.thread_id):
                opened = await super().open(ask, history=history)
        except BaseException:
            if isinstance(opened, Claim):
                self._give_up(opened)
            raise
        return opened

    def _give_up(self, claim: Claim) -> None:
        """It is not written that the turn has begun, so nobody runs it: the next request may."""
        self._memory.settle(claim, 0)
        thread, run = self._mine(claim)
        thread.end(run, run.turn(State.INTERRUPTED))

    async def renew(self, claim: Claim, said: str) -> bool:
        async with self._keeping(claim.ask.owner, claim.ask.thread_id):
            return await super().renew(claim, said)

    async def commit(self, claim: Claim, turn: Turn) -> None:
        """Again, if it could not be written: then memory has it already."""
        async with self._keeping(claim.ask.owner, claim.ask.thread_id):
            try:
                await super().commit(claim, turn)
            except LeaseLost:
                if not self._has(claim, turn):
                    raise

    def _has(self, claim: Claim, turn: Turn) -> bool:
        thread = self._memory.find(claim.ask.owner, claim.ask.thread_id)
        stored = zip(thread.attempts, thread.turns, strict=True) if thread else ()
        return (claim.attempt, turn) in stored

    async def follow(self, owner: str, thread_id: str, response_id: str) -> AsyncGenerator[str | Turn, None]:
        async with aclosing(super().follow(owner, thread_id, response_id)) as story:
            async for part in story:
                if isinstance(part, Turn):
                    await self._written()
                yield part

    async def stop(self, owner: str, thread_id: str, response_id: str | None) -> bool:
        async with self._keeping(owner, thread_id):
            return await super().stop(owner, thread_id, response_id)


class SqliteThreads(MemoryThreads):
    """``Threads`` that are written."""

    def __init__(self, memory: Memory, writer: Writer, token: Callable[[], str]) -> None:
        super().__init__(memory, token)
        self._keeping, self._written = writer.keeping, writer.written

    async def create(self, owner: str, thread_id: str, title: str) -> Thread:
        async with self._keeping(owner, thread_id):
            return await super().create(owner, thread_id, title)

    async def load(
        self, owner: str, thread_id: str, *, before: int | None = None, limit: int | None = None
    ) -> tuple[Turn, ...]:
        await self._written()
        return await super().load(owner, thread_id, before=before, limit=limit)

    async def rename(self, owner: str, thread_id: str, title: str) -> Thread:
        async with self._keeping(owner, thread_id):
            return await super().rename(owner, thread_id, title)

    async def retitle(self, owner: str, thread_id: str, old: str, new: str) -> None:
        async with self._keeping(owner, thread_id):
            await super().retitle(owner, thread_id, old, new)

    async def delete(self, owner: str, thread_id: str) -> None:
        async with self._keeping(owner, thread_id):
            await super().delete(owner, thread_id)

    async def fork(self, owner: str, thread_id: str, new_id: str, until: Until) -> Thread:
        async with self._keeping(owner, new_id):
            return await super().fork(owner, thread_id, new_id, until)

    async def revise(self, owner: str, thread_id: str, response_id: str, content: str) -> None:
        async with self._keeping(owner, thread_id):
            await super().revise(owner, thread_id, response_id, content)

    async def rate(self, owner: str, thread_id: str, response_id: str, feedback: Feedback | None) -> None:
        async with self._keeping(owner, thread_id):
            await super().rate(owner, thread_id, response_id, feedback)


class SqliteShares(MemoryShares):
    """``Shares`` that are written."""

    def __init__(self, memory: Memory, writer: Writer, token: Callable[[], str]) -> None:
        super().__init__(memory, token)
        self._keeping, self._write = writer.keeping, writer.write

    async def create(self, owner: str, thread_id: str, seconds: float) -> Share:
        async with self._keeping(owner, thread_id):
            return await super().create(owner, thread_id, seconds)

    async def revoke(self, owner: str, token: str) -> None:
        await super().revoke(owner, token)
        await self._write()

    async def view(self, token: str, *, before: int | None, limit: int) -> tuple[Share, tuple[Turn, ...]]:
        seen = await super().view(token, before=before, limit=limit)
        await self._write()
        return seen


class SqliteOwners(MemoryOwners):
    """``Owners`` whose changes are written."""

    def __init__(self, memory: Memory, writer: Writer) -> None:
        super().__init__(memory)
        self._keeping = writer.keeping

    async def erase(self, owner: str, tell: Tell = nobody) -> AsyncGenerator[Remnant, None]:
        mine = [at for of, at in (*self._memory.threads, *self._memory.deleted) if of == owner]
        async with self._keeping(owner, *mine):
            left = [remnant async for remnant in super().erase(owner, tell)]
        for remnant in left:
            yield remnant

    async def restore(self, owner: str, thread: Thread, turns: AsyncIterable[Turn]) -> Restored:
        async with self._keeping(owner, thread.id):
            return await super().restore(owner, thread, turns)
