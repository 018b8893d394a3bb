"""Storms: many machines on a few threads, under injected faults and kills; then the journals are checked.

Each machine is a process (``worker``); some are killed with SIGKILL at a random moment, and another takes
their place. Time runs ``SPEED`` times as fast as outside, so that leases run out, and jumps ahead: by minutes
or hours at any moment, and by more than the retention between two parts of the storm. At the end all that the
machines were told (``journal``) must agree with itself and with what is stored (``rules``); then every owner
is erased, and nothing of them may be left.
"""

import asyncio
import multiprocessing
import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from ctypes import c_double
from dataclasses import dataclass, field, replace
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from multiprocessing.sharedctypes import RawValue
from pathlib import Path
from typing import Any, Self

from c1fn.stores import DAY, LEASE
from c1fn.stores.dynamodb import DynamoStore, connect, service
from tests.stores.chaos.journal import Journal, Told, read
from tests.stores.chaos.rules import check
from tests.stores.chaos.weather import RETENTION, Place, Weather
from tests.stores.chaos.worker import Job, Worker, run, store_of
from tests.stores.machines import everything

SPEED = 40.0  # on a busy machine less: a lease should be longer than a turn's calls take
MACHINES = 8
PARTS = 2
BEYOND = (RETENTION + 1) * DAY
LAST = 12  # turns after the storm: a few on each thread
JUMPS = (20, 600, 4 * 3_600)  # seconds; a machine that sleeps through all of them wakes within a day
PAUSE = (0.3, 3.0)  # seconds between two kills or jumps, at least and at most

JUMP = 0.3  # of those are jumps, until there are no more

Working = tuple[BaseProcess, Job]

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.stores.chaos.worker"])


@dataclass(slots=True)
class Result:
    """One seed's figures; ``wrong`` is empty when every rule held."""

    claims: int = 0
    forks: int = 0
    views: int = 0
    requests: int = 0
    kills: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    told: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def __iadd__(self, other: "Result") -> Self:
        self.claims += other.claims
        self.forks += other.forks
        self.views += other.views
        self.requests += other.requests
        self.kills += other.kills
        self.faults += other.faults
        self.told += other.told
        self.wrong += other.wrong
        return self


@dataclass(frozen=True, slots=True)
class Plan:
    """What one storm is to be: ``turns`` of each machine in each part, at most ``kills`` of machines in each,
    and a fault at ``rate`` of all calls.
    """

    seed: int
    turns: int
    rate: float = 0.2
    kills: int = 3
    speed: float = SPEED


