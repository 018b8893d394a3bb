"""Who calls: the request's scope in, a Caller out. Pure: nothing here does I/O.

The caller is the owner in every key of the store, so another owner's thread cannot even be named.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sends a request; ``owner`` is stable for one person or one key."""

    owner: str


ANYBODY = Caller("anybody")
"""The one caller of a service that asks nobody who they are: the local server."""
