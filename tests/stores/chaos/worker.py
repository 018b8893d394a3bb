"""A machine at work: a process of its own with a client, a store and faults.

Between its turns it saves forms and feedback, loads, lists, renames, stops and deletes, forks threads and
goes on in the forks, answers turns that wait, and makes, opens and revokes shared links.
"""

import asyncio
import os
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from c1fn.net.aws import Service
from c1fn.stores import DAY, Quota
from c1fn.stores.dynamodb import DynamoStore, service
from c1fn.stores.shares import Share
from c1fn.turn import Feedback, Page, Thread, Turn, Until
from tests.stores.chaos.journal import Journal, brief
from tests.stores.chaos.machine import Machine
from tests.stores.chaos.weather import OF_FORKS, RESUMES, RETENTION, Place, Weather
from tests.stores.faults import Faults

SHARED = 0.2  # of the turns have a responseId that others use at about the same time
AT_ONCE = 40.0  # seconds for which a shared responseId is new
PATIENCE = 400  # tries of one machine to finish its turns; beyond it the threads count as stuck
ALWAYS = 0.5  # of the machines write checkpoints
QUOTA = Quota(at_once=1_000, turns=10**6, tokens=10**9, writes=10**9)  # counted, never reached

WORKS = {
    "turn": 80,
    "again": 3,
    "resume": 6,
    "revise": 7,
    "rate": 5,
    "load": 6,
    "page": 3,
    "fork": 5,
    "share": 2,
    "links": 4,
    "delete": 2,
    "rename": 1,
    "create": 1,
    "stop": 1,
}

IN_A_FORK = 0.25  # of the turns, and half of all else
DEPTH = 3  # a fork of a fork of a fork is forked no more
TRIES = 3  # of one fork or answer: a client asks again when it was told nothing, or to wait
WHOLE = 0.25  # of the forks take all turns; others end at an answer
TAKEN = 0.7  # of those take that answer too
TIMES = (600, 3_600, 7 * DAY)  # seconds for which a link works
SEEN = 1_000  # turns of a link's page: more than there are
LISTED = 100  # threads of a list's page: more than there are


