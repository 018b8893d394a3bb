"""An answer told again: for how long, to whom, and from where on."""

import asyncio
from collections.abc import AsyncGenerator

from c1fn.chat.event_queue import EventQueue
from c1fn.chat.following import tell
from c1fn.events import Delta, Event, Failed, Finished
from c1fn.turn import Message, State, Turn
from tests.chat.scene import Stage, ask, heard
from tests.scripted import says

TURN = Turn(1, "r", State.DONE, Message("user", "hi"), 0.0, (Message("assistant", "so far and on"),))


async def story(*parts: str | Turn | asyncio.Event) -> AsyncGenerator[str | Turn, None]:
    for part in parts:
        if isinstance(part, asyncio.Event):
            await part.wait()
        else:
            yield part


async def told(*parts: str | Turn | asyncio.Event, seconds: float = 60) -> list[Event]:
    reply = EventQueue()
    reply.comes_from(asyncio.create_task(tell(story(*parts), reply, seconds)))
    return await heard(reply)


async def test_an_answer_is_followed_for_a_while_and_then_nothing_is_said() -> None:
    """Neither an end nor a failure: its client asks for the rest."""
    assert await told("so far", asyncio.Event(), TURN, seconds=0.05) == [Delta("so far")]


async def test_a_follower_ends_with_its_reader_and_a_turn_does_not(stage: Stage) -> None:
    gate = asyncio.Event()
    scene = stage([Delta("a"), gate, *says("b")])
    running = await scene.chat.begin(ask())
    again = await scene.chat.begin(ask())  # the same responseId: it follows
    third = await scene.chat.follow("o", "t", "r1")
    for follower in (again, third):
        follower.leave()
        await follower.over()
        assert follower.ended or isinstance((await follower.take(60))[0], Failed)
    running.leave()
    gate.set()
    assert await heard(running) == [Delta("a"), Delta("b"), Finished(State.DONE)]
    assert scene.store.memory.used["o"].followers == 0


async def test_a_process_keeps_no_follower_longer_than_a_stretch(stage: Stage) -> None:
    gate = asyncio.Event()
    scene = stage([Delta("a"), gate, *says("b")], followed=0.05)
    running = await scene.chat.begin(ask())
    assert await heard(await scene.chat.begin(ask())) == []  # nothing was stored of it so far
    gate.set()
    await heard(running)
    assert await heard(await scene.chat.follow("o", "t", "r1")) == [Delta("ab"), Finished(State.DONE)]


async def test_the_platforms_time_ends_a_follower_too(stage: Stage) -> None:
    scene = stage([asyncio.Event()])
    running = await scene.chat.begin(ask())
    assert await heard(await scene.chat.follow("o", "t", "r1", seconds=0.05)) == []
    await scene.chat.drain(0)
    await running.over()
