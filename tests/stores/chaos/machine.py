"""One machine of a storm: it asks for turns, and writes in its journal what it does, before and after.

It asks under a responseId of its own, or under one that others use at the same time, and then answers, fails,
stops, asks whether a call may be made, dies, or sleeps beyond its lease and comes back as a zombie. `worker`
is what it does in between.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

from c1fn.errors import (
    Busy,
    C1fnError,
    LeaseLost,
    NotFound,
    NotWaiting,
    StoreUnavailable,
    ThreadExists,
    TooLarge,
)
from c1fn.stores import LEASE, Claim, Replay
from c1fn.stores.dynamodb import DynamoStore
from c1fn.stores.dynamodb.claim import DynamoClaim
from c1fn.turn import Ask, Message, Resume, State, ToolCall, Turn
from tests.stores.chaos.journal import Journal, brief
from tests.stores.chaos.weather import HISTORY, Place, Weather, noise, prompt_of, resumed_by

LARGE = 0.01  # of the answers and of the saved forms do not fit in a row

WAITS = 0.3  # of the prompts that find a thread busy wait for it
LOOKS = 8  # of such a prompt, a second after each other
GIVES_UP = 0.5  # of those that were not in time say so; the others just go

FATES = {"answers": 60, "fails": 8, "stops": 4, "waits": 8, "dies": 6, "zombie": 10, "renews": 12}

STATES = {"fails": State.FAILED, "stops": State.STOPPED, "waits": State.WAITING}

ASKS = ToolCall("call", "refund", "{}")
"""What a turn ends with that waits for an answer."""

OUTCOMES: dict[type[C1fnError], str] = {
    LeaseLost: "lost",
    NotFound: "deleted",
    Busy: "busy",
    NotWaiting: "refused",
    ThreadExists: "exists",
    TooLarge: "large",
    StoreUnavailable: "unknown",
}
"""How a call ended that was not done: "deleted": nothing is there; "unknown": it may have done anything."""


class Machine:
    def __init__(
        self, weather: Weather, name: str, journal: Journal, store: DynamoStore, dice: random.Random
    ) -> None:
        self._weather = weather
        self._name = name
        self._journal = journal
        self._store = store
        self._dice = dice
        self._zombies: list[asyncio.Task[None]] = []
        self._answered: list[tuple[Place, str]] = []
        self._waiting: list[tuple[Place, str]] = []

    # ---- a turn

    async def turn(
        self, response: str, fate: str | None = None, place: Place | None = None, *, waited: bool = False
    ) -> bool:
        """One request. True when it came to something; else it is asked again, as clients do.

        :param place: another thread than the one that the responseId is first asked for on.
        :param waited: it has waited for the turn before it.
        """
        place = place or self._weather.place(response)
        resumes = resumed_by(response)
        resume = Resume(resumes, None) if resumes else None
        ask = Ask(*place, response, Message("user", prompt_of(response), resume=resume))
        number = self._begin("open", place, response=response, resumes=resumes)
        try:
            opened = await self._store.turns.open(ask, history=HISTORY)
        except (Busy, StoreUnavailable) as no:
            self._end(number, outcome=OUTCOMES[type(no)])
            waits = isinstance(no, Busy) and not waited and self._dice.random() < WAITS
            if waits and await self._wait(ask):
                return await self.turn(response, fate, place, waited=True)
            await self._weather.sleep(self._dice.random() * 4)
            return False
        except (NotFound, NotWaiting) as no:
            self._end(number, outcome=OUTCOMES[type(no)])
            return True
        if not isinstance(opened, Claim):
            turns = [opened.turn] if isinstance(opened, Replay) else []
            self._end(number, turns, outcome=type(opened).__name__.lower())
            return True
        self._end(number, opened.history, outcome="claim", **_claimed(opened))
        await self._answer(opened, fate or self._dice.choices(list(FATES), list(FATES.values()))[0])
        return True

    async def _wait(self, ask: Ask) -> bool:
        """Reserve the next turn, until the thread is free for it. False: it was not in time."""
        place, free = (ask.owner, ask.thread_id), False

        def tell(answer: bool) -> dict[str, Any]:  # noqa: FBT001 - the store's own answer
            nonlocal free
            free = answer
            return {"text": "free" if free else "reserved"}

        for _ in range(LOOKS):
            work = self._store.turns.reserve(ask)
            outcome = await self._call("reserve", place, work, tell, response=ask.response_id)
            if free or outcome != "done":
                break
            await self._weather.sleep(1)
        if not free and self._dice.random() < GIVES_UP:
            left = self._store.turns.unreserve(ask)
            await self._call("unreserve", place, left, response=ask.response_id)
        return free

    async def _answer(self, claim: Claim, fate: str) -> None:
        text = self._large(f"{claim.attempt} said {self._dice.random()}")
        if fate == "dies":
            return
        if fate == "zombie":
            self._zombies.append(asyncio.create_task(self._rise(claim, text)))
            return
        if fate == "renews":
            await self._renew(claim, text)
        await self._commit(claim, text, STATES.get(fate, State.DONE))

    async def _renew(self, claim: Claim, text: str) -> None:
        for part in range(1, 4):
            await self._weather.sleep(11)
            try:
                await self._store.turns.renew(claim, text[: len(claim.attempt) + 5 * part])
            except (LeaseLost, StoreUnavailable):
                return

    async def _rise(self, claim: Claim, text: str) -> None:
        await self._weather.sleep(LEASE + self._dice.random() * 20)
        await self._commit(claim, text, State.DONE)

    async def _commit(self, claim: Claim, text: str, state: State) -> None:
        place, response = (claim.ask.owner, claim.ask.thread_id), claim.ask.response_id
        calls = (ASKS,) if state is State.WAITING else ()
        reply = (Message("assistant", text, id=response, tool_calls=calls),)
        turn = Turn(claim.number, response, state, claim.ask.prompt, claim.started, reply)
        about = _claimed(claim) | {"text": brief(text), "state": state.value, "response": response}
        outcome = await self._call("commit", place, self._store.turns.commit(claim, turn), **about)
        if outcome == "done" and state is State.DONE:
            self._answered.append((place, response))
        if outcome == "done" and state is State.WAITING:
            self._waiting.append((place, response))

    def _large(self, text: str) -> str:
        return text + noise(self._dice, 400_000) if self._dice.random() < LARGE else text

    # ---- reading

    async def load(self, place: Place) -> None:
        def tell(turns: tuple[Turn, ...]) -> dict[str, Any]:
            if turns and turns[-1].state is State.WAITING:
                self._waiting.append((place, turns[-1].response_id))
            return {"seen": turns}

        await self._call("load", place, self._store.threads.load(*place), tell)

    # ---- the journal

    async def _call(
        self,
        operation: str,
        place: Place,
        work: Awaitable[Any],
        tell: Callable[[Any], dict[str, Any]] = lambda _: {},
        **about: Any,
    ) -> str:
        """How it ended.

        :param tell: what the journal is to say of the answer; ``seen``: of the turns that it showed.
        """
        number = self._begin(operation, place, **about)
        try:
            told = tell(await work) | {"outcome": "done"}
        except tuple(OUTCOMES) as no:
            told = {"outcome": OUTCOMES[type(no)]}
        self._end(number, told.pop("seen", ()), **told)
        outcome: str = told["outcome"]
        return outcome

    def _begin(self, operation: str, place: Place, **about: Any) -> int:
        now, (owner, thread) = self._weather.clock(), place
        return self._journal.begin(
            machine=self._name, operation=operation, owner=owner, thread=thread, began=now, **about
        )

    def _end(self, number: int, seen: Any = (), /, **about: Any) -> None:
        self._journal.end(number, seen, ended=self._weather.clock(), **about)


def _claimed(claim: Claim) -> dict[str, Any]:
    assert isinstance(claim, DynamoClaim)
    return {
        "text": brief(claim.waiting.answer) if claim.waiting else "",
        "attempt": claim.attempt,
        "generation": claim.key.generation,
        "number": claim.number,
        "started": claim.started,
    }
