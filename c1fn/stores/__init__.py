"""The ports of thread stores: what the rules of a turn (docs/design.md) require of every store.

``Turns`` is what a chat needs, ``Threads`` what a list of conversations needs, ``Owners`` (owners.py) what an
operator needs; a ``Store`` has all three. Every adapter follows these rules; `tests/stores/contract.py`
proves them for each one.

* ``open`` checks in this order: replay, then busy, then claim. When it returns a ``Claim`` the prompt is
  durable, nobody else runs a turn on this thread, and no other attempt at this responseId can commit.
* ``commit`` is acknowledged before it returns. A claim that was taken over, or whose thread was deleted,
  changes nothing but its owner's counts, and raises ``LeaseLost``.
* A claim that is not renewed for ``LEASE`` seconds may be taken over: by another prompt (its turn is then
  interrupted) or by the same responseId (its turn then runs again, under the same number).
* The owner is part of every key: a thread of another owner cannot be addressed.
* An owner's ``Quota`` also holds for concurrent requests: a claim is counted once, before it is returned.
  A turn that is run again is counted again, because it calls the model again. What is written outside of
  turns is counted before it is written, once for each kilobyte; deletions are not counted.
* A waiting turn is resumed by the turn after it, at once or never: what comes after any other turn, and a
  second answer to it, are refused. It holds no lock.
* A deleted thread's id may be used again. The responseIds of the deleted thread are kept for a day: a late
  retry is rejected and does not create the thread again.

Every method may raise ``StoreUnavailable``.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from c1fn.errors import OverQuota, TokensUsedUp, TooManyAtOnce, TurnsUsedUp, WritesUsedUp
from c1fn.turn import Ask, Feedback, Page, Thread, Turn, Until

if TYPE_CHECKING:  # a prompt needs neither
    from c1fn.stores.owners import Owners
    from c1fn.stores.shares import Shares

LEASE = 25.0
"""Seconds after its last renewal at which a running turn counts as dead, so that within 30 seconds after a
process was killed a retry has noticed it and a new answer has begun."""

FOLLOWED = 60.0
"""Seconds for which one request follows an answer: each follower uses a connection, and on Lambda an
execution environment. The client then requests the rest.
"""

RENEWAL = 1.0
"""Seconds between two calls of ``renew``; a stop takes effect within this time and one round trip."""

FORK_TURNS = 1_000
"""Turns that one fork copies, at most: about three seconds of what one partition of DynamoDB writes."""

FORK_BYTES = 8_000_000
"""Bytes that one fork copies, at most, as they are stored: about eight seconds, and 50 MB of C1's answers."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The caller may run this turn. ``history`` holds the turns before it, oldest first, up to the requested
    number.

    ``attempt`` is a random token; ``replaces`` is the attempt of the stored turn that this one overwrites
    (a failed or interrupted turn that is run again), if there is one. ``waiting`` is the turn that this one
    resumes, which then is not in ``history``; ``earlier`` is what was stored of an earlier attempt to do so.
    """

    ask: Ask
    number: int
    attempt: str
    started: float
    history: tuple[Turn, ...]
    replaces: str | None = None
    waiting: Turn | None = None
    earlier: Turn | None = None


@dataclass(frozen=True, slots=True)
class Replay:
    """This responseId was answered before; ``turn`` is that turn."""

    turn: Turn


@dataclass(frozen=True, slots=True)
class Running:
    """This responseId is being answered now: ``follow`` it."""

    number: int


Opened = Claim | Replay | Running


@dataclass(frozen=True, slots=True)
class Quota:
    """The limits of one owner; 0 means no limit. Days are in UTC.

    A turn begins if fewer than ``at_once`` others run, if fewer than ``turns`` began today, and if the
    complete turns used fewer than ``tokens`` today; so concurrent turns can exceed the token limit. There may
    be twice as many followers as turns at once, for a reload and a second window. ``writes`` outside of turns
    may be made on one day; see ``kilobytes``.
    """

    at_once: int = 0
    turns: int = 0
    tokens: int = 0
    writes: int = 0

    @property
    def of_turns(self) -> bool:
        """Whether turns are counted."""
        return bool(self.at_once or self.turns or self.tokens)

    @property
    def followers(self) -> int:
        """Maximum followers at once; 0 means no limit."""
        return 2 * self.at_once

    def refusal(self, *, turns: int, tokens: int, running: int, now: float) -> OverQuota | None:
        """The reason why no other turn may begin after this number of turns and tokens on the day of ``now``;
        or None.
        """
        tomorrow = DAY - now % DAY
        if self.turns and turns >= self.turns:
            return TurnsUsedUp(retry_after=tomorrow)
        if self.tokens and tokens >= self.tokens:
            return TokensUsedUp(retry_after=tomorrow)
        return TooManyAtOnce() if self.at_once and running >= self.at_once else None

    def refusal_of_writes(self, written: int, more: int, now: float) -> WritesUsedUp | None:
        """The reason why no ``more`` may be written after those of the day of ``now``; or None."""
        over = self.writes and written + more > self.writes
        return WritesUsedUp(retry_after=DAY - now % DAY) if over else None


DAY = 86_400

KILOBYTE = 1024


def kilobytes(text: str) -> int:
    """How many writes this text counts for: one for each kilobyte that is begun, as DynamoDB counts them."""
    return max(1, -(-len(text.encode("utf-8", "surrogatepass")) // KILOBYTE))


class Turns(Protocol):
    """One turn, from its beginning to its end."""

    async def open(self, ask: Ask, *, history: int) -> Opened:
        """Begin the turn, or raise the reason why it cannot begin.

        :param history: maximum number of earlier turns in a ``Claim``, the newest.
        :raises Busy: another responseId runs on this thread, or its next turn is reserved for another.
        :raises Mismatch: this responseId was used with another prompt.
        :raises NotFound: this responseId was used on a thread of this id that was deleted.
        :raises OverQuota: the owner has reached a limit. Nothing was stored.
        :raises NotWaiting: the prompt resumes a turn, and nothing waits for it there (see resuming.py).
        :raises WaitedTooLong: it does, and the time for it is over.
        """
        ...

    async def renew(self, claim: Claim, said: str) -> bool:
        """Renew the claim for another ``LEASE``, and make ``said``, the complete answer so far, readable for
        followers. Returns True if the turn was asked to stop.

        :raises LeaseLost: the claim is no longer ours.
        """
        ...

    async def commit(self, claim: Claim, turn: Turn) -> None:
        """Store the complete turn and release the thread. ``turn.state`` is any but RUNNING. Call it for
        every claim, also for one that is known to be lost, because its tokens are counted in every case.

        It may take long: a store that does not answer is retried for as long as the lease may be valid.

        :raises LeaseLost: the claim was lost; the turn was not written.
        :raises StoreUnavailable: it is unknown whether the turn was written. It may be committed again.
        """
        ...

    async def reserve(self, ask: Ask) -> bool:
        """Reserve the turn after the one that runs, for about ``LEASE``: until then no other prompt can be
        opened before this one, in whichever process. One prompt can wait. It is not stored by this.

        :return: whether it can be opened now, because nothing else runs.
        :raises Busy: another prompt waits.
        :raises NotFound: there is no such thread, or not any more.
        """
        ...

    async def unreserve(self, ask: Ask) -> None:
        """Give up what was reserved for this prompt, if anything was. ``open`` does so as well."""
        ...

    def follow(self, owner: str, thread_id: str, response_id: str) -> AsyncGenerator[str | Turn, None]:
        """Yield the answer of a turn from its beginning, in pieces while it is written, then the complete
        turn, once.

        A turn whose claim has expired ends as an INTERRUPTED turn. While the turn runs, the follower counts
        for ``Quota.followers`` until the generator is closed, at most until some time after ``FOLLOWED``.

        :raises NotFound: there is no such turn, or its thread was deleted.
        :raises TooManyAtOnce: the owner has reached the limit of followers.
        """
        ...

    async def stop(self, owner: str, thread_id: str, response_id: str | None) -> bool:
        """Ask the running turn (of this responseId, if given) to stop. False when none runs."""
        ...


class Threads(Protocol):
    """An owner's threads, as users see them."""

    async def page(self, owner: str, *, cursor: str | None, limit: int) -> Page:
        """A page of the owner's threads, the newest first.

        :raises BadField: the cursor is not valid.
        """
        ...

    async def create(self, owner: str, thread_id: str, title: str) -> Thread:
        """Create an empty thread. An existing thread is not changed and is returned.

        :raises WritesUsedUp: the owner has written as much as is allowed today.
        """
        ...

    async def load(
        self, owner: str, thread_id: str, *, before: int | None = None, limit: int | None = None
    ) -> tuple[Turn, ...]:
        """Turns of a thread, oldest first; the running one last, if there is one.

        :param before: only turns with a smaller number. ``limit``: at most this many, the newest of them.
        :raises NotFound: no such thread.
        """
        ...

    async def rename(self, owner: str, thread_id: str, title: str) -> Thread:
        """:raises NotFound: no such thread.
        :raises WritesUsedUp: the owner has written as much as is allowed today.
        """
        ...

    async def retitle(self, owner: str, thread_id: str, old: str, new: str) -> None:
        """Replace the title ``old``, which c1fn made, if the thread still has it."""
        ...

    async def delete(self, owner: str, thread_id: str) -> None:
        """Delete the thread and its turns; a turn that is running cannot create it again.

        :raises NotFound: no such thread.
        """
        ...

    async def fork(self, owner: str, thread_id: str, new_id: str, until: Until) -> Thread:
        """Create the thread ``new_id`` with the complete turns of a thread until one of them. Nobody sees it
        before it has them all; afterwards neither thread depends on the other. If this fork was made before,
        the thread is returned as it is.

        :raises NotFound: no such thread, or no such turn; or this fork was made and deleted.
        :raises Busy: the turn to be taken is running; or this fork is just being made.
        :raises ThreadExists: ``new_id`` is another thread.
        :raises TooLarge: the turns are more than ``FORK_TURNS``, or larger than ``FORK_BYTES``.
        :raises OverQuota: the owner has written as much as is allowed today.
        """
        ...

    async def revise(self, owner: str, thread_id: str, response_id: str, content: str) -> None:
        """Replace the visible text of one answer: it contains the state of its form.

        :raises NotFound: no such finished turn.
        :raises WritesUsedUp: the owner has written as much as is allowed today.
        """
        ...

    async def rate(self, owner: str, thread_id: str, response_id: str, feedback: Feedback | None) -> None:
        """Keep what a person thinks of one answer, in the place of what was kept before; None: nothing. If
        its turn is run again, it is forgotten.

        :raises NotFound: no such finished turn.
        """
        ...


class Store(Protocol):
    """All that a deployment keeps, in its four ports."""

    @property
    def turns(self) -> Turns: ...

    @property
    def threads(self) -> Threads: ...

    @property
    def owners(self) -> "Owners": ...

    @property
    def shares(self) -> "Shares": ...

    async def ready(self) -> None:
        """:raises StoreUnavailable: the store cannot be used; its message says what to do."""
        ...

    async def settle(self) -> None:
        """Finish background work, so that the process may be frozen: call it after the last byte.

        A ``commit`` returns as soon as the turn is stored; the thread is released in the background. Nothing
        is lost if this is not called or fails: the next ``open`` then does it, with more round trips.
        """
        ...

    async def aclose(self) -> None:
        """Settle, then close sockets and threads."""
        ...
