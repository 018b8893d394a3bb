"""The queue between a turn and its reader.

The turn adds events at the model's speed; the reader takes them at its own. So a slow client does not keep
the thread busy, and a disconnect does not stop the turn. The turn's own limits (an answer's size) limit the
queue. Events that arrive together are taken together, and a single event is never delayed. The code that
answers a request awaits ``over`` before the platform may freeze the process.
"""

import asyncio

from c1fn.events import Event
from c1fn.net.wakeup import WakeUp


class EventQueue:
    """A turn's events for one reader. ``logged``: the turn's end is already in the log.

    :param ends_with_reader: true for a follower, which exists only for its reader; false for a turn.
    """

    logged = False

    def __init__(self, *, ends_with_reader: bool = False) -> None:
        self._ends_with_reader = ends_with_reader
        self._events: list[Event] = []
        self._said = WakeUp()
        self._turn: asyncio.Task[None] | None = None

    def comes_from(self, turn: asyncio.Task[None]) -> None:
        """Wake the reader also when the turn's task ends without an event."""
        self._turn = turn
        turn.add_done_callback(lambda _: self._over())

    def outlive_reader(self) -> None:
        """What the reader follows is a turn of its own from now on."""
        self._ends_with_reader = False

    def say(self, event: Event) -> None:
        """Put an event into the queue; wakes the reader. Never waits."""
        self._events.append(event)
        self._said.wake()

    async def take(self, seconds: float) -> list[Event]:
        """All events since the last call; waits for the first one. Empty after ``seconds`` without an event,
        or when no more will come.
        """
        if not self._events and not self.ended:
            try:
                await self._said.wait(seconds)
            except TimeoutError:
                return []
        events, self._events = self._events, []
        return events

    @property
    def ended(self) -> bool:
        """True if no more events will come."""
        return not self._events and (self._turn is None or self._turn.done())

    async def over(self) -> None:
        """Wait for the end of the turn, even if nobody reads it. Cancelling this wait does not end the turn.

        :raises Exception: the bug that ended it, for the platform's error report.
        """
        if self._turn is not None:
            await asyncio.wait({self._turn})
            if not self._turn.cancelled():
                self._turn.result()

    def leave(self) -> None:
        """Tell the queue that its reader has disconnected. A turn continues."""
        if self._ends_with_reader and self._turn is not None:
            self._turn.cancel()

    def _over(self) -> None:
        self._said.close()
        self._said.wake()