class Worker(Machine):
    def __init__(
        self, weather: Weather, name: str, journal: Journal, store: DynamoStore, dice: random.Random
    ) -> None:
        super().__init__(weather, name, journal, store, dice)
        self._forks: list[Place] = []
        self._taken: list[tuple[Place, str]] = []
        self._shares: list[tuple[str, Share]] = []  # also of links that have ended since

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
        if self._forks and self._dice.random() < IN_A_FORK:
            return f"{own}@{self._dice.choice(self._forks)[1]}"
        return own if self._dice.random() >= SHARED else self._shared()

    def _shared(self) -> str:
        return f"shared-{int(self._weather.clock() // AT_ONCE) - self._dice.randint(0, 3)}"

    def _place(self) -> Place:
        forks = self._forks and self._dice.random() < 0.5
        return self._dice.choice(self._forks if forks else self._weather.places)

    # ---- forks

    async def _fork(self) -> None:
        source = self._place()
        if source[1].count(OF_FORKS) == DEPTH:
            return
        until = self._until(source)
        what = f"{until.response_id or f'{self._name} {self._dice.random()}'} {until.taken} of {source[1]}"
        new = (source[0], self._weather.fork_id(source, what))
        about = {"source": source[1], "until": until.response_id, "taken": until.taken}
        outcome = ""
        for _ in range(TRIES):
            work = self._store.threads.fork(*source, new[1], until)
            outcome = await self._call("fork", new, work, _forked, **about)
            if outcome not in ("busy", "unknown"):
                break
            await self._weather.sleep(self._dice.random() * 4)
        if outcome == "done":
            self._forks.append(new)
            if until.taken and until.response_id:
                self._taken.append((new, until.response_id))
                self._answered.append((new, until.response_id))

    def _until(self, source: Place) -> Until:
        """The end of a fork of this thread: an answer of our own, or one that others may know."""
        ends = [response for place, response in self._answered if place == source][-6:]
        shared = self._shared()
        ends += [shared] if self._weather.place(shared) == source else []
        if not ends or self._dice.random() < WHOLE:
            return Until()
        return Until(self._dice.choice(ends), taken=self._dice.random() < TAKEN)

    async def _again(self) -> None:
        """What a fork took is asked for again there."""
        if self._taken:
            place, response = self._dice.choice(self._taken)
            await self.turn(response, place=place)

    # ---- answers to turns that wait

    async def _resume(self) -> None:
        """The answer is given, often twice at once: under two responseIds, or under one that others use."""
        if self._waiting:
            place, waiting = self._dice.choice(self._waiting[-4:])
            names = [self._dice.choice((f"{self._name} {self._dice.random()}", "all")) for _ in range(2)]
            answers = [f"{name}{RESUMES}{waiting}" for name in names]
            await asyncio.gather(*(self._give(answer, place) for answer in answers))

    async def _give(self, answer: str, place: Place) -> None:
        for _ in range(TRIES):
            if await self.turn(answer, place=place):
                break

    # ---- shared links

    async def _share(self) -> None:
        place = self._place()
        work = self._store.shares.create(*place, self._dice.choice(TIMES))
        await self._call("share", place, work, _shared)

    async def _links(self) -> None:
        """One of the links of an owner's list is ended, and one that was ever in it is opened."""
        owner, _ = self._dice.choice(self._weather.places)
        shares = await self.links(owner)
        if shares and self._dice.random() < 0.3:
            share = self._dice.choice(shares)
            work = self._store.shares.revoke(owner, share.token)
            await self._call("revoke", (owner, share.thread_id), work, token=share.token)
        if self._shares:
            await self.view(*self._dice.choice(self._shares[-8:]))

    async def links(self, owner: str) -> tuple[Share, ...]:
        found: list[Share] = []

        def tell(shares: tuple[Share, ...]) -> dict[str, Any]:
            found.extend(shares)
            return {"listed": [share.token for share in shares]}

        await self._call("links", (owner, ""), self._store.shares.list(owner), tell)
        self._shares += [(owner, share) for share in found]
        return tuple(found)

    async def view(self, owner: str, share: Share) -> None:
        work = self._store.shares.view(share.token, before=None, limit=SEEN)
        await self._call("view", (owner, share.thread_id), work, _viewed, token=share.token)

    # ---- all else

    async def _revise(self) -> None:
        if self._answered:
            place, response = self._dice.choice(self._answered[-6:])
            text = self._large(f"form {self._name} {self._dice.random()}")
            work = self._store.threads.revise(*place, response, text)
            await self._call("revise", place, work, response=response, text=brief(text))

    async def _rate(self) -> None:
        if self._answered:
            place, response = self._dice.choice(self._answered[-6:])
            given = self._dice.choice((Feedback("up", f"{self._dice.random()}"), Feedback("down"), None))
            work = self._store.threads.rate(*place, response, given)
            text = f"{given.value} {given.comment}" if given else ""
            await self._call("rate", place, work, response=response, text=text)

    async def _load(self) -> None:
        await self.load(self._place())

    async def _page(self) -> None:
        await self.page(self._dice.choice(self._weather.places)[0])

    async def page(self, owner: str) -> None:
        work = self._store.threads.page(owner, cursor=None, limit=LISTED)
        await self._call("page", (owner, ""), work, _listed)

    async def _delete(self) -> None:
        place = self._place()
        await self._call("delete", place, self._store.threads.delete(*place))

    async def _rename(self) -> None:
        place = self._place()
        await self._call("rename", place, self._store.threads.rename(*place, f"by {self._name}"))

    async def _create(self) -> None:
        place = self._dice.choice(self._weather.places)
        await self._call("create", place, self._store.threads.create(*place, f"of {self._name}"))

    async def _stop(self) -> None:
        place = self._place()
        await self._call("stop", place, self._store.turns.stop(*place, None))


def _forked(thread: Thread) -> dict[str, Any]:
    assert thread.source
    return {"response": thread.source.response_id or ""}


def _shared(share: Share) -> dict[str, Any]:
    return {"token": share.token, "number": share.last, "expires": share.expires}


def _viewed(answer: tuple[Share, tuple[Turn, ...]]) -> dict[str, Any]:
    share, turns = answer
    return _shared(share) | {"seen": turns}


def _listed(page: Page) -> dict[str, Any]:
    sources = [(one.id, one.source) for one in page.threads]
    return {
        "listed": [
            f"{thread} {source.thread_id} {source.response_id or ''}" if source else f"{thread} "
            for thread, source in sources
        ]
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
    client, journal = service(weather.endpoint), Journal(job.path)
    faults = Faults(dice.getrandbits(32), weather.rate)
    faults.over(client)
    store = store_of(weather, client, dice)

    def note(done: int) -> None:
        journal.note(faults=faults.faults, requests=faults.calls, turns=done)

    await Worker(weather, job.name, journal, store, dice).work(job.first, job.turns, note)
    await faults.clear()
    await store.aclose()
    journal.close()


def store_of(weather: Weather, client: Service, dice: random.Random) -> DynamoStore:
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
