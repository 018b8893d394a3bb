"""Measures one turn: the times of its parts for the log, and its spans for a tracer."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from c1fn.telemetry.tracing import UNTRACED, Asked, Fails, Span


class Watch:
    """Begins with the request. Times are in milliseconds.

    :param clock: seconds of any clock that only goes forward.
    :param span: the turn's.
    """

    def __init__(self, clock: Callable[[], float], span: Span = UNTRACED) -> None:
        self._clock = clock
        self._begun = clock()
        self._span = span
        self.first_ms: float | None = None
        self.model_ms = 0.0
        self.store_ms = 0.0

    @property
    def total_ms(self) -> float:
        """Milliseconds since the turn began."""
        return _ms(self._clock() - self._begun)

    def hears(self) -> None:
        """The model says something; the first word counts."""
        if self.first_ms is None:
            self.first_ms = self.total_ms

    @contextmanager
    def storing(self, step: str) -> Iterator[None]:
        """While the turn waits for the store."""
        begun = self._clock()
        try:
            with self._span.part(step):
                yield
        finally:
            self.store_ms = round(self.store_ms + _ms(self._clock() - begun), 1)

    @contextmanager
    def asking(self, model: str) -> Iterator[Asked]:
        """While the model answers one round."""
        begun = self._clock()
        try:
            with self._span.asks(model) as asked:
                yield asked
        finally:
            self.model_ms = round(self.model_ms + _ms(self._clock() - begun), 1)

    def working(self, tool: str, call_id: str) -> AbstractContextManager[Fails]:
        """While a tool works; it yields how its failure is told."""
        return self._span.runs(tool, call_id)

    def ends(self, how: str, error: str | None = None) -> None:
        """Nothing more comes; ``error`` is the code."""
        self._span.end({"c1fn.outcome": how} | ({"error.type": error} if error else {}))


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
