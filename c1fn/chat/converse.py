"""One turn, in this order: open, answer, commit, and only then tell the client that it is complete.

A turn is a task of its own that runs at the model's speed; the client reads it through an ``EventQueue`` at
its own speed. ``cancellation`` has the reasons that end a turn early. A delta needs no timer and no task
switch.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, assert_never

from c1fn.chat import following
from c1fn.chat.cancellation import Cancellation, LeaseGone, ShutDown, Stopped, completed, outcome
from c1fn.chat.draft import Draft
from c1fn.chat.event_queue import EventQueue
from c1fn.chat.rounds import Limits, Rounds
from c1fn.chat.tools import Tools
from c1fn.chat.unsaved import Unsaved
from c1fn.errors import Busy, C1fnError, Internal, Interrupted, LeaseLost, NotFound, StoreError
from c1fn.events import Failed
from c1fn.models import Model
from c1fn.stores import FOLLOWED, RENEWAL, Claim, Opened, Replay, Running, Store
from c1fn.telemetry.log import LOCAL, Log, Origin
from c1fn.telemetry.timings import Watch
from c1fn.telemetry.tracing import UNTRACED, Tracer
from c1fn.turn import Ask, State

if TYPE_CHECKING:
    from c1fn.chat.titles import Titles

GRACE = 2.0
"""Seconds for running turns to finish after the process is asked to end; then they are interrupted. A user
who pressed Ctrl-C does not wait longer, and platforms that send a signal allow about as much.
"""


class Chat:
    """Runs the turns of one process."""

    def __init__(
        self,
        store: Store,
        model: Model,
        tools: Tools,
        limits: Limits,
        log: Log,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        tracer: Tracer = UNTRACED,
        followed: float = FOLLOWED,
        titles: "Titles | None" = None,
    ) -> None:
        """:param followed: seconds for which one request follows an answer.
        :param titles: makes the titles of threads; None: they are the first words.
        """
        self._followed = followed
        self.store = store
        self._unsaved = Unsaved(store.turns)
        self.model = model
        self._rounds = Rounds(model, tools, limits)
        self._tools = tools
        self._titles = titles
        self._limits = limits
        self.log = log
        self._clock = clock
        self._sleep = sleep
        self._tracer = tracer
        self._tasks: set[asyncio.Task[None]] = set()
        self._draining = False

    def has_tool(self, name: str) -> bool:
        """Whether this is a tool of the server's: see ``HasTool``."""
        return name in self._tools

    async def begin(self, ask: Ask, *, seconds: float | None = None, origin: Origin = LOCAL) -> EventQueue:
        """Open the turn; its events then come through the queue.

        :param seconds: until the platform's deadline; None if only the limits apply.
        :param origin: where the request came from, for the log.
        :raises Refused: the thread does not accept this turn.
        :raises Interrupted: the process is shutting down.
        :raises StoreUnavailable: nothing was stored, and the model was not called.
        """
        if self._draining:
            raise Interrupted
        watch = Watch(self._clock, self._tracer.begin("turn", origin.trace, ask.thread_id))
        try:
            opened = await self._opened(ask, watch)
        except Busy:
            if not self._limits.waits:
                raise
            queue = EventQueue()
            self._start(self._wait(ask, queue, seconds, origin), queue)
            return queue
        queue = EventQueue(ends_with_reader=isinstance(opened, Running))
        match opened:
            case Replay(turn):
                watch.ends("replayed")
                following.retell(turn, queue)
            case Running():
                watch.ends("followed")
                self._start(self._follow_or_run(ask, queue, seconds, origin), queue)
            case Claim():
                self._start(self._run(Draft(opened, origin, watch), queue, self._limit(seconds)), queue)
            case _:
                assert_never(opened)
        return queue

    async def _opened(self, ask: Ask, watch: Watch) -> Opened:
        try:
            with watch.storing("store.open"):
                return await self._unsaved.open(ask, history=self._limits.history_turns)
        except C1fnError as error:
            watch.ends("refused", error.code)
            raise

    async def _wait(self, ask: Ask, queue: EventQueue, seconds: float | None, origin: Origin) -> None:
        """Begin the turn when the thread is free. Its reader may leave meanwhile."""
        from c1fn.chat.busy import patience, until_free  # by default no prompt waits

        began = self._clock()
        try:
            await until_free(self.store, ask, patience(seconds), self._clock, self._sleep)
        except C1fnError as error:
            queue.say(Failed(error))
        except asyncio.CancelledError:
            queue.say(Failed(Interrupted()))
        except Exception:
            queue.say(Failed(Internal()))
            raise
        else:
            left = None if seconds is None else seconds - (self._clock() - began)
            await self._follow_or_run(ask, queue, left, origin)

    async def _follow_or_run(
        self, ask: Ask, queue: EventQueue, seconds: float | None, origin: Origin
    ) -> None:
        """Follow a turn that was running a moment ago. If it did not begin after all, because it was refused
        or its client left, then this request begins it, or hears why it cannot.
        """

        async def otherwise(error: NotFound) -> None:
            if self._draining:
                raise Interrupted
            watch = Watch(self._clock, self._tracer.begin("turn", origin.trace, ask.thread_id))
            match await self._opened(ask, watch):
                case Replay(turn):
                    watch.ends("replayed")
                    following.retell(turn, queue)
                case Running():
                    watch.ends("refused", error.code)
                    raise error
                case Claim() as claim:
                    queue.outlive_reader()
                    await self._run(Draft(claim, origin, watch), queue, self._limit(seconds))
                case other:
                    assert_never(other)

        story = self.store.turns.follow(ask.owner, ask.thread_id, ask.response_id)
        await following.tell(story, queue, self._stretch(seconds), otherwise)

    async def follow(
        self, owner: str, thread_id: str, response_id: str, *, seconds: float | None = None
    ) -> EventQueue:
        """Follow the answer of a turn, in whichever process it runs, until its end or until the time is over;
        the client then requests the rest. For an unknown turn the queue gets NotFound.

        :param seconds: how long the platform lets this request live.
        """
        queue = EventQueue(ends_with_reader=True)
        story = self.store.turns.follow(owner, thread_id, response_id)
        self._start(following.tell(story, queue, self._stretch(seconds)), queue)
        return queue

    def _limit(self, seconds: float | None) -> float:
        """Seconds that an answer may take, limited by the platform's deadline."""
        return min(self._limits.max_seconds, seconds or self._limits.max_seconds)

    def _stretch(self, seconds: float | None) -> float:
        """Seconds for which an answer is followed, limited by the platform's deadline."""
        return min(self._followed, seconds or self._followed)

    async def drain(self, grace: float = GRACE) -> None:
        """Begin no more turns; give running ones time to finish; then interrupt the rest, with an error for
        each.
        """
        self._draining = True
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def aclose(self, grace: float = GRACE) -> None:
        """Drain, and close the tools' servers, the store, the models and the tracer."""
        await self.drain(grace)
        await self._tools.servers.aclose()
        if self._titles:
            await self._titles.aclose()
        await self.model.aclose()
        await self.store.aclose()
        await self._tracer.aclose()

    async def settle(self) -> None:
        """Finish background work: titles, the tools' servers', the store's, and the sending of spans. Call it
        after the last byte.
        """
        if self._titles:
            await self._titles.settle()
        await self._tools.servers.settle()
        await self.store.settle()
        await self._tracer.flush()

    def _start(self, turn: Coroutine[None, None, None], queue: EventQueue) -> None:
        task = asyncio.create_task(turn)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        queue.comes_from(task)

    async def _run(self, draft: Draft, queue: EventQueue, seconds: float) -> None:
        state, error, bug = State.DONE, None, None
        draft.title = self._titles.begin(draft.claim) if self._titles else None
        try:
            cancellation = await self._answered(draft, queue, seconds)
            state, error = (State.WAITING, None) if draft.waits else outcome(cancellation)
        except C1fnError as failure:
            state, error = State.FAILED, failure
        except asyncio.CancelledError:
            state, error = outcome(ShutDown())
        except Exception as exception:  # noqa: BLE001 - stored and told first, then raised to the platform
            state, error, bug = State.FAILED, Internal(), exception
        if draft.title:
            draft.usage += draft.title.spent()
        await self._end(draft, queue, state, error, bug)

    async def _answered(self, draft: Draft, queue: EventQueue, seconds: float) -> Cancellation | None:
        """Write the answer until its end."""
        answer = asyncio.create_task(self._rounds.answer(draft, queue))
        lease = asyncio.create_task(self._hold_lease(draft))
        return await completed(answer, lease, seconds)

    async def _end(
        self, draft: Draft, queue: EventQueue, state: State, error: C1fnError | None, bug: Exception | None
    ) -> None:
        """Commit, then tell the reader. The reader gets an end in every case."""
        turn = draft.turn(state, error)
        try:
            with draft.watch.storing("store.commit"):
                await self._unsaved.commit(draft.claim, turn)
        except StoreError as failure:
            state, error = State.FAILED, failure
        except Exception as exception:  # noqa: BLE001 - told first, then raised to the platform
            state, error, bug = State.FAILED, Internal(), bug or exception
        queue.say(Failed(error, draft.usage) if error else following.ending(turn))
        if draft.title:
            draft.title.end(keep=error is None)
        self.log(draft.line(self.model.name, state, error))
        draft.watch.ends(state, error.code if error else None)
        queue.logged = True
        if bug is not None:
            raise bug

    async def _hold_lease(self, draft: Draft) -> Stopped | LeaseGone:
        """Renew the lease until the turn is stopped or the lease is lost."""
        while True:
            await self._sleep(RENEWAL)
            try:
                if await self.store.turns.renew(draft.claim, draft.said):
                    return Stopped()
            except LeaseLost as lost:
                return LeaseGone(lost)
            except StoreError:
                continue  # the lease outlives several failed renewals, and the commit has the last word