class Storm:
    """One seed, on one table."""

    def __init__(self, endpoint: str, table: str, plan: Plan, folder: Path) -> None:
        # One owner's name begins another's, and one is escaped in keys.
        places = (("ann", "t"), ("ann", "u"), ("ann#", "t"))
        began, jumped = time.monotonic(), RawValue(c_double, 0.0)
        self._weather = Weather(endpoint, table, plan.seed, plan.rate, places, began, plan.speed, jumped)
        self._dice = random.Random(plan.seed)
        self._turns = plan.turns
        self._kills = plan.kills
        self._folder = folder
        self._jumps: list[float] = []
        self._killed = 0
        self._told: list[Told] = []

    def run(self) -> Result:
        for part in range(PARTS):
            if part:
                self._weather.jumped.value += BEYOND
                self._jumps.append(self._weather.clock())
            self._rage(part)
        wrong = asyncio.run(self._close())
        self._told.append(read(self._folder / "end"))
        calls = [call for told in self._told for call in told.calls]
        wrong += check(calls, self._jumps)
        return Result(
            claims=sum(call.outcome == "claim" for call in calls),
            forks=len({c.place for c in calls if (c.operation, c.outcome) == ("fork", "done")}),
            views=sum((c.operation, c.outcome) == ("view", "done") for c in calls),
            requests=sum(told.requests for told in self._told),
            kills=self._killed,
            faults=sum((told.faults for told in self._told), Counter()),
            told=Counter(f"{call.operation} {call.outcome}" for call in calls),
            wrong=[f"seed {self._weather.seed}: {one}" for one in wrong],
        )

    def _rage(self, part: int) -> None:
        """All machines at work, until each has had its turns."""
        jobs = [Job(f"{part}{letter}", self._turns, self._folder) for letter in "abcdefgh"[:MACHINES]]
        working = [self._start(job) for job in jobs]
        kills, jumps = self._kills, list(JUMPS)
        while working:
            over = wait([process.sentinel for process, _ in working], self._dice.uniform(*PAUSE))
            if not over and jumps and self._dice.random() < JUMP:
                self._weather.jumped.value += jumps.pop()
            elif not over and kills:
                self._dice.choice(working)[0].kill()
                kills -= 1
            working = [one for old in working for one in self._looked_after(*old)]

    def _start(self, job: Job) -> Working:
        process = PROCESSES.Process(target=run, args=(self._weather, job), daemon=True)
        process.start()
        return process, job

    def _looked_after(self, process: BaseProcess, job: Job) -> list[Working]:
        """The machine, or the one that takes its place; nothing, when all of its turns are done."""
        if process.exitcode is None:
            return [(process, job)]
        told = read(job.path)
        self._told.append(told)
        if process.exitcode == 0:
            return []
        if process.exitcode != -signal.SIGKILL:
            raise RuntimeError(f"the machine {job.name} failed")
        self._killed += 1
        return [self._start(replace(job, life=job.life + 1, first=max(job.first, told.turns)))]

    def _forks(self) -> set[Place]:
        """All that somebody tried to make."""
        return {call.place for told in self._told for call in told.calls if call.operation == "fork"}

    async def _erased(self, store: DynamoStore, client: Any) -> list[str]:
        """What is left of the owners. At first tombstones may be: a process might still write there."""
        owners, wrong = sorted({owner for owner, _ in self._weather.places}), list[str]()
        for owner in owners:
            left = [row async for row in store.owners.erase(owner) if row.kind != "tombstone"]
            wrong += [f"erasing {owner} left {row}" for row in left]
        self._weather.jumped.value += DAY
        for owner in owners:
            wrong += [f"erasing {owner} after a day left {row}" async for row in store.owners.erase(owner)]
            wrong += [f"of {owner} there still is {row}" async for row in store.owners.remains(owner)]
        # Every other storm on this table is over, and has left nothing either.
        return wrong + [
            f"the table holds {row['pk']} {row['sk']}" for row in everything(client, self._weather.table)
        ]

    async def _close(self) -> list[str]:
        """When every lease is over: some more turns, and a look at all that is stored. Then all is erased."""
        self._weather.jumped.value += 3 * LEASE
        client, journal = connect(self._weather.endpoint), Journal(self._folder / "end")
        store = store_of(self._weather, service(self._weather.endpoint), self._dice)
        machine, wrong = Worker(self._weather, "end", journal, store, self._dice), list[str]()
        for number in range(LAST):
            if not await machine.turn(f"end-{number}", "answers"):
                wrong.append("the machines are over, and a thread is still busy")
        for place in sorted({*self._weather.places, *self._forks()}):
            await machine.load(place)
        for owner in sorted({owner for owner, _ in self._weather.places}):
            await machine.page(owner)
            for share in await machine.links(owner):
                await machine.view(owner, share)
        wrong += await self._erased(store, client)
        await store.aclose()
        client.close()
        journal.close()
        return wrong


def chaos(endpoint: str, table: str, plan: Plan, journals: Path | None = None) -> Result:
    """Let one storm happen, and check the journals.

    :param journals: where they are kept if something is wrong.
    """
    with tempfile.TemporaryDirectory() as folder:
        result = Storm(endpoint, table, plan, Path(folder)).run()
        if result.wrong and journals:
            shutil.copytree(folder, journals / f"{plan.seed}", dirs_exist_ok=True)
        return result
