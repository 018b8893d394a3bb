"""An answer that could not be saved is saved later, and its model is asked once."""

import pytest

from c1fn.chat.unsaved import MOST, Unsaved
from c1fn.errors import Busy, LeaseLost, Mismatch, StoreUnavailable
from c1fn.stores import LEASE, Claim, Replay
from c1fn.stores.memory import MemoryStore
from c1fn.stores.memory.turns import MemoryTurns
from c1fn.turn import State, Turn
from tests.stores.clockwork import Clockwork
from tests.stores.contract import answered, ask, claimed


class Refusing(MemoryTurns):
    """Turns in memory that take no commit while they are told not to."""

    refuses = False

    async def commit(self, claim: Claim, turn: Turn) -> None:
        if self.refuses:
            raise StoreUnavailable("no")
        await super().commit(claim, turn)


class Scene:
    def __init__(self) -> None:
        self.time = Clockwork()
        self.store = MemoryStore(clock=self.time.clock)
        self.turns = Refusing(self.store.memory, self.time.sleep, iter(map(str, range(99))).__next__)
        self.unsaved = Unsaved(self.turns)

    async def lose(self, response: str, thread: str = "t", state: State = State.DONE) -> Turn:
        """A turn whose commit the store refuses."""
        claim = claimed(await self.unsaved.open(ask(response, thread=thread), history=9))
        turn, self.turns.refuses = answered(claim, "hi", state=state), True
        with pytest.raises(StoreUnavailable):
            await self.unsaved.commit(claim, turn)
        self.turns.refuses = False
        return turn


@pytest.fixture
async def scene() -> Scene:
    return Scene()


@pytest.mark.parametrize("state", [State.DONE, State.STOPPED])
async def test_the_retry_gets_the_answer(scene: Scene, state: State) -> None:
    """Also when the lease is over meanwhile: nobody else has taken the turn."""
    turn = await scene.lose("r1", state=state)
    scene.time.advance(LEASE * 2)
    assert await scene.unsaved.open(ask("r1"), history=9) == Replay(turn)
    assert await scene.turns.open(ask("r1"), history=9) == Replay(turn)


async def test_another_prompt_comes_after_it(scene: Scene) -> None:
    """It is not busy, and sees the answer in its history."""
    turn = await scene.lose("r1")
    claim = claimed(await scene.unsaved.open(ask("r2"), history=9))
    assert (claim.number, claim.history) == (2, (turn,))


async def test_a_store_that_is_still_away(scene: Scene) -> None:
    """The retry is told so, and the model is not asked; another prompt is told what the store says."""
    turn = await scene.lose("r1")
    scene.turns.refuses = True
    with pytest.raises(StoreUnavailable):
        await scene.unsaved.open(ask("r1"), history=9)
    with pytest.raises(Busy):
        await scene.unsaved.open(ask("r2"), history=9)
    scene.turns.refuses = False
    assert await scene.unsaved.open(ask("r1"), history=9) == Replay(turn)


async def test_another_machine_has_taken_it_over(scene: Scene) -> None:
    """Then the turn is whose it is."""
    await scene.lose("r1")
    scene.time.advance(LEASE)
    taker = claimed(await scene.turns.open(ask("r2"), history=9))
    opened = await scene.unsaved.open(ask("r1"), history=9)
    assert isinstance(opened, Replay)
    assert opened.turn.state is State.INTERRUPTED
    with pytest.raises(Busy):
        await scene.unsaved.open(ask("r3"), history=9)
    await scene.turns.commit(taker, answered(taker, "theirs"))


async def test_another_prompt_under_its_responseid(scene: Scene) -> None:
    """It is a mismatch, as ever."""
    await scene.lose("r1")
    with pytest.raises(Mismatch):
        await scene.unsaved.open(ask("r1", "other"), history=9)


async def test_a_failed_turn_is_not_kept(scene: Scene) -> None:
    """Its responseId asks the model again anyway."""
    await scene.lose("r1", state=State.FAILED)
    scene.time.advance(LEASE)
    assert claimed(await scene.unsaved.open(ask("r1"), history=9)).number == 1


async def test_no_more_than_so_many_are_kept(scene: Scene) -> None:
    """The oldest goes first."""
    for number in range(MOST + 1):
        await scene.lose("r", f"t{number}")
    scene.time.advance(LEASE)
    claimed(await scene.unsaved.open(ask("r", thread="t0"), history=9))
    assert isinstance(await scene.unsaved.open(ask("r", thread="t1"), history=9), Replay)


async def test_a_lost_lease_is_told(scene: Scene) -> None:
    """And nothing is kept."""
    claim = claimed(await scene.unsaved.open(ask("r1"), history=9))
    scene.time.advance(LEASE)
    claimed(await scene.turns.open(ask("r1"), history=9))
    with pytest.raises(LeaseLost):
        await scene.unsaved.commit(claim, answered(claim, "late"))
