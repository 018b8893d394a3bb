"""What all machines of one storm share: the server, the clock, the threads, and who asks what."""

import asyncio
import random
import time
import zlib
from dataclasses import dataclass
from typing import Any

HISTORY = 8
RETENTION = 30  # days
LONG = 5  # one of so many prompts does not fit beside a lock

OF_FORKS = "~"
"""It stands in the id of a fork, once for each thread before it."""

RESUMES = "!"
"""Stands in the responseId of an answer, before that of the turn that waits for it."""

Place = tuple[str, str]
"""An owner and a thread."""


@dataclass(frozen=True, slots=True)
class Weather:
    """What all machines of a storm share."""

    endpoint: str
    table: str
    seed: int
    rate: float
    places: tuple[Place, ...]
    origin: float  # the system's monotonic clock when the storm began
    speed: float  # seconds of the storm in one of the system's
    jumped: Any  # shared memory: seconds that the clock has jumped ahead so far

    def clock(self) -> float:
        ahead: float = self.jumped.value
        return 1_800_000_000 + (time.monotonic() - self.origin) * self.speed + ahead

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.speed)

    def place(self, response: str) -> Place:
        """The thread that a responseId is first asked for on: ``new@thread`` is for a fork."""
        _, new, thread = response.partition("@")
        if new:
            return self.place_of(thread)
        return self.places[zlib.crc32(response.encode()) % len(self.places)]

    def fork_id(self, place: Place, what: str) -> str:
        """The id of a fork tells its place, from the root on, and what was asked for: so who makes the same
        fork makes it under the same id.
        """
        root = str(self.places.index(place)) if place in self.places else place[1]
        return f"{root}{OF_FORKS}{zlib.crc32(what.encode()):x}"

    def place_of(self, fork: str) -> Place:
        return self.places[int(fork.partition(OF_FORKS)[0])][0], fork


def resumed_by(response: str) -> str:
    """The turn that this responseId resumes, if it is one that does."""
    return response.partition(RESUMES)[2]


def prompt_of(response: str) -> str:
    """A responseId has always the same prompt."""
    if zlib.crc32(response.encode()) // 8 % LONG:
        return f"prompt of {response}"
    return f"prompt of {response} {noise(random.Random(response), 2_000)}"


def noise(dice: random.Random, size: int) -> str:
    return f"{dice.getrandbits(4 * size):x}"
