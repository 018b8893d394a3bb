"""The queue between a turn and whoever reads it.

The turn says events at the model's pace; the reader takes them at its own. So a client that is slow does
not hold the thread, and one that leaves does not stop the turn. What waits here is bounded by the turn's
own limits (an answer's size). Events that came together leave together, and a single one is never held
back. Whoever answers a request awaits ``over`` before it lets the platform freeze the process.
"""

import asyncio

from c1fn.events import Event
from c1fn.wakeup import WakeUp


class EventQueue:
    """What a turn says, for one reader. ``logged``: its end is in the log, whoever hears of it.

    :param ends_with_reader: what tells it is there for its reader alone: a follower, and no turn.
    """

    logged = False

    def __init__(self, *, ends_with_reader: bool = False) -> None:
        self._ends_with_reader = ends_with_reader
        self._events: list[Event] = []
        self._said = WakeUp()
        self._turn: asyncio.Task[None] | None = None

    def comes_from(self, turn: asyncio.Task[None]) -> None:
        """Wake the reader also when the turn's task ends without a word."""
        self._turn = turn
        turn.add_done_callback(lambda _: self._over())

    def say(self, event: Event) -> None:
        self._events.append(event)
        self._said.wake()

    async def take(self, seconds: float) -> list[Event]:
        """All events since the last call; waits for the first of them. Empty after ``seconds`` of silence,
        or when there is nothing more to come.
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
        """Nothing more will be said."""
        return not self._events and (self._turn is None or self._turn.done())

    async def over(self) -> None:
        """Wait for the turn itself, whether or not anybody reads it. A reader's own end does not end it.

        :raises Exception: the bug that ended it, for the platform's error report.
        """
        if self._turn is not None:
            await asyncio.wait({self._turn})
            if not self._turn.cancelled():
                self._turn.result()

    def leave(self) -> None:
        """Its reader has gone. A turn goes on."""
        if self._ends_with_reader and self._turn is not None:
            self._turn.cancel()

    def _over(self) -> None:
        self._said.close()
        self._said.wake()
