"""The port of models: messages and tools go in, the events of one round come out."""

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from c1fn.events import ModelEvent
from c1fn.turn import Message
from c1fn.turn import ToolSpec as ToolSpec


class Unusable(ValueError):
    """The model's address, or a proxy for it, cannot be used. The message is for the operator."""


class Model(Protocol):
    """A model that speaks; it may be used by many turns at once."""

    @property
    def name(self) -> str:
        """The model's name, for logs and for the line that `c1fn serve` prints."""
        ...

    def stream(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
    ) -> AsyncGenerator[ModelEvent, None]:
        """Run one round: deltas in order, then at most one ``Called``, then exactly one ``Ended``.

        Closing the generator early releases the connection.

        :raises ModelError: the model rejected the request, failed, sent nothing for too long, or its stream
            broke. An incomplete answer always raises.
        """
        ...

    async def aclose(self) -> None:
        """Close the sockets."""
        ...
