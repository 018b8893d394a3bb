"""Progress of an operator's command, on stderr: results go to stdout."""

import sys
import time
from collections.abc import Callable

from c1fn.local import support

PROGRESS = 2.0
"""Seconds between two lines of progress."""


def tell(line: str) -> None:
    """Write a line for the operator, to stderr."""
    print(support.safe(line), file=sys.stderr, flush=True)


class Progress:
    """Tells of progress now and again. It is what a port calls ``Tell``."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told = clock()

    def __call__(self, what: str, count: int) -> None:
        if self._clock() - self._told >= PROGRESS:
            self._told = self._clock()
            tell(f"… {count} {what}")
