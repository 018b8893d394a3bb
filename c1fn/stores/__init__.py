"""The ports of thread stores: what the rules of a turn (docs/design.md) ask of any of them.

``Turns`` is what a chat needs, ``Threads`` what a list of conversations needs; a ``Store`` has both. An
adapter keeps these laws; `tests/stores/contract.py` proves them for each one.

* ``open`` checks in this order: replay, then busy, then claim. When it returns a ``Claim`` the prompt is
  durable, nobody else runs a turn on this thread, and no other attempt at this responseId can commit.
* ``commit`` is acknowledged before it returns. A claim that was taken over, or whose thread was deleted,
  changes nothing but its owner's counts, and raises ``LeaseLost``.
* A claim that is not renewed for ``LEASE`` seconds may be taken over: by another prompt (its turn is then
  interrupted) or by the same responseId (its turn then runs again, under the same number).
* The owner is part of every key: a thread of another owner cannot be named.
* An owner's ``Quota`` is kept whatever races: a claim is counted once, before it is returned. A turn that is
  run again is counted again, for it asks the model again.
* A deleted thread's id may be used again. For a day the responseIds of the deleted one are known: a late
  retry is refused, and does not bring the thread back.

Every method may raise ``StoreUnavailable``.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from c1fn.errors import OverQuota, TokensUsedUp, TooManyAtOnce, TurnsUsedUp
from c1fn.turn import Ask, Page, Thread, Turn

LEASE = 25.0
"""Seconds after its last renewal at which a running turn counts as dead: so that a follower has noticed, and
the answer has begun anew, within 30 seconds of a machine's death."""

FOLLOWED = 60.0
"""Seconds for which an answer is followed at a stretch: each follower holds a connection, and on Lambda a
function. Its client then comes back for the rest."""

RENEWAL = 1.0
"""Seconds between two calls of ``renew``; a stop is heard within this time and one round trip."""


@dataclass(frozen=True, slots=True)
class Claim:
    """This turn is ours to run. ``history`` holds the turns before it, oldest first, as far as asked for.

    ``attempt`` is a random token; ``replaces`` is the attempt of the stored turn that this one overwrites
    (a failed or interrupted turn that is run again), if there is one.
    """

    ask: Ask
    number: int
    attempt: str
    started: float
    history: tuple[Turn, ...]
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class Replay:
    """This responseId was answered; ``turn`` is how."""

    turn: Turn


@dataclass(frozen=True, slots=True)
class Running:
    """This responseId is being answered by somebody: ``follow`` it."""

    number: int


Opened = Claim | Replay | Running


@dataclass(frozen=True, slots=True)
class Quota:
    """What one owner may take; 0 is any number. A day is one of UTC.

    A turn begins if fewer than ``at_once`` others run, if fewer than ``turns`` began today, and if the turns
    that are over used fewer than ``tokens`` today: so those that run together may pass that one limit. Of
    followers, who wait for a turn that runs, there may be twice as many: a reload, and a second window.
    """

    at_once: int = 0
    turns: int = 0
    tokens: int = 0

    @property
    def followers(self) -> int:
        """At once; 0 is any number."""
        return 2 * self.at_once

    def refusal(self, *, turns: int, tokens: int, running: int, now: float) -> OverQuota | None:
        """Why another turn may not begin, after so many turns and tokens of the day that ``now`` is in."""
        tomorrow = DAY - now % DAY
        if self.turns and turns >= self.turns:
            return TurnsUsedUp(retry_after=tomorrow)
        if self.tokens and tokens >= self.tokens:
            return TokensUsedUp(retry_after=tomorrow)
        return TooManyAtOnce() if self.at_once and running >= self.at_once else None


DAY = 86_400


class Turns(Protocol):
    """One turn, from its beginning to its end."""

    async def open(self, ask: Ask, *, history: int) -> Opened:
        """Begin the turn, or say why not.

        :param history: how many of the newest earlier turns a ``Claim`` must carry, at most.
        :raises Busy: another responseId runs on this thread.
        :raises Mismatch: this responseId was used with another prompt.
        :raises NotFound: this responseId was used on a thread of this id that was deleted.
        :raises OverQuota: it would be a claim, and its owner may not begin one. Nothing was stored.
        """
        ...

    async def renew(self, claim: Claim, said: str) -> bool:
        """Keep the claim for another ``LEASE`` and make ``said``, the whole answer so far, readable to
        followers. True when somebody asked this turn to stop.

        :raises LeaseLost: the claim is no longer ours.
        """
        ...

    async def commit(self, claim: Claim, turn: Turn) -> None:
        """Store the turn, whole, and release the thread. ``turn.state`` is any but RUNNING. Every claim is
        committed, also one that is known to be lost: what it used is counted either way.

        It may take long: a store that does not answer is asked again for as long as the lease may be ours.

        :raises LeaseLost: the claim is no longer ours; the turn was not written.
        :raises StoreUnavailable: whether it was written is not known. It may be committed again.
        """
        ...

    def follow(self, owner: str, thread_id: str, response_id: str) -> AsyncGenerator[str | Turn, None]:
        """The answer of a turn from its beginning, in pieces as it grows, then the whole turn, once.

        A turn whose claim ran out ends as an INTERRUPTED turn. While the turn runs its follower has a place,
        which it gives back when the generator is closed, or loses some time after ``FOLLOWED``.

        :raises NotFound: no such turn, or not any more: its thread was deleted.
        :raises TooManyAtOnce: its owner follows as many as he may.
        """
        ...

    async def stop(self, owner: str, thread_id: str, response_id: str | None) -> bool:
        """Ask the running turn (of this responseId, if given) to stop. False when none runs."""
        ...


class Threads(Protocol):
    """An owner's threads, as people see them."""

    async def page(self, owner: str, *, cursor: str | None, limit: int) -> Page:
        """A page of the owner's threads, the newest first.

        :raises BadField: the cursor is not one of ours.
        """
        ...

    async def create(self, owner: str, thread_id: str, title: str) -> Thread:
        """Create an empty thread; a thread that exists is left as it is and returned."""
        ...

    async def load(
        self, owner: str, thread_id: str, *, before: int | None = None, limit: int | None = None
    ) -> tuple[Turn, ...]:
        """Turns of a thread, oldest first; the running one last, if there is one.

        :param before: only turns with a smaller number. ``limit``: only the newest of them, so many.
        :raises NotFound: no such thread.
        """
        ...

    async def rename(self, owner: str, thread_id: str, title: str) -> Thread:
        """:raises NotFound: no such thread."""
        ...

    async def delete(self, owner: str, thread_id: str) -> None:
        """Delete the thread and its turns; a turn that runs cannot bring it back.

        :raises NotFound: no such thread.
        """
        ...

    async def revise(self, owner: str, thread_id: str, response_id: str, content: str) -> None:
        """Replace what people see of one answer: the state of its form.

        :raises NotFound: no such finished turn.
        """
        ...


class Store(Protocol):
    @property
    def turns(self) -> Turns: ...

    @property
    def threads(self) -> Threads: ...

    async def ready(self) -> None:
        """:raises StoreUnavailable: it does not answer, or cannot be used; its sentence says what to do."""
        ...

    async def settle(self) -> None:
        """Finish what was left for later, so that the process may be frozen: call it after the last byte.

        A ``commit`` returns as soon as the turn is safe; its thread is released in the background. Nothing
        is lost when this is not called or fails: the next ``open`` then does it, in more round trips.
        """
        ...

    async def aclose(self) -> None:
        """Settle, then give back sockets and threads."""
        ...
