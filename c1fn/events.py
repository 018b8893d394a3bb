"""The events of a reply, as two closed unions of frozen values.

``ModelEvent`` goes from a model to c1fn; ``Event`` goes from c1fn to a client. Each ``match`` ends with
``assert_never``, so an event that is not handled is a type error.
"""

from dataclasses import dataclass, field

from c1fn.errors import C1fnError
from c1fn.turn import State, ToolCall, Turn, Usage


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of the answer, as the model wrote it. Never empty, never half a character."""

    text: str


@dataclass(frozen=True, slots=True)
class Called:
    """The model's tool calls, complete and in its order. At most once in a round, after its deltas.

    For a client: these tools begin.
    """

    calls: tuple[ToolCall, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a round. ``reason`` is the model's own finish_reason.

    ``error`` tells why that is no good ending; a round that has one makes no calls. ``opaque`` is what goes
    back to the model with this message (c1fn.turn.Message). ``model`` is the one that answered, as its
    server names it: for spans.
    """

    reason: str
    usage: Usage
    error: C1fnError | None = None
    opaque: str | None = None
    model: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Working:
    """A tool tells with ``progress`` how far it is."""

    tool: str
    progress: str = ""


@dataclass(frozen=True, slots=True)
class Returned:
    """The calls of these ids have their results."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """The turn failed, and was stored as failed. Always the last event.

    ``usage`` is for clients that show it; two ends of one turn are the same event, whoever tells them.
    """

    error: C1fnError
    usage: Usage = field(default=Usage(), compare=False)


@dataclass(frozen=True, slots=True)
class Finished:
    """The turn is over and the store has acknowledged it. Always the last event.

    ``waiting``: the turn, if it ended with pending calls.
    """

    state: State
    usage: Usage = field(default=Usage(), compare=False)
    waiting: Turn | None = None


ModelEvent = Delta | Called | Ended
Event = Delta | Called | Working | Returned | Failed | Finished
