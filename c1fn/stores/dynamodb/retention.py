"""For how long the rows are kept."""

import math
from dataclasses import dataclass

TOMBSTONES = 86_400
"""Seconds for which a deleted thread's rows refuse late writers: no machine runs one turn for a day. By as
much a thread's row outlives the rows of its turns."""


@dataclass(frozen=True, slots=True)
class Retention:
    """For how many seconds what is written is kept; 0 is for ever.

    What is past its time is not shown, whether it has an ``expires_at`` or was written before there was a
    retention: DynamoDB deletes late, and a command gives old rows their time.
    """

    seconds: float = 0

    def until(self, now: float) -> int | None:
        """When something that is written now expires."""
        return int(now + self.seconds) if self.seconds else None

    def row(self, now: float) -> int | None:
        """When a thread's row expires that is used now: later than all that this use can write."""
        return int(now + self.seconds + TOMBSTONES) if self.seconds else None

    def oldest(self, now: float) -> float:
        """What was used at this time or before is too old to be shown."""
        return now - self.seconds if self.seconds else -math.inf
