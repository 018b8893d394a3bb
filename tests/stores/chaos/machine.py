"""One machine of a storm: a process with a client and a store of its own.

It asks for turns, some of them under a responseId that others use at the same time, and then answers, fails,
stops, dies, or sleeps beyond its lease and comes back as a zombie. In between it saves forms, loads, lists,
renames, stops and deletes. What it does is written in its journal, before and after.
"""

import asyncio
import os
import random
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from c1fn.errors import Busy, LeaseLost, NotFound, StoreUnavailable
from c1fn.stores import LEASE, Claim, Quota, Replay
from c1fn.stores.dynamodb import DynamoStore, connect
from c1fn.stores.dynamodb.claim import DynamoClaim
from c1fn.turn import Ask, Message, State, Turn
from tests.stores.chaos.journal import Journal, brief
from tests.stores.chaos.weather import HISTORY, RETENTION, Place, Weather, noise, prompt_of
from tests.stores.faults import Faults

SHARED = 0.2  # of the turns have a responseId that others use at about the same time
AT_ONCE = 40.0  # seconds for which a shared responseId is new
PATIENCE = 400  # tries of one machine to finish its turns; beyond it the threads count as stuck
LARGE = 0.01  # of the answers and of the saved forms do not fit in a row
ALWAYS = 0.5  # of the machines write checkpoints
QUOTA = Quota(at_once=1_000, turns=10**6, tokens=10**9)  # counted, never reached: test_crowd reaches it

FATES = {"answers": 60, "fails": 8, "stops": 4, "dies": 6, "zombie": 10, "renews": 12}
WORKS = {"turn": 80, "revise": 7, "load": 5, "page": 3, "delete": 2, "rename": 1, "create": 1, "stop": 1}


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

    async def work(self, done: int, turns: int, note: Callable[[int], None]) -> None:
        """:param done: its turns that came to something in an earlier life."""
        for _ in range(PATIENCE):
            note(done)
            if done == turns:
                break
            (work,) = self._dice.choices(list(WORKS), list(WORKS.values()))
            if work == "turn":
                done += await self.turn(self._response(f"{self._name}-{done}"))
            else:
                await getattr(self, f"_{work}")()
        else:
            self._end(self._begin("stuck", ("", "")), outcome="stuck")
        await asyncio.gather(*self._zombies)
        await self._store.settle()
        note(done)

    def _response(self, own: str) -> str:
        if self._dice.random() >= SHARED:
            return own
        return f"shared-{int(self._weather.clock() // AT_ONCE) - self._dice.randint(0, 3)}"

    # ---- a turn

    async def turn(self, response: str, fate: str | None = None) -> bool:
        """One request. True when it came to something; else it is asked again, as clients do."""
        place = self._weather.place(response)
        ask = Ask(*place, response, Message("user", prompt_of(response)))
        number = self._begin("open", place, response=response)
        try:
            opened = await self._store.turns.open(ask, history=HISTORY)
        except (Busy, StoreUnavailable) as no:
            self._end(number, outcome="busy" if isinstance(no, Busy) else "unknown")
            await self._weather.sleep(self._dice.random() * 4)
            return False
        except NotFound:
            self._end(number, outcome="deleted")
            return True
        if not isinstance(opened, Claim):
            turns = [opened.turn] if isinstance(opened, Replay) else []
            self._end(number, turns, outcome=type(opened).__name__.lower())
            return True
        self._end(number, opened.history, outcome="claim", **_claimed(opened))
        await self._answer(opened, fate or self._dice.choices(list(FATES), list(FATES.values()))[0])
        return True

    async def _answer(self, claim: Claim, fate: str) -> None:
        text = f"{claim.attempt} said {self._dice.random()}"
        if self._dice.random() < LARGE:
            text += noise(self._dice, 400_000)
        if fate == "dies":
            return
        if fate == "zombie":
            self._zombies.append(asyncio.create_task(self._rise(claim, text)))
            return
        if fate == "renews":
            await self._renew(claim, text)
        state = {"fails": State.FAILED, "stops": State.STOPPED}.get(fate, State.DONE)
        await self._commit(claim, text, state)

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
        reply = (Message("assistant", text, id=response),)
        turn = Turn(claim.number, response, state, claim.ask.prompt, claim.started, reply)
        about = _claimed(claim) | {"text": brief(text), "state": state.value, "response": response}
        outcome = await self._call("commit", place, self._store.turns.commit(claim, turn), **about)
        if outcome == "done" and state is State.DONE:
            self._answered.append((place, response))

    # ---- all else

    async def _revise(self) -> None:
        if self._answered:
            place, response = self._dice.choice(self._answered[-6:])
            text = f"form {self._name} {self._dice.random()}"
            if self._dice.random() < LARGE:
                text += noise(self._dice, 400_000)
            work = self._store.threads.revise(*place, response, text)
            await self._call("revise", place, work, response=response, text=brief(text))

    async def _load(self) -> None:
        await self.load(self._dice.choice(self._weather.places))

    async def load(self, place: Place) -> None:
        await self._call("load", place, self._store.threads.load(*place))

    async def _page(self) -> None:
        owner, _ = place = self._dice.choice(self._weather.places)
        await self._call("page", place, self._store.threads.page(owner, cursor=None, limit=5))

    async def _delete(self) -> None:
        place = self._dice.choice(self._weather.places)
        await self._call("delete", place, self._store.threads.delete(*place))

    async def _rename(self) -> None:
        place = self._dice.choice(self._weather.places)
        await self._call("rename", place, self._store.threads.rename(*place, f"by {self._name}"))

    async def _create(self) -> None:
        place = self._dice.choice(self._weather.places)
        await self._call("create", place, self._store.threads.create(*place, f"of {self._name}"))

    async def _stop(self) -> None:
        place = self._dice.choice(self._weather.places)
        await self._call("stop", place, self._store.turns.stop(*place, None))

    # ---- the journal

    async def _call(self, operation: str, place: Place, work: Awaitable[Any], **about: Any) -> str:
        """How it ended: done, lost (the lease), deleted (nothing is there), or unknown."""
        number, seen, outcome = self._begin(operation, place, **about), (), "done"
        try:
            answer = await work
            seen = answer if operation == "load" else ()
        except LeaseLost:
            outcome = "lost"
        except NotFound:
            outcome = "deleted"
        except StoreUnavailable:
            outcome = "unknown"
        self._end(number, seen, outcome=outcome)
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
        "attempt": claim.attempt,
        "generation": claim.key.generation,
        "number": claim.number,
        "started": claim.started,
    }


