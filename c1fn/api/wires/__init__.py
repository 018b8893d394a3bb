"""Events as a client's bytes: the port, and one module a protocol."""

from collections.abc import Iterable
from typing import Protocol

from c1fn.events import Event


class Wire(Protocol):
    """One answer's encoder."""

    def encode(self, events: Iterable[Event]) -> bytes:
        """The bytes of these events, joined: a burst leaves in one piece."""

    def keep_alive(self) -> bytes:
        """Something to send in a silence."""

    def unfinished(self) -> bytes:
        """The last bytes of a response that ends before its answer does, so its client asks for the rest."""
