"""One thread of a storm: all calls on it, and what follows from them. The rules look at it.

What ends its turns is a delete, or a jump of the clock beyond the retention. A fork has the life of the
thread it was made from behind it: its first turns were asked and answered there.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from tests.stores.chaos.journal import FINAL, Call, Seen
from tests.stores.chaos.weather import HISTORY


@dataclass(eq=False)
class Life:
    """All calls on one thread. ``jumps``: when the clock went beyond the retention. ``source``: the thread
    that this one was forked from.
    """

    calls: list[Call]
    jumps: list[float] = field(default_factory=list)
    source: "Life | None" = None

    def of(self, *operations: str) -> list[Call]:
        return [call for call in self.calls if call.operation in operations]

    @cached_property
    def claims(self) -> dict[str, Call]:
        return {call.attempt: call for call in self.of("open") if call.outcome == "claim"}

    @cached_property
    def commits(self) -> dict[str, Call]:
        return {call.attempt: call for call in self.of("commit")}

    @cached_property
    def answers(self) -> list[Call]:
        """Commits that were acknowledged and that no later attempt may replace."""
        return [c for c in self.of("commit") if c.outcome == "done" and c.state in FINAL]

    # ---- with the threads before it

    @cached_property
    def all_claims(self) -> dict[str, Call]:
        return (self.source.all_claims if self.source else {}) | self.claims

    @cached_property
    def all_commits(self) -> dict[str, Call]:
        return (self.source.all_commits if self.source else {}) | self.commits

    @cached_property
    def all_answers(self) -> list[Call]:
        return (self.source.all_answers if self.source else []) + self.answers

    @cached_property
    def all_asked(self) -> set[str]:
        asked = {call.response for call in self.of("open")}
        return asked | (self.source.all_asked if self.source else set())

    @cached_property
    def forks(self) -> list[Call]:
        """The calls that may have made this fork."""
        return [call for call in self.of("fork") if call.outcome in ("done", "unknown")]

    @cached_property
    def forked_from(self) -> float:
        return min((call.began for call in self.forks), default=math.inf)

    @cached_property
    def forked_until(self) -> float:
        return max((call.ended for call in self.forks), default=-math.inf)

    # ---- its ends

    @cached_property
    def deletes(self) -> list[tuple[float, float, bool]]:
        """From when to when each may have taken effect, and whether it was acknowledged. One that was not
        may come late, until the next one that finds the thread gone, or makes it so.
        """
        tried = sorted(self.of("delete"), key=lambda call: call.began)
        told = [call for call in tried if call.outcome in ("done", "deleted")]
        spans = []
        for call in tried:
            after = (later.ended for later in told if later.began > call.began)
            late = min(after, default=math.inf) if call.outcome == "unknown" else call.ended
            if call.outcome != "deleted":
                spans.append((call.began, late, call.outcome == "done"))
        return spans

    def overlaps_delete(self, call: Call) -> bool:
        return any(began <= call.ended and call.began <= late for began, late, _ in self.deletes)

    def may_be_gone(self, since: float, until: float) -> bool:
        """Whether what was there from some time on need not be there at another."""
        deleted = any(began <= until and late >= since for began, late, _ in self.deletes)
        return deleted or any(since <= jump <= until for jump in self.jumps)

    def must_be_gone(self, claim: Call, look: Call) -> bool:
        made = claim.ended if claim.attempt in self.claims else max(claim.ended, self.forked_until)
        deleted = any(sure and made < began and late < look.began for began, late, sure in self.deletes)
        return deleted or any(claim.ended < jump < look.began for jump in self.jumps)

    # ---- what was seen of it

    def looks(self) -> Iterator[tuple[Call, range | None]]:
        """What readers were shown, and which numbers of turns, if it was not the whole thread."""
        for call in self.calls:
            if call.operation == "load" and call.outcome in ("done", "deleted"):
                yield call, None
            elif call.outcome == "claim":
                end = call.number - bool(call.resumes)  # what it resumes is told beside
                yield call, range(max(1, end - HISTORY), end)
            elif call.outcome == "replay":
                yield call, range(0)
            elif call.operation == "view" and call.outcome == "done":
                yield call, range(1, call.number + 1)


def attempt_of(turn: Seen) -> str:
    """Who said it: each answer, and each part of one, begins with its attempt."""
    return turn.answer.partition(" ")[0] if turn.answer else ""
