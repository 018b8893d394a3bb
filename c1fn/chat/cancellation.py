"""What ends a turn before its answer is complete: a closed union, and the wait that tells which it was.

Strategy: an answer is a task, and what keeps its lease is another. The time is the timeout of one wait for
both, and the end of the process is the cancellation of that wait. So each reason is a value where it arises,
and a delta costs no timer and no task switch.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

from c1fn.errors import LeaseLost


@dataclass(frozen=True, slots=True)
class Stopped:
    """A person asked for it; what was said is kept."""


@dataclass(frozen=True, slots=True)
class LeaseGone:
    """Another process has taken the turn over, or its thread was deleted."""

    error: LeaseLost


@dataclass(frozen=True, slots=True)
class TimeOver:
    """The time for one answer has passed."""


@dataclass(frozen=True, slots=True)
class ShutDown:
    """The process ends."""


Cancellation = Stopped | LeaseGone | TimeOver | ShutDown

Lease = asyncio.Task[Stopped | LeaseGone]
"""Renews a lease, and ends when the turn is not to go on."""


async def completed(answer: asyncio.Task[None], lease: Lease, seconds: float) -> Cancellation | None:
    """Wait until the answer is complete, or cancel it. Both tasks have ended when this returns.

    :param seconds: how long the answer may take.
    :returns: why it was cancelled; None: it is complete. A stop and a lost lease go before the time: while a
        cancelled answer closes what it holds, the lease is still renewed.
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
    """Cancel the task and wait for its end, even when the one that waits is cancelled meanwhile."""
    while not task.done():
        task.cancel()
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            continue
