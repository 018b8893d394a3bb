"""Wakes one task that waits repeatedly, each time with a timeout.

asyncio's timeout creates a timer for each wait, though almost none expires while deltas arrive. Here one
timer is set; when it is due, it checks whether the task still waits, and how long that wait may take.
"""

import asyncio
import math


class WakeUp:
    """For one task at a time."""

    def __init__(self) -> None:
        self._waiting: asyncio.Future[None] | None = None
        self._due = math.inf
        self._timer: asyncio.TimerHandle | None = None

    @property
    def awaited(self) -> bool:
        """Somebody waits and was not told yet."""
        return self._waiting is not None and not self._waiting.done()

    def wait(self, seconds: float | None = None) -> asyncio.Future[None]:
        """To be awaited at once.

        :raises TimeoutError: no wake-up came for so long. Whatever ``fail`` is given is raised, too.
        """
        loop = asyncio.get_running_loop()
        self._waiting = loop.create_future()
        self._due = math.inf if seconds is None else loop.time() + seconds
        if self._timer is None or self._timer.when() > self._due:
            self._set_timer(loop)
        return self._waiting

    def wake(self) -> None:
        """Let the one who waits go on. When nobody does it is not kept."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def fail(self, error: BaseException) -> None:
        """Raise it where somebody waits."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)

    def close(self) -> None:
        """Nobody will wait any more: forget the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        self.close()
        if self._due != math.inf:
            self._timer = loop.call_at(self._due, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        if not self.awaited:
            return  # the next wait sets one
        if loop.time() < self._due:
            self._set_timer(loop)
        else:
            self.fail(TimeoutError())
