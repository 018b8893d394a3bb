"""A turn in memory: opened, renewed, committed; followed and stopped. Followers sleep until it changes."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace

from c1fn.errors import Busy, LeaseLost, Mismatch, NotFound
from c1fn.stores import LEASE, Claim, Opened, Replay, Running, resuming
from c1fn.stores.memory.state import Conversation, Memory, Run
from c1fn.turn import ANSWERED, Ask, Message, State, Turn, title_of


class MemoryTurns:
    """``Turns`` in memory."""

    def __init__(
        self, memory: Memory, sleep: Callable[[float], Awaitable[None]], token: Callable[[], str]
    ) -> None:
        self._memory = memory
        self._sleep = sleep
        self._token = token

    async def open(self, ask: Ask, *, history: int) -> Opened:
        thread, now = self._memory.find(ask.owner, ask.thread_id), self._memory.clock()
        if thread is None:
            gone = self._memory.gone(ask.owner, ask.thread_id)
            if gone and ask.response_id in gone.asked:
                raise NotFound("This conversation was deleted.")
            return self._claim(ask, None, history)
        known = thread.find(ask.response_id)
        own = thread.run if thread.run and thread.run.ask.response_id == ask.response_id else None
        asked = own.ask.prompt if own else known.prompt if known else ask.prompt
        if _same(asked) != _same(ask.prompt):
            raise Mismatch
        if own and thread.alive(now):
            return Running(own.claim.number)
        if known and known.state in ANSWERED:
            return Replay(known)
        is_reserved = own is None and thread.is_reserved(ask.response_id, now)
        if thread.run and not thread.alive(now) and not is_reserved:
            thread.end(thread.run, thread.run.turn(State.INTERRUPTED))
        known = thread.find(ask.response_id)
        if known and (thread.run or known.number < len(thread.turns)):
            return Replay(known)
        if thread.run or is_reserved:
            raise Busy
        return self._claim(ask, thread, history, again=known)

    def _claim(self, ask: Ask, thread: Conversation | None, history: int, again: Turn | None = None) -> Claim:
        """:raises C1fnError: its owner may not begin a turn; then there is no new thread either."""
        now, turns = self._memory.clock(), thread.turns if thread else []
        number = again.number if again else len(turns) + 1
        newest, source = turns[number - 2] if number > 1 else None, thread.source if thread else None
        waiting = resuming.resumed(ask.prompt, newest, source, again.started if again else now)
        end = number - 1 - (waiting is not None)
        before = tuple(turns[max(0, end - history) : end])
        replaces = thread.attempts[number - 1] if thread and again else None
        claim = Claim(ask, number, self._token(), now, before, replaces)
        if waiting:
            claim = replace(claim, waiting=waiting, earlier=again)
        self._memory.count(claim)
        thread = thread or self._memory.begin(ask.owner, ask.thread_id, title_of(ask.prompt))
        thread.run = Run(claim, now + LEASE)
        if not thread.is_reserved(ask.response_id, now):
            thread.next = None
        thread.updated = now
        return claim

    async def renew(self, claim: Claim, said: str) -> bool:
        _, run = self._mine(claim)
        run.lease_until = self._memory.clock() + LEASE
        self._memory.extend(claim, run.lease_until)
        if said != run.said:
            run.said = said
            run.wake()
        return run.stop

    async def commit(self, claim: Claim, turn: Turn) -> None:
        self._memory.settle(claim, turn.usage.tokens)
        thread, run = self._mine(claim)
        thread.end(run, turn)
        thread.updated = self._memory.clock()

    async def reserve(self, ask: Ask) -> bool:
        thread, now = self._memory.get(ask.owner, ask.thread_id), self._memory.clock()
        run = thread.alive(now)
        if run and run.ask.response_id == ask.response_id:
            return True
        if thread.is_reserved(ask.response_id, now):
            raise Busy
        if run is None:
            return True
        thread.next = ask.response_id, now + LEASE
        return False

    async def unreserve(self, ask: Ask) -> None:
        thread = self._memory.find(ask.owner, ask.thread_id)
        if thread and thread.next and thread.next[0] == ask.response_id:
            thread.next = None

    async def follow(self, owner: str, thread_id: str, response_id: str) -> AsyncGenerator[str | Turn, None]:
        thread = self._memory.get(owner, thread_id)
        sent = ""
        run = thread.run if thread.run and thread.run.ask.response_id == response_id else None
        if run:
            with self._memory.following(owner):
                while thread.run is run and self._memory.clock() < run.lease_until:
                    if len(run.said) > len(sent):
                        piece, sent = run.said[len(sent) :], run.said
                        yield piece
                    else:
                        await self._change(run)
        if self._memory.find(owner, thread_id) is not thread:
            raise NotFound("This conversation was deleted.")
        turn = run.turn(State.INTERRUPTED) if run and thread.run is run else thread.find(response_id)
        if turn is None:
            raise NotFound("There is no such turn.")
        if turn.answer.startswith(sent) and turn.answer != sent:
            yield turn.answer[len(sent) :]
        yield turn

    async def _change(self, run: Run) -> None:
        """Wait for something new of this run, or for the end of its lease."""
        waits = [
            asyncio.ensure_future(run.changed.wait()),
            asyncio.ensure_future(self._sleep(run.lease_until - self._memory.clock())),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def stop(self, owner: str, thread_id: str, response_id: str | None) -> bool:
        thread = self._memory.find(owner, thread_id)
        run = thread.alive(self._memory.clock()) if thread else None
        if not run or response_id not in (None, run.ask.response_id):
            return False
        run.stop = True
        return True

    def _mine(self, claim: Claim) -> tuple[Conversation, Run]:
        """The thread and the run of a claim that still holds, also past its lease if nobody looked."""
        thread = self._memory.find(claim.ask.owner, claim.ask.thread_id)
        if not thread or not thread.run or thread.run.claim.attempt != claim.attempt:
            raise LeaseLost
        return thread, thread.run


def _same(prompt: Message) -> object:
    """What makes a prompt the same: not the id that the client gave the message."""
    return prompt.role, prompt.content, prompt.resume
