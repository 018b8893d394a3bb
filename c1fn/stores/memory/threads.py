"""Threads in memory, as people see them: listed, created, loaded, renamed, deleted, and their forms saved."""

from dataclasses import replace

from c1fn.errors import NotFound
from c1fn.stores.cursor import decode, encode
from c1fn.stores.memory.state import Memory
from c1fn.turn import Page, State, Thread, Turn


class MemoryThreads:
    """``Threads`` in memory."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def page(self, owner: str, *, cursor: str | None, limit: int) -> Page:
        now = self._memory.clock()
        mine = [thread.shown(at, now) for (of, at), thread in self._memory.threads.items() if of == owner]
        mine.sort(key=_place, reverse=True)
        if cursor is not None:
            after = decode(cursor)
            mine = [thread for thread in mine if _place(thread) < after]
        page = tuple(mine[:limit])
        return Page(page, encode(*_place(page[-1])) if len(mine) > limit else None)

    async def create(self, owner: str, thread_id: str, title: str) -> Thread:
        return self._memory.begin(owner, thread_id, title).shown(thread_id, self._memory.clock())

    async def load(
        self, owner: str, thread_id: str, *, before: int | None = None, limit: int | None = None
    ) -> tuple[Turn, ...]:
        thread = self._memory.get(owner, thread_id)
        turns = thread.turns
        if thread.run:
            state = State.RUNNING if thread.alive(self._memory.clock()) else State.INTERRUPTED
            turns = [*turns[: thread.run.claim.number - 1], thread.run.turn(state)]
        older = turns if before is None else turns[: max(0, before - 1)]
        return tuple(older if limit is None else older[max(0, len(older) - limit) :])

    async def rename(self, owner: str, thread_id: str, title: str) -> Thread:
        thread = self._memory.get(owner, thread_id)
        thread.title = title
        return thread.shown(thread_id, self._memory.clock())

    async def delete(self, owner: str, thread_id: str) -> None:
        self._memory.delete(owner, thread_id)

    async def revise(self, owner: str, thread_id: str, response_id: str, content: str) -> None:
        thread = self._memory.get(owner, thread_id)
        turn = thread.find(response_id)
        if not turn or (thread.run and thread.run.claim.number == turn.number):
            raise NotFound("There is no such finished turn.")
        thread.turns[turn.number - 1] = replace(turn, revised=content)


def _place(thread: Thread) -> tuple[float, str]:
    return thread.updated, thread.id
