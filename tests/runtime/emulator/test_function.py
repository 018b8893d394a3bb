"""The function's processes, up to a limit."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from c1fn.runtime.emulator.call import Call
from c1fn.runtime.emulator.function import Function, Throttled
from c1fn.runtime.emulator.options import Options
from tests.runtime.bench import answer, get
from tests.runtime.emulated import PLAIN, ROOT, Gate, release


def function(lines: list[str], **options: Any) -> Function:
    return Function(Options(task_root=ROOT, handler=PLAIN, log=lines.append, **options))


async def test_a_call_may_be_given_before_any_process_is_ready() -> None:
    fn = function([])
    calls = [Call(get("/echo")) for _ in range(3)]
    for call in calls:
        fn.call(call)
    pids = {(await answer(call)).json["pid"] for call in calls}
    assert pids == set(fn.processes)
    assert len(pids) == 3
    await fn.close()


async def test_beyond_its_concurrency_a_call_is_refused_and_a_place_that_is_free_again_is_given() -> None:
    fn = function([], concurrency=1)
    async with Gate() as gate:
        first = Call(get("/gated", f"gate={gate.port}"))
        fn.call(first)
        held = await gate.held()
        with pytest.raises(Throttled):
            fn.call(Call(get("/echo")))
        await release(held)
        await first.drain()
    again = Call(get("/echo"))
    fn.call(again)
    assert (await answer(again)).fault is None
    await fn.close()


async def test_an_abandoned_call_runs_to_its_end() -> None:
    lines: list[str] = []
    fn = function(lines, rate=1e9)
    call = Call(get("/big", "mb=8"))
    fn.call(call)
    fn.abandon(call)
    while not call.ended:  # noqa: ASYNC110 - it is the call that is awaited, and nobody takes from it
        await asyncio.sleep(0)
    assert call.fault is None
    fn.abandon(call)
    await fn.close()


async def test_a_function_that_was_never_called_has_no_process(tmp_path: Path) -> None:
    fn = Function(Options(task_root=tmp_path))
    assert fn.processes == []
    await fn.close()
