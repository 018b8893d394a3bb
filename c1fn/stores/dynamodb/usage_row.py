"""An owner's usage row: how it is read, and how a write of it is put together. Pure: no call is made here."""

import itertools
import math
from dataclasses import dataclass, field
from typing import Any

from c1fn.stores import DAY
from c1fn.stores.dynamodb.items import Item, N, names, number_of
from c1fn.stores.dynamodb.keys import usage_key

SETTLED = 40
"""Slots that one write settles, at most: an expression of DynamoDB's has room for about a hundred."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A turn that may still run. ``reserve``: the tokens of what the model was asked."""

    until: float
    reserve: int
    is_map: bool = True

    @classmethod
    def read(cls, value: Item) -> "Slot":
        """Never fails: a slot that cannot be understood is taken, for as long as it stands there so."""
        slot = value.get("M", {})
        until = number_of(slot, "until")
        reserve = int(number_of(slot, "reserve") or 0)
        return cls(math.inf if until is None else until, reserve, "M" in value)


@dataclass(frozen=True, slots=True)
class UsageRow:
    """``day`` is the number of the day that ``turns``, ``tokens`` and ``writes`` are of, since 1970; None: it
    cannot be read, or is not there. ``slots`` is None in rows of version 1. ``followers``: follower_limit.py.
    """

    day: int | None = None
    turns: int = 0
    tokens: int = 0
    writes: int = 0
    slots: dict[str, Slot] | None = None
    followers: dict[str, Slot] | None = None
    raw_day: Item | None = None

    @classmethod
    def read(cls, item: Item) -> "UsageRow":
        """Never fails: what cannot be read counts from nothing, on a day that is over."""
        day, turns, tokens = (number_of(item, name) for name in ("day", "turns", "tokens"))
        slots, followers = (item.get(name, {}).get("M") for name in ("running", "following"))
        whole = day is not None and turns is not None and tokens is not None
        return cls(
            day=int(day) if whole and day is not None else None,
            turns=int(turns or 0),
            tokens=int(tokens or 0),
            writes=int(number_of(item, "writes") or 0),
            slots=_slots(slots),
            followers=_slots(followers),
            raw_day=item.get("day"),
        )

    def is_old(self, now: float) -> bool:
        """Whether its day must begin before anything can be counted in it."""
        return self.day is None or self.slots is None or self.day < now // DAY

    def over(self, now: float) -> dict[str, Slot]:
        """Slots whose lease is over."""
        ended = ((attempt, slot) for attempt, slot in (self.slots or {}).items() if slot.until <= now)
        return dict(itertools.islice(ended, SETTLED))


def strange(slots: dict[str, Slot] | None) -> dict[str, Slot]:
    """Slots whose lease cannot be read."""
    found = ((attempt, slot) for attempt, slot in (slots or {}).items() if slot.until == math.inf)
    return dict(itertools.islice(found, SETTLED))


def lend(name: str, slots: dict[str, Slot], until: float) -> "Write":
    """Give slots that cannot be read a lease: whoever uses one renews it, and the others end.

    :param name: the attribute that holds them.
    """
    write = Write(values={":until": N(until)})
    for index, (attempt, slot) in enumerate(slots.items()):
        slot_is = f"#{name}.#s{index}"
        write.names[f"#s{index}"] = attempt
        write.conditions.append(f"attribute_exists({slot_is})")
        write.sets.append(f"{slot_is}.#until = :until" if slot.is_map else f"{slot_is} = :whole")
        if not slot.is_map:
            write.values[":whole"] = {"M": {"until": N(until), "reserve": N(0)}}
    if all(not slot.is_map for slot in slots.values()):
        del write.values[":until"]
    return write


@dataclass(slots=True)
class Write:
    """An UpdateItem of the row, put together."""

    sets: list[str] = field(default_factory=list)
    removes: list[str] = field(default_factory=list)
    conditions: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    values: dict[str, Item] = field(default_factory=dict)

    def arguments(self, owner: str) -> dict[str, Any]:
        """For ``UpdateItem``."""
        update = f"SET {', '.join(self.sets)}" if self.sets else ""
        update += f" REMOVE {', '.join(self.removes)}" if self.removes else ""
        condition = " AND ".join(self.conditions)
        mine = {name: stands for name, stands in names(update, condition).items() if name not in self.names}
        return {
            "Key": usage_key(owner),
            "UpdateExpression": update,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": mine | self.names,
            **({"ExpressionAttributeValues": self.values} if self.values else {}),
            "ReturnValues": "ALL_NEW",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }


def _slots(value: dict[str, Item] | None) -> dict[str, Slot] | None:
    return None if value is None else {attempt: Slot.read(slot) for attempt, slot in value.items()}
