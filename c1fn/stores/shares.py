"""The port of shared links: whoever has one reads a thread as it stood when the link was made.

A share is a reference: it ends with its thread, with its time, or when its owner revokes it. The turns until
its last one never change, because the last one is answered. `tests/stores/shares.py` proves the rules for
each store.
"""

from dataclasses import dataclass
from typing import Protocol

from c1fn.turn import Turn

SHARES = 100
"""Links that one owner may have at a time: more than a person makes, and a list that fits on a page."""

VIEWS = 1_000
"""Times that one link may be opened on a day of UTC: enough for a class or a company, and a bound of what
strangers can make a deployment read.
"""


@dataclass(frozen=True, slots=True)
class Share:
    """A link, and what it shows: the turns of a thread until number ``last``. ``token`` cannot be guessed.
    Times are in seconds since the epoch.
    """

    token: str
    thread_id: str
    title: str
    last: int
    created: float
    expires: float


class Shares(Protocol):
    """Links to threads, for whoever has them."""

    async def create(self, owner: str, thread_id: str, seconds: float) -> Share:
        """A new link to the thread until its newest answered turn.

        :raises NotFound: no such thread.
        :raises TooManyShares: the owner has ``SHARES`` links.
        :raises WritesUsedUp: the owner has written as much as is allowed today.
        """
        ...

    async def list(self, owner: str) -> tuple[Share, ...]:
        """The owner's links that open, the newest first."""
        ...

    async def revoke(self, owner: str, token: str) -> None:
        """End a link at once.

        :raises NotFound: the owner has no such link.
        """
        ...

    async def view(self, token: str, *, before: int | None, limit: int) -> tuple[Share, tuple[Turn, ...]]:
        """What a link shows: its newest turns, or those before a number, oldest first; counted before it is
        read. Who asks need not be known.

        :raises NotFound: there is no such link: never was, expired, revoked, or its thread was deleted.
        :raises ShareUsedUp: it was opened ``VIEWS`` times today.
        """
        ...
