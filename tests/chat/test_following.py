"""An answer told again: for how long, to whom, and from where on."""

import asyncio
from collections.abc import AsyncGenerator

from c1fn.chat.event_queue import EventQueue
from c1fn.chat.following import tell
from c1fn.errors import NotFound, TooManyAtOnce
from c1fn.events import Delta, Event, Failed, Finished
from c1fn.stores import Opened, Quota, Running
from c1fn.stores.memory import MemoryStore
from c1fn.stores.memory.turns import MemoryTurns
from c1fn.turn import Ask, Message, State, Turn
from tests.chat.scene import Stage, ask, heard, text
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


class Undone(MemoryTurns):
    """Requests find a turn that runs, so many times; it is undone before they can follow it."""

    def __init__(self, store: MemoryStore, times: int) -> None:
        super().__init__(store.memory, asyncio.sleep, lambda: "attempt")
        self._times = times

    async def open(self, ask: Ask, *, history: int) -> Opened:
        self._times -= 1
        return Running(1) if self._times >= 0 else await super().open(ask, history=history)


def undone(times: int = 1, quota: Quota | None = None) -> MemoryStore:
    store = MemoryStore(quota=quota or Quota())
    store.turns = Undone(store, times)
    return store


async def test_who_followed_a_turn_that_was_refused_is_refused_too(stage: Stage) -> None:
    """The reason is that of the turn: its owner runs as many as he may. It was told as an unknown turn."""
    store = undone(quota=Quota(at_once=1))
    await MemoryTurns(store.memory, asyncio.sleep, lambda: "other").open(ask(thread_id="u"), history=1)
    (event,) = await heard(await stage(says("a"), store=store).chat.begin(ask()))
    assert isinstance(event, Failed)
    assert isinstance(event.error, TooManyAtOnce)


async def test_who_followed_a_turn_whose_client_left_begins_it(stage: Stage) -> None:
    """Its request is the turn's from then on: a disconnect does not stop it."""
    gate, store = asyncio.Event(), undone()
    scene = stage([Delta("a"), gate, *says("b")], store=store)
    queue = await scene.chat.begin(ask())
    assert await queue.take(60) == [Delta("a")]
    queue.leave()
    gate.set()
    assert await heard(queue) == [Delta("b"), Finished(State.DONE)]
    assert (await scene.turn()).state is State.DONE
    assert [line.state for line in scene.lines] == [State.DONE]


async def test_who_followed_a_turn_that_another_answered_hears_its_answer(stage: Stage) -> None:
    """It was undone, and begun and answered by another request, between two looks."""

    class Late(Undone):
        async def follow(self, owner: str, thread_id: str, response_id: str) -> AsyncGenerator[str | Turn]:
            if (owner, thread_id, response_id) != ("o", "t", "r1"):
                yield "never"
            await heard(await scene.chat.begin(ask()))
            raise NotFound

    store = MemoryStore()
    store.turns = Late(store, 1)
    scene = stage(says("a"), store=store)
    assert text(await heard(await scene.chat.begin(ask()))) == "a"
    assert len(scene.lines) == 1


async def test_a_turn_that_is_always_undone_is_not_found(stage: Stage) -> None:
    (event,) = await heard(await stage(says("a"), store=undone(2)).chat.begin(ask()))
    assert isinstance(event, Failed)
    assert isinstance(event.error, NotFound)
