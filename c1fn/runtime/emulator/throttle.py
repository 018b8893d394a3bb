"""How fast a streamed response leaves Lambda: a burst, then a steady rate.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html#config-rs-bandwidth
"""

from dataclasses import dataclass


@dataclass(slots=True)
class Throttle:
    """For one response. ``burst`` bytes pass at once, what comes after at ``rate`` bytes a second."""

    burst: int
    rate: float
    _passed: int = 0
    _free_at: float = 0.0

    def delay(self, size: int, now: float) -> float:
        """Seconds to wait after ``size`` more bytes."""
        over = max(0, self._passed + size - max(self.burst, self._passed))
        self._passed += size
        self._free_at = max(self._free_at, now) + over / self.rate
        return self._free_at - now if over else 0.0
