"""How often streams are read where one process has many.

To wake up for a delta costs several times what the delta itself costs. So where many answers are streamed at
once, each socket is read less often, and a read takes all that has come. All are read at the same moment, one
after the other: what the first has brought into the CPU's caches serves the others. A stream that is alone
never waits.
"""

import asyncio
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any

LONGEST = 1 / 30
"""Seconds between two reads of one stream at most: a reader sees no pause in that."""

SHARE = 1 / 480
"""Seconds that each further stream adds, so that a process reads at most 480 times a second until each stream
has its 30: a tenth of a core."""


def between(streams: int) -> float:
    """Seconds between two reads of a stream when so many run."""
    return min(LONGEST, streams * SHARE)


class Pace:
    """Shared by the streams of one event loop.

    :param later: calls back after so many seconds; by default the loop does.
    """

    def __init__(self, later: Callable[[float, Callable[[], None]], object] | None = None) -> None:
        self._later = later
        self._streams = 0
        self._waiting: list[asyncio.Future[None]] = []

    def join(self) -> None:
        """One more stream runs."""
        self._streams += 1

    def leave(self) -> None:
        """It runs no more. Those that wait now go on in their time."""
        self._streams -= 1

    @property
    def many(self) -> bool:
        """More than one runs."""
        return self._streams > 1

    async def turn(self) -> None:
        """Wait until the streams are read again."""
        loop = asyncio.get_running_loop()
        mine = loop.create_future()
        if not self._waiting:
            (self._later or loop.call_later)(between(self._streams), self._go)
        self._waiting.append(mine)
        await mine

    def _go(self) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.done():  # cancelled: its turn was stopped
                one.set_result(None)


@contextmanager
def pacing(extensions: Mapping[str, Any]) -> Generator[Callable[[], None], None, None]:
    """Gives what begins the pace of a response's connection, and ends it again.

    :param extensions: the response's.
    """
    stream: Any = extensions.get("network_stream")
    is_ours = hasattr(stream, "paced")  # behind a proxy it is the library's

    def begin() -> None:
        if is_ours:
            stream.paced = True

    try:
        yield begin
    finally:
        if is_ours:
            stream.paced = False
