"""What an owner used today, as one row: turns and tokens counted, and the places of turns that may still run.

A turn that begins takes a *place*, under its thread's id; nothing is written here when it ends. Whether it is
over, and what it used, stands in its thread's row, which is written then anyway: the next turn of that thread
knows it by its own lock, a turn of another thread reads that row. It then settles the place in the same
write that counts itself. Pure: no call is made here.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from c1fn.errors import OverQuota, StoreUnavailable
from c1fn.stores import DAY, Quota
from c1fn.stores.dynamodb.rows import Item, N, S, ThreadRow, usage_key

KEPT = 2 * DAY
"""Seconds for which the row is kept after its last turn: its day's counts must outlive that day."""

SETTLED = 80
"""Places that one write settles, at most: an expression of DynamoDB's has room for about a hundred."""


@dataclass(frozen=True, slots=True)
class Place:
    """A turn that was counted and may still run. ``spent``: its thread's tokens before it. ``reserve``: the
    tokens of what the model was asked, which count if the turn dies without telling.
    """

    attempt: str
    spent: int
    reserve: int

    @classmethod
    def read(cls, value: Item) -> "Place":
        place = value["M"]
        return cls(place["attempt"]["S"], int(place["spent"]["N"]), int(place["reserve"]["N"]))

    @property
    def value(self) -> Item:
        return {"M": {"attempt": S(self.attempt), "spent": N(self.spent), "reserve": N(self.reserve)}}

    def used(self, thread: ThreadRow) -> int:
        """The tokens that the turn took, told by its thread's row when it is over. A turn that never released
        its thread, because its machine died or the thread was deleted, took its reserve at least.
        """
        told = max(0, thread.spent - self.spent)
        return told if thread.last == self.attempt else told + self.reserve


@dataclass(frozen=True, slots=True)
class UsageRow:
    """``day`` is the number of the day that ``turns`` and ``tokens`` are of, since 1970."""

    day: int
    turns: int = 0
    tokens: int = 0
    places: dict[str, Place] = field(default_factory=dict)

    @classmethod
    def read(cls, item: Item) -> "UsageRow":
        """:raises StoreUnavailable: it is damaged, or of a newer version."""
        try:
            places = {thread_id: Place.read(value) for thread_id, value in item["places"]["M"].items()}
            return cls(int(item["day"]["N"]), int(item["turns"]["N"]), int(item["tokens"]["N"]), places)
        except (KeyError, TypeError, ValueError):
            raise StoreUnavailable("The row of what this caller used today cannot be read.") from None


@dataclass(frozen=True, slots=True)
class Entry:
    """A turn that is to be counted: it holds the lock of its thread, whose row was ``thread`` before."""

    owner: str
    thread: ThreadRow
    attempt: str
    reserve: int

    @property
    def place(self) -> Place:
        return Place(self.attempt, self.thread.spent, self.reserve)


Known = dict[tuple[str, str], ThreadRow]
"""The rows of threads, by thread and by the attempt whose place they were read for."""


