"""A clock that stands still until a test moves it, and whose sleepers wake in order."""

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")

START = 1_800_000_000.0  # a multiple of 15 minutes, so that tests know where a quarter of an hour begins


class Clockwork:
    """``clock`` and ``sleep`` are what a store is given."""

    def __init__(self) -> None:
        self.now = START
        self._asleep = asyncio.Event()
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        alarm: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + seconds, next(self._order), alarm))
        self._asleep.set()
        await alarm

    def advance(self, seconds: float) -> None:
        """Time passes, and everybody whose time has come wakes."""
        self.now += seconds
        while self._sleepers and self._sleepers[0][0] <= self.now:
            alarm = heapq.heappop(self._sleepers)[2]
            if not alarm.done():
                alarm.set_result(None)
        self._tidy()

    def to_next(self) -> None:
        """Time passes until somebody wakes."""
        self._tidy()
        self.advance(max(0.0, self._sleepers[0][0] - self.now))

    async def asleep(self) -> None:
        """Wait until somebody sleeps."""
        await self._asleep.wait()

    async def one_more(self, work: Coroutine[Any, Any, _T]) -> "asyncio.Task[_T]":
        """Begin the work, and wait until it sleeps beside those who do already, or is over."""
        before, task = self.sleeping(), asyncio.create_task(work)
        while self.sleeping() <= before and not task.done():  # noqa: ASYNC110 - only the alarms tell
            await asyncio.sleep(0)
        return task

    def sleeping(self) -> int:
        """How many sleep."""
        return sum(1 for _, _, alarm in self._sleepers if not alarm.done())

    async def run(self, work: Awaitable[_T]) -> _T:
        """Let the work run to its end, moving the time on whenever it sleeps."""
        task = asyncio.ensure_future(work)
        while not task.done():
            nap = asyncio.ensure_future(self.asleep())
            await asyncio.wait({task, nap}, return_when=asyncio.FIRST_COMPLETED)
            nap.cancel()
            self._tidy()
            if not task.done() and self._sleepers:
                self.to_next()
                await asyncio.wait({task}, timeout=0)
        return task.result()

    def _tidy(self) -> None:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        if not self._sleepers:
            self._asleep.clear()
