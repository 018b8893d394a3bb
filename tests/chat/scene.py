"""A chat over the memory store and a scripted model, with what it logged."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from c1fn.chat.converse import Chat
from c1fn.chat.event_queue import EventQueue
from c1fn.events import Delta, Event
from c1fn.stores.memory import MemoryStore
from c1fn.telemetry.log import TurnLine
from c1fn.turn import Ask, Message, ToolCall, Turn
from tests.scripted import ScriptedModel


def ask(prompt: str = "hi", response_id: str = "r1", thread_id: str = "t") -> Ask:
    return Ask("o", thread_id, response_id, Message("user", prompt, id="client's"))


async def add(a: int, b: int) -> int:
    """Add."""
    return a + b


CALLS = (ToolCall("c1", "add", '{"a":1,"b":2}'), ToolCall("c2", "add", '{"a":3,"b":4}'))


@dataclass
class Pulse:
    """A sleep that lasts until the test lets it end: one beat at a time."""

    beats: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    asleep: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    async def __call__(self, _seconds: float) -> None:
        self.asleep.release()
        await self.beats.acquire()

    def beat(self) -> None:
        self.beats.release()


@dataclass
class Scene:
    """A Chat over the memory store, with what it logged."""

    model: ScriptedModel
    chat: Chat
    store: MemoryStore
    lines: list[TurnLine]
    pulse: Pulse

    async def turn(self, number: int = 1) -> Turn:
        return (await self.store.threads.load("o", "t"))[number - 1]


Stage = Callable[..., Scene]


async def heard(reply: EventQueue) -> list[Event]:
    events: list[Event] = []
    while not reply.ended:
        events += await reply.take(60)
    await reply.over()
    return events


def text(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Delta))
