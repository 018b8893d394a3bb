import asyncio
from contextvars import ContextVar

import pytest

from c1fn.bell import Bell


async def noted(name: str, bell: Bell, seen: list[str], then: Bell | None = None) -> None:
    await bell.wait(60)
    seen.append(name)
    if then is not None:
        then.ring()
        seen.append(f"{name} goes on")


async def waits(bell: Bell, seconds: float | None = None) -> None:
    await bell.wait(seconds)


async def waiting(*bells: Bell) -> None:
    """Until somebody waits for each of them."""
    while not all(bell.awaited for bell in bells):  # noqa: ASYNC110 - it is this that is waited for
        await asyncio.sleep(0)


async def in_a_callback(bell: Bell, seen: list[str]) -> None:
    """Ring where no task runs, as a socket's reader does."""
    done = asyncio.Event()

    def ring() -> None:
        bell.ring()
        seen.append("rung")
        done.set()

    asyncio.get_running_loop().call_soon(ring)
    await done.wait()


async def test_who_waits_goes_on_inside_the_ring() -> None:
    bell, seen = Bell(), list[str]()
    task = asyncio.create_task(noted("a", bell, seen))
    await waiting(bell)
    await in_a_callback(bell, seen)
    assert seen == ["a", "rung"]
    await task


async def test_a_task_woken_in_a_ring_lets_another_go_on_as_soon_as_it_waits_itself() -> None:
    first, second, seen = Bell(), Bell(), list[str]()
    tasks = [
        asyncio.create_task(noted("a", first, seen, second)),
        asyncio.create_task(noted("b", second, seen)),
    ]
    await waiting(first, second)
    await in_a_callback(first, seen)
    assert seen == ["a", "a goes on", "b", "rung"]
    await asyncio.gather(*tasks)


async def test_any_other_task_does_not_step_into_one() -> None:
    bell, seen = Bell(), list[str]()
    task = asyncio.create_task(noted("a", bell, seen))
    await waiting(bell)
    bell.ring()
    assert not seen
    assert not bell.awaited
    await task
    assert seen == ["a"]


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
    bell, seen = Bell(), list[str]()
    task = asyncio.create_task(noted("a", bell, seen))
    await waiting(bell)
    task.cancel()
    bell.ring()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not seen
    bell.hang_up()


async def test_who_is_cancelled_after_the_ring_is_cancelled_where_it_goes_on() -> None:
    bell, seen = Bell(), list[str]()
    task = asyncio.create_task(noted("a", bell, seen))
    await waiting(bell)
    bell.ring()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not seen
    bell.hang_up()


async def test_asyncios_own_timeout_ends_a_wait() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await Bell().wait()


async def test_a_task_goes_on_in_its_own_context() -> None:
    bell, mine = Bell(), ContextVar("mine", default="nobody's")

    async def task() -> str:
        mine.set("the task's")
        await bell.wait()
        return mine.get()

    running = asyncio.create_task(task())
    await waiting(bell)
    await in_a_callback(bell, [])
    assert await running == "the task's"
    assert mine.get() == "nobody's"


def test_when_a_step_ends_the_loop_the_others_are_not_lost() -> None:
    first, second, third, seen = Bell(), Bell(), Bell(), list[str]()

    async def ends() -> None:
        await first.wait()
        second.ring()
        third.ring()

    async def breaks() -> None:
        await second.wait()
        raise SystemExit

    async def main() -> None:
        tasks.extend(map(asyncio.create_task, (ends(), breaks(), noted("c", third, seen))))
        await waiting(first, second, third)
        asyncio.get_running_loop().call_soon(first.ring)
        await asyncio.Event().wait()

    tasks: list[asyncio.Task[None]] = []
    with asyncio.Runner() as runner:
        with pytest.raises(SystemExit):
            runner.run(main())
        runner.run(asyncio.wait(tasks[2:], timeout=0))
        assert isinstance(tasks[1].exception(), SystemExit)
    assert seen == ["c"]
