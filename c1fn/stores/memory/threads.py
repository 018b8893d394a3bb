"""Threads in memory, as people see them: listed, created, loaded, renamed, deleted, and their forms saved."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from c1fn.errors import Busy, NotFound, ThreadExists, TooLarge
from c1fn.stores import FORK_TURNS, kilobytes
from c1fn.stores.cursor import decode, encode
from c1fn.stores.memory.state import Conversation, Memory
from c1fn.turn import Feedback, Page, Source, State, Thread, Turn, Until


class MemoryThreads:
    """``Threads`` in memory."""

    def __init__(self, memory: Memory, token: Callable[[], str]) -> None:
        self._memory = memory
        self._token = token

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
        self._memory.write(owner, kilobytes(title))
        return self._memory.begin(owner, thread_id, title).shown(thread_id, self._memory.clock())

    async def load(
        self, owner: str, thread_id: str, *, before: int | None = None, limit: int | None = None
    ) -> tuple[Turn, ...]:
        turns = self._turns(self._memory.get(owner, thread_id))
        older = turns if before is None else turns[: max(0, before - 1)]
        return tuple(older if limit is None else older[max(0, len(older) - limit) :])

    def _turns(self, thread: Conversation) -> Sequence[Turn]:
        """Those of a thread, the running one last."""
        if not thread.run:
            return thread.turns
        state = State.RUNNING if thread.alive(self._memory.clock()) else State.INTERRUPTED
        return [*thread.turns[: thread.run.claim.number - 1], thread.run.turn(state)]

    async def rename(self, owner: str, thread_id: str, title: str) -> Thread:
        thread = self._memory.get(owner, thread_id)
        self._memory.write(owner, kilobytes(title))
        thread.title = title
        return thread.shown(thread_id, self._memory.clock())

    async def retitle(self, owner: str, thread_id: str, old: str, new: str) -> None:
        thread = self._memory.find(owner, thread_id)
        if thread and thread.title == old:
            thread.title = new

    async def delete(self, owner: str, thread_id: str) -> None:
        self._memory.delete(owner, thread_id)

    async def fork(self, owner: str, thread_id: str, new_id: str, until: Until) -> Thread:
        now, made = self._memory.clock(), self._memory.find(owner, new_id)
        if made:
            if not made.was_forked(thread_id, until):
                raise ThreadExists
            return made.shown(new_id, now)
        gone = self._memory.gone(owner, new_id)
        if gone and gone.was_forked(thread_id, until):
            raise NotFound("This conversation was deleted.")
        thread = self._memory.get(owner, thread_id)
        turns = _taken(self._turns(thread), until)
        self._memory.write(owner, 1 + sum(kilobytes(turn.prompt.content + turn.visible) for turn in turns))
        made = self._memory.begin(owner, new_id, thread.title)
        made.turns = [replace(turn, feedback=None) for turn in turns]
        made.attempts = [self._token()] * len(turns)
        made.source = Source(thread_id, turns[-1].response_id if turns else None)
        made.until = until
        return made.shown(new_id, now)

    async def revise(self, owner: str, thread_id: str, response_id: str, content: str) -> None:
        thread, turn = self._finished(owner, thread_id, response_id)
        self._memory.write(owner, kilobytes(content))
        thread.turns[turn.number - 1] = replace(turn, revised=content)

    async def rate(self, owner: str, thread_id: str, response_id: str, feedback: Feedback | None) -> None:
        thread, turn = self._finished(owner, thread_id, response_id)
        self._memory.write(owner, kilobytes((feedback and feedback.comment) or ""))
        thread.turns[turn.number - 1] = replace(turn, feedback=feedback)

    def _finished(self, owner: str, thread_id: str, response_id: str) -> tuple[Conversation, Turn]:
        thread = self._memory.get(owner, thread_id)
        turn = thread.find(response_id)
        if not turn or (thread.run and thread.run.claim.number == turn.number):
            raise NotFound("There is no such finished turn.")
        return thread, turn


def _taken(turns: Sequence[Turn], until: Until) -> Sequence[Turn]:
    """The turns that such a fork takes.

    :raises C1fnError: it cannot be made.
    """
    end = len(turns)
    if until.response_id is not None:
        found = (at for at, turn in enumerate(turns) if turn.response_id == until.response_id)
        if (at := next(found, None)) is None:
            raise NotFound("There is no such answer in this conversation.")
        end = at + until.taken
    if end > FORK_TURNS:
        raise TooLarge(
            f"A fork takes {FORK_TURNS} turns at most. Take fewer of them: fork through an earlier one."
        )
    if end and turns[end - 1].state is State.RUNNING:
        raise Busy
    return turns[:end]


def _place(thread: Thread) -> tuple[float, str]:
    return thread.updated, thread.id
