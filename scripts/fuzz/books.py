"""What a part of the fuzzing found, told as it goes."""

import resource
import sys
import time
from dataclasses import dataclass, field

TOLD = 10
"""Faults that are printed in full; after that they are only counted."""


def megabytes() -> float:
    """The most memory this process has had; Linux tells it in KB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@dataclass
class Books:
    part: str
    seed: int
    cases: int = 0
    wrong: int = 0
    began: float = field(default_factory=time.monotonic)
    _told: float = field(default_factory=time.monotonic)

    def case(self, count: int = 1) -> None:
        self.cases += count
        if time.monotonic() - self._told > 20:
            self._told = time.monotonic()
            self._say(f"{self.cases} cases, {self.wrong} wrong")

    def fault(self, what: str, shown: object) -> None:
        self.wrong += 1
        if self.wrong <= TOLD:
            self._say(f"WRONG (seed {self.seed}, case {self.cases}): {what}\n{shown!r:.2000}")

    def close(self, more: str = "") -> None:
        took = time.monotonic() - self.began
        self._say(f"{self.cases} cases, {self.wrong} wrong, {took:.0f} s{more}")

    def _say(self, what: str) -> None:
        print(f"{self.part}: {what}", file=sys.__stdout__, flush=True)  # what is tested may write its own log
