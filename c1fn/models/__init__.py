"""The port of models: messages and tools in, one round of events out."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from c1fn.events import ModelEvent
from c1fn.turn import Message


class Unusable(ValueError):
    """A model's address, or a proxy on the way to it, cannot be used. The message is for the operator."""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as the model is told of it; ``parameters`` is a JSON Schema."""

    name: str
    description: str
    parameters: Mapping[str, Any]


class Model(Protocol):
    @property
    def name(self) -> str:
        """The model's name, for logs and for the line that `c1fn serve` prints."""
        ...

    def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
    ) -> AsyncGenerator[ModelEvent, None]:
        """One round: deltas in the order written, then at most one ``Called``, then exactly one ``Ended``.

        Closing the generator early gives the connection back.

        :raises ModelError: the model refused, failed, went silent or broke off. An answer that did not come
            to its end never ends cleanly.
        """
        ...

    async def aclose(self) -> None:
        """Give the sockets back."""
        ...
