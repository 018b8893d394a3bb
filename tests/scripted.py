"""A model that says what a test wrote down: a real implementation of the port, with gates."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from c1fn.chat.rounds import Limits
from c1fn.events import Delta, Ended, ModelEvent
from c1fn.models import ToolSpec
from c1fn.turn import Message, Usage

Step = ModelEvent | asyncio.Event | Exception
STOP = Ended("stop", Usage(10, 5))
LIMITS = Limits(history_turns=20, history_tokens=1000, max_answer=1000, max_seconds=300, max_rounds=3)
"""An answer may be held at its gate for as long as a test may take: on a busy machine 60 s were too few."""


def says(*texts: str) -> list[Step]:
    """A round that says these deltas and ends well."""
    return [*map(Delta, texts), STOP]


class ScriptedModel:
    """Each round follows the next script, the last one for ever; an asyncio.Event is a gate to wait at."""

    name = "scripted"

    def __init__(self, *rounds: Sequence[Step]) -> None:
        self._rounds = list(rounds)
        self.asked: list[list[Message]] = []
        self.closed = 0

    async def stream(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
    ) -> AsyncGenerator[ModelEvent, None]:
        self.asked.append(list(messages))
        self.tools = tools
        script = self._rounds.pop(0) if len(self._rounds) > 1 else self._rounds[0]
        try:
            for step in script:
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, asyncio.Event):
                    await step.wait()
                else:
                    yield step
        finally:
            self.closed += 1

    async def aclose(self) -> None:
        """Nothing is held."""
