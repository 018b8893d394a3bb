"""Everything a reply can say, as two closed unions of frozen events.

``ModelEvent`` is what a model says to c1fn; ``Event`` is what c1fn says to a client. Each is matched with
``assert_never``, so a new event that somebody forgets is a type error.
"""

from dataclasses import dataclass

from c1fn.errors import C1fnError
from c1fn.turn import State, ToolCall, Usage


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of the answer, as the model wrote it. Never empty, never half a character."""

    text: str


@dataclass(frozen=True, slots=True)
class Called:
    """The model asks for these tools, whole, in its order. At most once in a round, after its deltas."""

    calls: tuple[ToolCall, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """The model said how this round ended. ``reason`` is its finish_reason, in its own words.

    ``error`` tells why that is no good ending; a round that has one makes no calls. ``opaque`` is what goes
    back to the model with this message (c1fn.turn.Message).
    """

    reason: str
    usage: Usage
    error: C1fnError | None = None
    opaque: str | None = None


@dataclass(frozen=True, slots=True)
class Working:
    """A tool has begun."""

    tool: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The turn ended badly and was stored so. Always the last event."""

    error: C1fnError


@dataclass(frozen=True, slots=True)
class Finished:
    """The turn is over and the store has acknowledged it. Always the last event."""

    state: State


ModelEvent = Delta | Called | Ended
Event = Delta | Working | Failed | Finished
