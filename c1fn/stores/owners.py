"""The port of an owner's data: what whoever operates the service does with all that one person has.

``Owners`` is not used by a chat. ``remains`` and ``erase`` read the whole store, to find also what nothing
leads to. `tests/stores/contract.py` proves the rules for each store.
"""

from collections.abc import AsyncGenerator, AsyncIterable, Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from c1fn.turn import Thread, Turn

Tell = Callable[[str, int], None]
"""Told of progress: of what, and how many so far."""

Kind = Literal["thread", "turn", "part", "checkpoint", "usage", "share", "tombstone", "unknown"]

Restored = Literal["restored", "exists", "too old"]


def nobody(what: str, count: int) -> None:
    """Progress that is told to nobody."""


@dataclass(frozen=True, slots=True)
class Remnant:
    """One row of an owner. ``key`` is where it stands; ``goes`` is when it expires, in seconds since the
    epoch, or None if it stays. A *tombstone* holds ids and no text: it refuses late writes.
    """

    kind: Kind
    key: str
    goes: float | None


class Owners(Protocol):
    """All that one owner has."""

    def remains(self, owner: str, tell: Tell = nobody) -> AsyncGenerator[Remnant, None]:
        """Every row of this owner, by whatever key it stands."""
        ...

    def erase(self, owner: str, tell: Tell = nobody) -> AsyncGenerator[Remnant, None]:
        """Delete all that is there of this owner, and yield what has to stay.

        Only tombstones have to: those of threads that were used less than a day ago, because a process
        somewhere may still write there. Repeated after that day, nothing is left. It may be interrupted and
        repeated. What the owner begins meanwhile may stay, and is yielded too.
        """
        ...

    async def restore(self, owner: str, thread: Thread, turns: AsyncIterable[Turn]) -> Restored:
        """Write a thread as it was: its id, title, times and turns, which are numbered from 1. All of it
        becomes visible at once. A turn that was running becomes an interrupted one.

        :return: "exists": there is a thread of this id; "too old": the retention would hide it. Nothing was
            changed then.
        :raises Busy: another process restores it now, or began a new one of its id meanwhile.
        """
        ...
