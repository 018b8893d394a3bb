"""A claim of a turn, and an open that may become one: the plain data of opening.py and turns.py."""

import asyncio
from dataclasses import dataclass, field

from c1fn.errors import Mismatch
from c1fn.stores import Claim
from c1fn.stores.dynamodb.keys import ThreadKey
from c1fn.stores.dynamodb.lock import Lock
from c1fn.stores.dynamodb.pack import Packed
from c1fn.turn import Ask


@dataclass(slots=True)
class Lease:
    """The state of a claim's renewals."""

    renewed: float
    heard: float
    seen: Lock  # as it was read or written last
    saved: int = 0  # characters in checkpoints
    checkpoints: int = 0


@dataclass(frozen=True, slots=True)
class DynamoClaim(Claim):
    """A claim with its thread's generation, its packed prompt, and its lease."""

    key: ThreadKey = field(kw_only=True)
    prompt: Packed = field(kw_only=True)
    lease: Lease = field(kw_only=True, compare=False)


@dataclass(slots=True)
class Try:
    """A running open, and what must be undone if it does not end in a claim.

    ``holds``: our lock may stand in the thread's row; ``locking`` may yet put it there. ``writing``: the
    prompt's parts are being written. ``counting``: the turn is counted, or about to be. ``made``: our
    lock has just made the thread, of a generation that nobody else has seen.
    """

    ask: Ask
    key: ThreadKey
    lock: Lock
    prompt: Packed
    history: int
    holds: bool = False
    made: bool = False
    locking: asyncio.Task[object] | None = None
    writing: asyncio.Task[None] | None = None
    counting: asyncio.Task[None] | None = None

    @property
    def turns(self) -> int:
        """How many turns are read: one of them may be run again, and one may be resumed."""
        return self.history + 1 + (self.ask.prompt.resume is not None)

    def check(self, known: bytes) -> None:
        """:raises Mismatch: the same responseId, another prompt. A damaged row has no hash to compare."""
        if known and known != self.lock.hash:
            raise Mismatch
