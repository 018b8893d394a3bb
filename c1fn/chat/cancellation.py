"""The reasons that end a turn before its answer is complete: a closed union, and the wait that returns one.

One task writes the answer, another renews its lease. One wait for both tasks has the time limit as its
timeout; the end of the process cancels that wait. So each reason is a value at the place where it arises, and
a delta needs no timer and no task switch.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, assert_never

from c1fn.errors import C1fnError, Interrupted, LeaseLost, OutOfTime
from c1fn.turn import State


@dataclass(frozen=True, slots=True)
class Stopped:
    """A user stopped the turn; its text so far is stored."""


@dataclass(frozen=True, slots=True)
class LeaseGone:
    """Another process took over the turn, or the thread was deleted."""

    error: LeaseLost


@dataclass(frozen=True, slots=True)
class TimeOver:
    """The time limit of the answer has passed."""


@dataclass(frozen=True, slots=True)
class ShutDown:
    """The process is shutting down."""


Cancellation = Stopped | LeaseGone | TimeOver | ShutDown


def outcome(cancellation: Cancellation | None) -> tuple[State, C1fnError | None]:
    """The outcome of a turn whose answer was cancelled for this reason; None if it was not cancelled."""
    match cancellation:
        case None:
            return State.DONE, None
        case Stopped():
            return State.STOPPED, None
        case LeaseGone(error):
            return State.FAILED, error
        case TimeOver():
            return State.FAILED, OutOfTime()
        case ShutDown():
            return State.INTERRUPTED, Interrupted()
    assert_never(cancellation)


Lease = asyncio.Task[Stopped | LeaseGone]
"""Renews a lease, and returns when the turn must end."""


async def completed(answer: asyncio.Task[None], lease: Lease, seconds: float) -> Cancellation | None:
    """Wait until the answer is complete, or cancel it. Both tasks have ended when this returns.

    :param seconds: time limit of the answer.
    :returns: why it was cancelled; None if it is complete. A stop and a lost lease have priority over the
        time limit: the lease is renewed while a cancelled answer closes its resources.
    :raises Exception: the bug that ended one of the tasks, or the error that ended the answer.
    """
    process_ends = False
    try:
        await asyncio.wait({answer, lease}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        process_ends = True
    in_time = answer.done()
    await _ended(answer)
    await _ended(lease)
    told = None if lease.cancelled() else lease.result()
    if not answer.cancelled():
        return answer.result()
    return ShutDown() if process_ends or in_time else told or TimeOver()


async def _ended(task: asyncio.Task[Any]) -> None:
    """Cancel the task and wait for its end, even if the waiting task is cancelled meanwhile."""
    while not task.done():
        task.cancel()
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            continue
