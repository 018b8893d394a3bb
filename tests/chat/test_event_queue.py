import asyncio

import pytest

from c1fn.chat.event_queue import EventQueue
from c1fn.events import Delta, Finished
from c1fn.turn import State


async def test_what_came_together_leaves_together() -> None:
    reply = EventQueue()
    reply.say(Delta("a"))
    reply.say(Delta("b"))
    assert await reply.take(60) == [Delta("a"), Delta("b")]


async def test_a_reader_is_woken_by_the_first_word() -> None:
    reply, never = EventQueue(), asyncio.Event()
    reply.comes_from(asyncio.create_task(never.wait()))  # type: ignore[arg-type]  # any task will do
    reading = asyncio.create_task(reply.take(60))
    while not reading.done():
        reply.say(Delta("a"))
        await asyncio.wait([reading], timeout=0)
    assert (await reading)[0] == Delta("a")
    never.set()
    await reply.over()


async def test_silence_is_an_empty_answer() -> None:
    never = asyncio.Event()
    reply = EventQueue()
    reply.comes_from(asyncio.create_task(never.wait()))  # type: ignore[arg-type]  # any task will do
    assert await reply.take(0.001) == []
    assert not reply.ended
    never.set()
    await reply.over()


async def test_a_turn_that_ends_without_a_word_wakes_its_reader() -> None:
    async def turn() -> None:
        raise RuntimeError("bug")

    reply = EventQueue()
    reply.comes_from(asyncio.create_task(turn()))
    assert await reply.take(60) == []
    assert reply.ended
    with pytest.raises(RuntimeError, match="bug"):
        await reply.over()


async def test_a_reader_that_is_cancelled_does_not_cancel_the_turn() -> None:
    gate, done = asyncio.Event(), asyncio.Event()

    async def turn() -> None:
        await gate.wait()
        done.set()

    reply = EventQueue()
    reply.comes_from(asyncio.create_task(turn()))
    reader = asyncio.create_task(reply.over())
    await asyncio.wait([reader], timeout=0)
    reader.cancel()
    await asyncio.wait([reader])
    gate.set()
    await reply.over()
    assert done.is_set()


async def test_a_replay_needs_no_task() -> None:
    reply = EventQueue()
    reply.say(Finished(State.DONE))
    ended = [reply.ended]
    assert await reply.take(60) == [Finished(State.DONE)]
    assert [*ended, reply.ended] == [False, True]
    await reply.over()
