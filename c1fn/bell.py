"""A bell for one task that waits: who rings it lets that task go on at once, not in the loop's next round.

Strategy: asyncio lets a task await whatever behaves as its futures do. Those wake a task through the loop's
queue, and one more round of the loop (a look at all sockets, a handle, a queue) costs a lone delta as much as
its decryption. Here the waiting task's step is taken inside ``ring``; when a task rings that runs inside a
ring itself, then as soon as it waits. Any other task rings through the loop's queue as usual, for a task must
not step into another.

The patience of a wait costs no timer of its own: one is set, and when it is due it looks whether the wait it
was set for still goes on.

https://docs.python.org/3/library/asyncio-future.html#asyncio.isfuture
"""

import asyncio
import math
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from contextvars import Context
from typing import Any


class Bell:
    """For one task at a time; again and again."""

    _asyncio_future_blocking = False  # by this name asyncio knows what a task may await

    def __init__(self) -> None:
        self._step: Callable[[Bell], object] | None = None  # the waiting task's next
        self._error: BaseException | None = None
        self._due = math.inf
        self._alarm: asyncio.TimerHandle | None = None

    @property
    def awaited(self) -> bool:
        """Somebody waits and was not woken yet."""
        return self._step is not None

    def wait(self, seconds: float | None = None) -> Awaitable[None]:
        """To be awaited at once.

        :raises TimeoutError: nobody rang for so long. Whatever ``fail`` is given is raised, too.
        """
        self._loop = asyncio.get_running_loop()
        self._error = None
        self._due = math.inf if seconds is None else self._loop.time() + seconds
        if self._alarm is None or self._alarm.when() > self._due:
            self._set_alarm()
        return self

    def ring(self) -> None:
        """Let the one who waits go on. When nobody does it is not kept."""
        if self._step is None:
            return
        step, self._step = self._step, None
        if _rings.going or asyncio.current_task(self._loop) is None:
            _rings.go(self, step)
        else:
            self._later(step)

    def fail(self, error: BaseException) -> None:
        """Raise it where somebody waits."""
        if self._step is not None:
            self._error = error
            self.ring()

    def hang_up(self) -> None:
        """Nobody will wait any more: forget the timer."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _set_alarm(self) -> None:
        self.hang_up()
        if self._due != math.inf:
            self._alarm = self._loop.call_at(self._due, self._look)

    def _look(self) -> None:
        self._alarm = None
        if self._step is None:
            return  # the next wait sets one
        if self._loop.time() < self._due:
            self._set_alarm()
        else:
            self.fail(TimeoutError())

    def _later(self, step: "Callable[[Bell], object]") -> None:
        self._loop.call_soon(step, self, context=self._context)

    # What a task asks of a future

    def __await__(self) -> Generator[Any, None, None]:
        self._asyncio_future_blocking = True
        yield self

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    def add_done_callback(self, step: "Callable[[Bell], object]", *, context: Context) -> None:
        self._step, self._context = step, context

    def result(self) -> None:
        if self._error is not None:
            raise self._error

    def cancel(self, msg: str | None = None) -> bool:  # noqa: ARG002 - asyncio's shape
        """False when it has rung: then the task is cancelled where it goes on."""
        if self._step is None:
            return False
        step, self._step = self._step, None
        self._error = asyncio.CancelledError()
        self._later(step)
        return True


class _Rings(threading.local):
    """The steps that are being taken inside a ring, in their order. A thread has one loop that runs."""

    def __init__(self) -> None:
        self.going = False
        self._steps: deque[tuple[Bell, Callable[[Bell], object]]] = deque()

    def go(self, bell: Bell, step: Callable[[Bell], object]) -> None:
        self._steps.append((bell, step))
        if self.going:
            return
        self.going = True
        try:
            while self._steps:
                bell, step = self._steps.popleft()
                bell._context.run(step, bell)  # noqa: SLF001 - of this module
        finally:  # a step raises only what ends the loop; then the others are the loop's again
            self.going = False
            while self._steps:
                bell, step = self._steps.popleft()
                bell._later(step)  # noqa: SLF001 - as above


_rings = _Rings()
