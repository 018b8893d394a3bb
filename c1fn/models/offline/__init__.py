"""A built-in model that needs no account: it answers each prompt with a card that the official clients
render, in C1's form or in OpenUI Lang.

The same history always gives the same answer. The words of the prompt choose what the card shows (charts of
several kinds, tables, forms); if they choose nothing, it is shown in turn. The figures are invented: they
come from a checksum of what the prompt is about. The user's text is quoted as plain text, shortened. A tool
is called only when the prompt says so: ``use the tool get_time {"zone": "UTC"}``.

`prompts` reads what was said, `figures` what it is about, `answers` chooses, `cards` and `programs` write.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

from c1fn.events import Called, Delta, Ended, ModelEvent
from c1fn.models import ToolSpec
from c1fn.models.offline.cards import card
from c1fn.models.offline.programs import program
from c1fn.models.offline.prompts import hear
from c1fn.turn import Message, ToolCall, Usage

DELTA = 8
"""Characters of a delta, an entity counted as one: about what a model's tokens hold."""


class OfflineModel:
    """Deterministic, in small deltas.

    :param pace: seconds before each delta.
    :param openui: write OpenUI Lang.
    """

    def __init__(
        self,
        *,
        pace: float = 0.0,
        openui: bool = False,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.name = "offline-openui" if openui else "offline"
        self._write = program if openui else card
        self._pace = pace
        self._sleep = sleep

    async def stream(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
    ) -> AsyncGenerator[ModelEvent, None]:
        call = _asked_call(messages, tools)
        if call is not None:
            yield Called((call,))
            yield Ended("tool_calls", _usage(messages, call.arguments))
            return
        answer = self._write(messages)
        for piece in _pieces(answer):
            await self._sleep(self._pace)
            yield Delta(piece)
        yield Ended("stop", _usage(messages, answer))

    async def aclose(self) -> None:
        """Nothing is open."""


def _asked_call(messages: Sequence[Message], tools: Sequence[ToolSpec]) -> ToolCall | None:
    if not messages or messages[-1].role != "user":
        return None
    asked = re.search(r"\buse the tool (\w+)\s*(\{.*\})?", hear(messages[-1].content).text)
    if asked is None or asked[1] not in {tool.name for tool in tools}:
        return None
    return ToolCall(f"call_{len(messages)}", asked[1], asked[2] or "{}")


def _pieces(text: str) -> list[str]:
    """The text in small pieces; an entity is never cut."""
    return re.findall(rf"(?:&#?\w+;|[^&]){{1,{DELTA}}}", text)


def _usage(messages: Sequence[Message], answer: str) -> Usage:
    """An estimate: four characters a token."""
    return Usage(sum(len(m.content) for m in messages) // 4, len(answer) // 4)
