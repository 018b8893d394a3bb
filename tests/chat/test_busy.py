"""A prompt that comes while an answer is written waits for it, for a bounded time."""

import asyncio

import pytest

from c1fn.chat.approval import needs_approval
from c1fn.chat.busy import SHARE, WAIT, patience, until_free
from c1fn.errors import Busy, Interrupted, NotFound
from c1fn.events import Called, Delta, Ended, Failed, Finished
from c1fn.stores.memory import MemoryStore
from c1fn.turn import Ask, Message, Resume, State, ToolCall, Usage
from tests.chat.scene import Stage, ask, heard, text
from tests.scripted import says
from tests.stores.clockwork import Clockwork


@pytest.mark.parametrize(
    ("seconds", "waited"), [(None, WAIT), (1000, WAIT), (40, 40 * SHARE), (0.001, 0.0005)]
)
def test_half_of_a_requests_time_is_left_for_its_answer(seconds: float | None, waited: float) -> None:
    assert patience(seconds) == waited


async def test_prompts_are_answered_in_their_order(stage: Stage) -> None:
    """The one that waits begins when the one before it is stored, also if its reader has left; a third one is
    refused.
    """
    gate = asyncio.Event()
    scene = stage([Delta("one"), gate, *says()], says("two"), waits=True)
    first = await scene.chat.begin(ask("p1", "r1"))
    await scene.pulse.asleep.acquire()
    second = await scene.chat.begin(ask("p2", "r2"))
    await scene.pulse.asleep.acquire()
    third = await scene.chat.begin(ask("p3", "r3"))
    (refused,) = await heard(third)
    assert isinstance(refused, Failed)
    assert isinstance(refused.error, Busy)
    second.leave()
    gate.set()
    assert text(await heard(first)) == "one"
    scene.pulse.beat()
    scene.pulse.beat()
    await second.over()
    turns = await scene.store.threads.load("o", "t")
    assert [(turn.prompt.content, turn.state, turn.answer) for turn in turns] == [
        ("p1", State.DONE, "one"),
        ("p2", State.DONE, "two"),
    ]
    assert [message.content for message in scene.model.asked[1]] == ["p1", "one", "p2"]


async def test_the_same_prompt_twice_waits_once(stage: Stage) -> None:
    """A browser sends it again: both get the one answer."""
    gate = asyncio.Event()
    scene = stage([Delta("one"), gate, *says()], says("two"), waits=True)
    first = await scene.chat.begin(ask("p1", "r1"))
    both = [await scene.chat.begin(ask("p2", "r2")) for _ in range(2)]
    for _ in range(3):
        await scene.pulse.asleep.acquire()
    gate.set()
    await heard(first)
    for _ in range(9):
        scene.pulse.beat()
    assert [text(await heard(reply)) for reply in both] == ["two", "two"]
    assert len(scene.model.asked) == 2


async def test_what_waits_is_told_when_the_process_ends(stage: Stage) -> None:
    scene = stage([asyncio.Event()], waits=True)
    await scene.chat.begin(ask("p1", "r1"))
    waiting = await scene.chat.begin(ask("p2", "r2"))
    await scene.pulse.asleep.acquire()
    await scene.pulse.asleep.acquire()
    await scene.chat.drain(grace=0)
    (told,) = await heard(waiting)
    assert isinstance(told, Failed)
    assert isinstance(told.error, Interrupted)
    assert not scene.store.memory.get("o", "t").next


async def test_a_deleted_thread_is_not_made_again_by_what_waits(stage: Stage) -> None:
    scene = stage([asyncio.Event()], waits=True)
    await scene.chat.begin(ask("p1", "r1"))
    await scene.pulse.asleep.acquire()
    waiting = await scene.chat.begin(ask("p2", "r2"))
    await scene.pulse.asleep.acquire()
    await scene.store.threads.delete("o", "t")
    scene.pulse.beat()
    scene.pulse.beat()
    (told,) = await heard(waiting)
    assert isinstance(told, Failed)
    assert isinstance(told.error, NotFound)
    assert (await scene.store.threads.page("o", cursor=None, limit=1)).threads == ()


@pytest.mark.parametrize("resume", [None, Resume("r0", (), (("c0", "shown"),))])
async def test_a_question_is_not_refused_by_what_waited_behind_it(
    stage: Stage, resume: Resume | None
) -> None:
    """Its person sent the prompt before the question was there: they answer it first. What the prompt brought
    of an older turn is no answer.
    """

    @needs_approval
    def refund() -> None:
        """Refund."""

    gate = asyncio.Event()
    call = (ToolCall("c1", "refund", "{}"),)
    scene = stage([gate, Called(call), Ended("tool_calls", Usage())], says("x"), tools=[refund], waits=True)
    first = await scene.chat.begin(ask("p1", "r1"))
    await scene.pulse.asleep.acquire()
    second = await scene.chat.begin(Ask("o", "t", "r2", Message("user", "p2", resume=resume)))
    await scene.pulse.asleep.acquire()
    gate.set()
    await heard(first)
    scene.pulse.beat()
    scene.pulse.beat()
    (told,) = await heard(second)
    assert isinstance(told, Failed)
    assert "asks you something" in str(told.error)
    assert (await scene.turn()).state is State.WAITING
    yes = Ask("o", "t", "r3", Message("user", "Approve", resume=Resume("r1", None)))
    assert text(await heard(await scene.chat.begin(yes))) == "x"


async def test_a_wait_ends_and_gives_up_its_place() -> None:
    time = Clockwork()
    store = MemoryStore(clock=time.clock)
    await store.turns.open(ask("p1", "r1"), history=0)
    waiting = asyncio.ensure_future(until_free(store, ask("p2", "r2"), 10, time.clock, time.sleep))
    await time.asleep()
    began = time.now
    with pytest.raises(Busy):
        await time.run(waiting)
    assert time.now == began + 10
    assert not await store.turns.reserve(ask("p3", "r3"))


async def test_a_thread_that_is_free_is_not_waited_for(stage: Stage) -> None:
    scene = stage(says("one"), waits=True)
    assert await heard(await scene.chat.begin(ask())) == [Delta("one"), Finished(State.DONE)]