@dataclass(frozen=True, slots=True)
class Count:
    """An entry, counted on top of a row (None: the owner has none yet). A day never goes back, whatever the
    clocks of machines say.
    """

    row: UsageRow | None
    entry: Entry
    now: float
    turns: int
    tokens: int
    places: int
    mine: Place | None
    over: Mapping[str, Place]

    @classmethod
    def of(cls, row: UsageRow | None, entry: Entry, known: Known, now: float) -> "Count":
        """:param known: what was read of other places' threads. Unknown ones are taken to run."""
        places = dict(row.places) if row else {}
        mine = places.pop(entry.thread.id, None)
        found = {at: known.get((at, place.attempt)) for at, place in places.items()}
        ended = ((at, thread) for at, thread in found.items() if thread and not thread.alive(now))
        over = dict(itertools.islice(ended, SETTLED))
        settled = sum(places[at].used(thread) for at, thread in over.items())
        settled += mine.used(entry.thread) if mine else 0
        today = row is not None and row.day >= now // DAY
        return cls(
            row=row,
            entry=entry,
            now=now,
            turns=row.turns if row and today else 0,
            tokens=settled + (row.tokens if row and today else 0),
            places=len(places) - len(over),
            mine=mine,
            over={at: places[at] for at in over},
        )

    @property
    def is_made(self) -> bool:
        """Whether the entry stands there already: its write was made, and only the reply was lost."""
        return self.mine is not None and self.mine.attempt == self.entry.attempt

    def refusal(self, quota: Quota) -> OverQuota | None:
        """Why the entry may not begin."""
        return quota.refusal(turns=self.turns, tokens=self.tokens, running=self.places, now=self.now)

    def write(self, quota: Quota) -> tuple[str, dict[str, Any]]:
        """The call that counts the entry, on condition that the quota allows it at that moment."""
        return self._first() if self.row is None else self._next(self.row, quota)

    @property
    def _expires(self) -> Item:
        return N(int(self.now) + KEPT)

    def _first(self) -> tuple[str, dict[str, Any]]:
        item = usage_key(self.entry.owner) | {
            "day": N(int(self.now // DAY)),
            "turns": N(1),
            "tokens": N(self.tokens),
            "places": {"M": {self.entry.thread.id: self.entry.place.value}},
            "expires_at": self._expires,
        }
        return "put_item", {"Item": item, "ConditionExpression": "attribute_not_exists(pk)"}

    def _next(self, row: UsageRow, quota: Quota) -> tuple[str, dict[str, Any]]:
        same_day = row.day >= self.now // DAY
        names = {"#day": "day", "#turns": "turns", "#tokens": "tokens", "#expires": "expires_at"}
        names |= {"#places": "places", "#attempt": "attempt", "#mine": self.entry.thread.id}
        values = {":seen": N(row.day), ":one": N(1), ":place": self.entry.place.value}
        values |= {":expires": self._expires}
        sets, conditions = [], ["#day = :seen"]
        if same_day:
            sets += ["#turns = #turns + :one", "#tokens = #tokens + :settled"]
            values[":settled"] = N(self.tokens - row.tokens)
        else:
            sets += ["#day = :today", "#turns = :one", "#tokens = :settled"]
            values |= {":today": N(int(self.now // DAY)), ":settled": N(self.tokens)}
        if same_day and quota.turns:
            conditions.append("#turns < :turns")
            values[":turns"] = N(quota.turns)
        if same_day and quota.tokens:
            conditions.append("#tokens < :left")
            values[":left"] = N(quota.tokens - (self.tokens - row.tokens))
        if quota.at_once:
            conditions.append("size(#places) < :room")
            values[":room"] = N(quota.at_once + len(self.over) + (self.mine is not None))
        if self.mine:
            conditions.append("#places.#mine.#attempt = :mine")
            values[":mine"] = S(self.mine.attempt)
        else:
            conditions.append("attribute_not_exists(#places.#mine)")
        for index, (thread_id, place) in enumerate(self.over.items()):
            names[f"#p{index}"] = thread_id
            values[f":p{index}"] = S(place.attempt)
            conditions.append(f"#places.#p{index}.#attempt = :p{index}")
        gone = ", ".join(f"#places.#p{index}" for index in range(len(self.over)))
        sets += ["#places.#mine = :place", "#expires = :expires"]
        return "update_item", {
            "Key": usage_key(self.entry.owner),
            "UpdateExpression": f"SET {', '.join(sets)}" + (f" REMOVE {gone}" if gone else ""),
            "ConditionExpression": " AND ".join(conditions),
            "ExpressionAttributeNames": _used(names, sets, conditions, gone),
            "ExpressionAttributeValues": values,
        }


def _used(names: dict[str, str], *parts: Any) -> dict[str, str]:
    """Only the names that stand in the expressions: DynamoDB refuses others."""
    text = str(parts)
    return {name: stands for name, stands in names.items() if name in text}
