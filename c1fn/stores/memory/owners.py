"""All that one owner has in memory: what is left, erased, restored."""

from collections.abc import AsyncGenerator, AsyncIterable
from dataclasses import replace

from c1fn.stores import DAY
from c1fn.stores.memory.state import Conversation, Memory
from c1fn.stores.owners import Remnant, Restored, Tell, nobody
from c1fn.turn import State, Thread, Turn


class MemoryOwners:
    """``Owners`` in memory."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def remains(self, owner: str, tell: Tell = nobody) -> AsyncGenerator[Remnant, None]:
        memory = self._memory
        for (of, thread_id), thread in list(memory.threads.items()):
            if of == owner:
                yield Remnant("thread", thread_id, None)
                for turn in thread.turns:
                    yield Remnant("turn", f"{thread_id} {turn.number}", None)
        for (of, thread_id), (when, _) in list(memory.deleted.items()):
            if of == owner:
                yield Remnant("tombstone", thread_id, when + DAY)
        for token, link in list(memory.links.items()):
            if link.owner == owner:
                yield Remnant("share", token, link.share.expires)
        if owner in memory.used:
            yield Remnant("usage", owner, None)
        tell("threads", len(memory.threads))

    async def erase(self, owner: str, tell: Tell = nobody) -> AsyncGenerator[Remnant, None]:
        memory, now = self._memory, self._memory.clock()
        mine = {at: thread for (of, at), thread in memory.threads.items() if of == owner}
        for thread_id, thread in mine.items():
            memory.delete(owner, thread_id)
            if thread.updated <= now - DAY:
                del memory.deleted[owner, thread_id]
        memory.deleted = {
            key: gone for key, gone in memory.deleted.items() if key[0] != owner or gone[0] > now - DAY
        }
        memory.links = {token: link for token, link in memory.links.items() if link.owner != owner}
        memory.used.pop(owner, None)
        tell("threads", len(mine))
        async for left in self.remains(owner):
            yield left

    async def restore(self, owner: str, thread: Thread, turns: AsyncIterable[Turn]) -> Restored:
        restored = Conversation(thread.title, thread.created, thread.updated, source=thread.source)
        async for turn in turns:
            number = len(restored.turns) + 1
            state = State.INTERRUPTED if turn.state is State.RUNNING else turn.state
            restored.turns.append(replace(turn, number=number, state=state))
            restored.attempts.append(f"restored {number}")
        if self._memory.find(owner, thread.id):
            return "exists"
        self._memory.threads[owner, thread.id] = restored
        return "restored"
