"""What is to be seen of one turn, from any process: its row, or its run, and the answer as it grows.

A follower looks every second. Its readings are consistent: it is rare, and it must not miss an end.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass

from c1fn.errors import DamagedRow, NotFound
from c1fn.stores.dynamodb.pack import unpack_turn
from c1fn.stores.dynamodb.rows import Run, Spot, ThreadRow, TurnRow, checkpoint_sk
from c1fn.stores.dynamodb.threads import Threads
from c1fn.stores.dynamodb.turns import Turns
from c1fn.turn import Message, State, Turn

FOLLOWING = 1.0
"""Seconds between two looks of a follower."""


@dataclass(frozen=True, slots=True)
class Sight:
    """One turn, seen once: its row, if that is final, or else its run, which lives or does not.

    ``gone``: there is no such thread.
    """

    spot: Spot
    number: int = 0
    row: TurnRow | None = None
    run: Run | None = None
    alive: bool = False
    gone: bool = False


class Following:
    def __init__(
        self,
        threads: Threads,
        turns: Turns,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._threads = threads
        self._turns = turns
        self._clock = clock
        self._sleep = sleep

    async def look(self, owner: str, thread_id: str, response_id: str) -> Sight:
        thread = await self._threads.get(Spot(owner, thread_id))
        if thread is None or not thread.is_there(self._clock()):
            return Sight(Spot(owner, thread_id), gone=True)
        spot = Spot(owner, thread_id, thread.generation)
        row = await self._turns.find_row(spot, response_id)
        run = thread.run if thread.run and thread.run.response_id == response_id else None
        if row and (row.answered or run is None or row.attempt == run.attempt):
            return Sight(spot, row.number, row)
        if run is None:
            return Sight(spot)
        return Sight(spot, thread.running_number, None, run, run.until > self._clock())

    async def follow(self, owner: str, thread_id: str, response_id: str) -> AsyncGenerator[str | Turn, None]:
        """Pieces of the answer from its beginning, then the turn.

        :raises NotFound: no such turn, or not any more.
        """
        sent, sight = "", await self.look(owner, thread_id, response_id)
        while sight.run and sight.alive:
            for piece in await self._growth(sight.spot, sight.run, sent):
                sent += piece
                yield piece
            await self._sleep(FOLLOWING)
            seen, sight = sight, await self.look(owner, thread_id, response_id)
            if sight.gone or sight.spot != seen.spot:
                raise NotFound("This conversation was deleted.")
            same = sight.run and seen.run and sight.run.attempt == seen.run.attempt
            if sight.row is None and not same:
                sight = Sight(seen.spot, seen.number, None, seen.run)  # begun anew
        if sight.row:
            turn = await self._turns.noun(sight.spot, sight.row)
        elif sight.run:
            turn = await self.ended(sight.spot, sight.run, sight.number)
        else:
            raise NotFound("There is no such turn.")
        if turn.answer.startswith(sent) and turn.answer != sent:
            yield turn.answer[len(sent) :]
        yield turn

    async def _growth(self, spot: Spot, run: Run, sent: str) -> list[str]:
        """What a running answer has grown by since ``sent``; nothing where checkpoints are off."""
        said = await self._said(spot, run)
        return [said[len(sent) :]] if len(said) > len(sent) else []

    async def _said(self, spot: Spot, run: Run) -> str:
        """What the checkpoints hold. One that was written again replaces what was there from its place on."""
        said = ""
        first, last = checkpoint_sk(run.attempt, 0), checkpoint_sk(run.attempt, 999_999)
        for at, text in await self._turns.checkpoints(spot, first, last):
            said = said[:at] + text
        return said

    async def ended(self, spot: Spot, run: Run, number: int) -> Turn:
        """A run whose end nobody wrote, as an interrupted turn."""
        return await self._drafted(spot, run, number, State.INTERRUPTED)

    async def shown(self, spot: Spot, run: Run, thread: ThreadRow) -> Turn:
        """The turn that runs, or that died and was not buried yet."""
        state = State.RUNNING if thread.alive(self._clock()) else State.INTERRUPTED
        return await self._drafted(spot, run, thread.running_number, state)

    async def _drafted(self, spot: Spot, run: Run, number: int, state: State) -> Turn:
        """A turn without a row, with what its checkpoints hold of the answer."""
        prompt = await self._prompt(spot, run)
        if prompt is None:
            return _unreadable(run, number)
        said = await self._said(spot, run)
        reply = (Message("assistant", said, id=run.response_id),) if said else ()
        return Turn(number, run.response_id, state, prompt, run.started, reply)

    async def _prompt(self, spot: Spot, run: Run) -> Message | None:
        try:
            return unpack_turn(await self._turns.fetch(spot, run.prompt))[0]
        except DamagedRow:
            return None


def _unreadable(run: Run, number: int) -> Turn:
    nothing = Message("user", "")
    return Turn(number, run.response_id, State.FAILED, nothing, run.started, error=DamagedRow.code)
