"""The lock of a thread's turns as it stands in the thread's row. Pure: no call is made here."""

import math
from dataclasses import dataclass

from c1fn.stores import LEASE
from c1fn.stores.dynamodb.items import B, Item, N, S, text_of
from c1fn.stores.dynamodb.pack import Packed, prompt_hash
from c1fn.turn import Ask


@dataclass(frozen=True, slots=True)
class Lock:
    """Who runs a turn on a thread, and until when: it stands in the thread's row, as ``run``.

    ``attempt`` is the fencing token; ``until`` ends the lease. ``replaces``: the attempt of the stored turn
    that is run again. ``followed``: somebody in another process wants to read the answer as it grows.
    """

    response_id: str
    attempt: str
    until: float
    started: float
    hash: bytes
    prompt: Packed | None
    replaces: str | None = None
    stop: bool = False
    followed: bool = False

    @classmethod
    def of(cls, ask: Ask, attempt: str, now: float, prompt: Packed) -> "Lock":
        """The lock of a new attempt, with a lease from ``now``."""
        return cls(ask.response_id, attempt, now + LEASE, now, prompt_hash(ask.prompt), prompt)

    @classmethod
    def read(cls, value: Item) -> "Lock":
        """Never fails: a lock that cannot be understood is held, for as long as it stands there."""
        try:
            run = value["M"]
            return cls(
                response_id=run["response"]["S"],
                attempt=run["attempt"]["S"],
                until=float(run["until"]["N"]),
                started=float(run["started"]["N"]),
                hash=bytes(run["hash"]["B"]),
                prompt=Packed.read_or_none(run["prompt"]),
                replaces=text_of(run, "replaces"),
                stop="stop" in run,
                followed="followed" in run,
            )
        except (AttributeError, KeyError, TypeError, ValueError):
            return cls("", "", math.inf, 0.0, b"", None)

    @property
    def value(self) -> Item:
        """As the thread's row has it."""
        run = {
            "response": S(self.response_id),
            "attempt": S(self.attempt),
            "until": N(self.until),
            "started": N(self.started),
            "hash": B(self.hash),
        }
        if self.prompt is not None:
            run["prompt"] = self.prompt.value
        if self.replaces is not None:
            run["replaces"] = S(self.replaces)
        return {"M": run}
