import asyncio
import gc

import pytest

from c1fn.bell import Bell


async def waits(bell: Bell, seconds: float | None = None) -> None:
    await bell.wait(seconds)


async def waiting(*bells: Bell) -> None:
    """Until somebody waits for each of them."""
    while not all(bell.awaited for bell in bells):  # noqa: ASYNC110 - it is this that is waited for
        await asyncio.sleep(0)


async def test_who_waits_goes_on_when_it_rings() -> None:
    bell = Bell()
    task = asyncio.create_task(waits(bell, 60))
    await waiting(bell)
    bell.ring()
    bell.ring()
    assert not bell.awaited
    await task
    bell.hang_up()


async def test_a_ring_that_nobody_waits_for_is_not_kept() -> None:
    bell = Bell()
    bell.ring()
    bell.fail(ValueError())
    with pytest.raises(TimeoutError):
        await bell.wait(0.001)


async def test_what_failed_is_raised_where_somebody_waits() -> None:
    bell = Bell()
    task = asyncio.create_task(waits(bell))
    await waiting(bell)
    bell.fail(ConnectionError("gone"))
    with pytest.raises(ConnectionError, match="gone"):
        await task


async def test_after_a_failure_it_can_be_waited_for_again() -> None:
    bell = Bell()
    with pytest.raises(TimeoutError):
        await bell.wait(0.001)
    task = asyncio.create_task(waits(bell, 60))
    await waiting(bell)
    bell.ring()
    await task
    bell.hang_up()


async def test_the_timer_of_an_earlier_wait_does_not_end_a_longer_one() -> None:
    bell, clock = Bell(), Bell()
    task = asyncio.create_task(waits(bell, 0.01))
    await waiting(bell)
    bell.ring()
    await task
    task = asyncio.create_task(waits(bell, 60))
    with pytest.raises(TimeoutError):
        await clock.wait(0.02)  # the earlier timer was due before this
    assert not task.done()
    bell.ring()
    await task
    bell.hang_up()


async def test_a_shorter_patience_than_the_last_is_kept() -> None:
    bell = Bell()
    task = asyncio.create_task(waits(bell, 60))
    await waiting(bell)
    bell.ring()
    await task
    with pytest.raises(TimeoutError):
        await bell.wait(0.001)


async def test_who_is_cancelled_hears_no_ring() -> None:
    bell = Bell()
    task = asyncio.create_task(waits(bell, 60))
    await waiting(bell)
    task.cancel()
    bell.ring()
    bell.fail(ValueError())
    with pytest.raises(asyncio.CancelledError):
        await task
    bell.hang_up()


async def test_who_is_cancelled_after_a_failure_is_cancelled_and_nobody_misses_the_failure() -> None:
    bell, missed = Bell(), list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: missed.append(context))
    task = asyncio.create_task(waits(bell))
    await waiting(bell)
    bell.fail(ValueError())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    del bell, task
    gc.collect()
    assert not missed


async def test_asyncios_own_timeout_ends_a_wait() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await Bell().wait()
