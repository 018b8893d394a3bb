"""What ends a turn before its answer is complete, and which of several reasons is told."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from c1fn.chat.cancellation import Cancellation, LeaseGone, ShutDown, Stopped, TimeOver, completed
from c1fn.errors import LeaseLost

LOST = LeaseGone(LeaseLost())
LONG = 60.0


async def never() -> None:
    await asyncio.Event().wait()


async def held() -> Stopped | LeaseGone:
    """A lease that is never lost."""
    await asyncio.Event().wait()
    return Stopped()


async def ended(
    answer: Callable[[], Awaitable[None]],
    lease: Callable[[], Awaitable[Stopped | LeaseGone]] = held,
    seconds: float = LONG,
) -> Cancellation | None:
    tasks = asyncio.ensure_future(answer()), asyncio.ensure_future(lease())
    try:
        return await completed(*tasks, seconds)
    finally:
        assert all(task.done() for task in tasks)


async def test_a_complete_answer_was_not_cancelled() -> None:
    assert await ended(lambda: asyncio.sleep(0)) is None


@pytest.mark.parametrize("why", [Stopped(), LOST])
async def test_what_the_lease_says_ends_the_answer(why: Stopped | LeaseGone) -> None:
    async def lease() -> Stopped | LeaseGone:
        return why

    assert await ended(never, lease) == why


async def test_the_time_ends_the_answer() -> None:
    assert await ended(never, seconds=0.01) == TimeOver()


async def test_the_end_of_the_process_ends_the_answer() -> None:
    turn = asyncio.create_task(ended(never))
    await asyncio.sleep(0)
    turn.cancel()
    assert await turn == ShutDown()


@pytest.mark.parametrize("why", [Stopped(), LOST])
async def test_a_stop_or_a_lost_lease_goes_before_the_time(why: Stopped | LeaseGone) -> None:
    """It may come while an answer whose time is over still closes what it holds."""
    closing, closes = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        try:
            await never()
        finally:
            closing.set()
            await closes.wait()

    async def lease() -> Stopped | LeaseGone:
        await closing.wait()
        closes.set()
        return why

    assert await ended(slow, lease, 0.01) == why


async def test_an_answer_that_is_complete_is_kept_whatever_comes_while_it_ends() -> None:
    """It was cancelled too late."""

    async def quick() -> None:
        try:
            await never()
        except asyncio.CancelledError:
            return  # all was said

    assert await ended(quick, seconds=0.01) is None


async def test_an_answer_that_hangs_while_it_closes_is_cancelled_again_when_the_process_ends() -> None:
    closing = asyncio.Event()

    async def hanging() -> None:
        try:
            await never()
        finally:
            closing.set()
            await never()

    turn = asyncio.create_task(ended(hanging, seconds=0.01))
    await closing.wait()
    turn.cancel()
    assert await turn == TimeOver()


async def test_an_answer_that_cancels_itself_counts_as_interrupted() -> None:
    async def strange() -> None:
        raise asyncio.CancelledError

    assert await ended(strange) == ShutDown()


async def test_an_error_of_the_answer_is_raised() -> None:
    async def failing() -> None:
        raise LeaseLost

    with pytest.raises(LeaseLost):
        await ended(failing)


async def test_a_bug_of_the_lease_ends_the_answer_and_is_raised() -> None:
    async def broken() -> Stopped | LeaseGone:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await ended(never, broken)


async def test_a_bug_of_the_lease_is_raised_even_beside_an_error_of_the_answer() -> None:
    async def failing() -> None:
        raise LeaseLost

    async def broken() -> Stopped | LeaseGone:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await ended(failing, broken)
