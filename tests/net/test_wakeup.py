import asyncio
import gc

import pytest

from c1fn.net.wakeup import WakeUp


async def waits(wakeup: WakeUp, seconds: float | None = None) -> None:
    await wakeup.wait(seconds)


async def waiting(*wakeups: WakeUp) -> None:
    """Until somebody waits for each of them."""
    while not all(wakeup.awaited for wakeup in wakeups):  # noqa: ASYNC110 - it is this that is waited for
        await asyncio.sleep(0)


async def test_who_waits_goes_on_when_it_rings() -> None:
    wakeup = WakeUp()
    task = asyncio.create_task(waits(wakeup, 60))
    await waiting(wakeup)
    wakeup.wake()
    wakeup.wake()
    assert not wakeup.awaited
    await task
    wakeup.close()


async def test_a_ring_that_nobody_waits_for_is_not_kept() -> None:
    wakeup = WakeUp()
    wakeup.wake()
    wakeup.fail(ValueError())
    with pytest.raises(TimeoutError):
        await wakeup.wait(0.001)


async def test_what_failed_is_raised_where_somebody_waits() -> None:
    wakeup = WakeUp()
    task = asyncio.create_task(waits(wakeup))
    await waiting(wakeup)
    wakeup.fail(ConnectionError("gone"))
    with pytest.raises(ConnectionError, match="gone"):
        await task


async def test_after_a_failure_it_can_be_waited_for_again() -> None:
    wakeup = WakeUp()
    with pytest.raises(TimeoutError):
        await wakeup.wait(0.001)
    task = asyncio.create_task(waits(wakeup, 60))
    await waiting(wakeup)
    wakeup.wake()
    await task
    wakeup.close()


async def test_the_timer_of_an_earlier_wait_does_not_end_a_longer_one() -> None:
    wakeup, clock = WakeUp(), WakeUp()
    task = asyncio.create_task(waits(wakeup, 0.01))
    await waiting(wakeup)
    wakeup.wake()
    await task
    task = asyncio.create_task(waits(wakeup, 60))
    with pytest.raises(TimeoutError):
        await clock.wait(0.02)  # the earlier timer was due before this
    assert not task.done()
    wakeup.wake()
    await task
    wakeup.close()


async def test_a_shorter_patience_than_the_last_is_kept() -> None:
    wakeup = WakeUp()
    task = asyncio.create_task(waits(wakeup, 60))
    await waiting(wakeup)
    wakeup.wake()
    await task
    with pytest.raises(TimeoutError):
        await wakeup.wait(0.001)


async def test_who_is_cancelled_is_not_woken() -> None:
    wakeup = WakeUp()
    task = asyncio.create_task(waits(wakeup, 60))
    await waiting(wakeup)
    task.cancel()
    wakeup.wake()
    wakeup.fail(ValueError())
    with pytest.raises(asyncio.CancelledError):
        await task
    wakeup.close()


async def test_who_is_cancelled_after_a_failure_is_cancelled_and_nobody_misses_the_failure() -> None:
    wakeup, missed = WakeUp(), list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: missed.append(context))
    task = asyncio.create_task(waits(wakeup))
    await waiting(wakeup)
    wakeup.fail(ValueError())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    del wakeup, task
    gc.collect()
    assert not missed


async def test_asyncios_own_timeout_ends_a_wait() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await WakeUp().wait()
