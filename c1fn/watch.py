"""One turn under observation: how long its parts take."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Watch:
    """Begins with the request. Times are in milliseconds.

    :param clock: seconds of any clock that only goes forward.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._begun = clock()
        self.first_ms: float | None = None
        self.model_ms = 0.0
        self.store_ms = 0.0

    @property
    def total_ms(self) -> float:
        return _ms(self._clock() - self._begun)

    def hears(self) -> None:
        """The model says something; the first word counts."""
        if self.first_ms is None:
            self.first_ms = self.total_ms

    @contextmanager
    def storing(self) -> Iterator[None]:
        """While the turn waits for the store."""
        begun = self._clock()
        try:
            yield
        finally:
            self.store_ms = round(self.store_ms + _ms(self._clock() - begun), 1)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """While the model answers one round."""
        begun = self._clock()
        try:
            yield
        finally:
            self.model_ms = round(self.model_ms + _ms(self._clock() - begun), 1)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