@dataclass(frozen=True, slots=True)
class Job:
    """A machine's process: before this life it was killed so many times, and had its first turns."""

    name: str
    turns: int
    folder: Path
    life: int = 0
    first: int = 0

    @property
    def path(self) -> Path:
        return self.folder / f"{self.name}-{self.life}"


def run(weather: Weather, job: Job) -> None:
    """The process. It ends with the one that began it, however that ends."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    asyncio.run(_run(weather, job, random.Random(f"{weather.seed} {job.name} {job.life}")))


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent
    wait([parent.sentinel])
    os._exit(1)


async def _run(weather: Weather, job: Job, dice: random.Random) -> None:
    client, journal = connect(weather.endpoint), Journal(job.path)
    faults = Faults(dice.getrandbits(32), weather.rate)
    faults.over(client)
    store = store_of(weather, client, dice)

    def note(done: int) -> None:
        journal.note(faults=faults.faults, requests=faults.calls, turns=done)

    await Machine(weather, job.name, journal, store, dice).work(job.first, job.turns, note)
    faults.clear()
    await store.aclose()
    faults.close()
    journal.close()


def store_of(weather: Weather, client: Any, dice: random.Random) -> DynamoStore:
    return DynamoStore(
        client,
        weather.table,
        quota=QUOTA,
        retention_days=RETENTION,
        checkpoints="always" if dice.random() < ALWAYS else "followed",
        clock=weather.clock,
        sleep=weather.sleep,
        jitter=dice.random,
    )
