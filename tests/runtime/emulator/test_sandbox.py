"""One process of the function, and the log of it."""

import signal
from typing import Any

import pytest

from c1fn.runtime.emulator.call import Call
from c1fn.runtime.emulator.options import Options
from c1fn.runtime.emulator.sandbox import Sandbox
from tests.runtime.bench import Answer, answer, get
from tests.runtime.emulated import PLAIN, ROOT, Gate


async def once(event: bytes, lines: list[str], **options: Any) -> tuple[Sandbox, Call, Answer]:
    """One call in one new process, and the end of the process."""
    sandbox = Sandbox(Options(task_root=ROOT, handler=PLAIN, log=lines.append, **options))
    call = Call(event)
    sandbox.submit(call)
    await sandbox.start()
    got = await answer(call)
    await sandbox.stop()
    return sandbox, call, got


def fields(report: str) -> dict[str, str]:
    return dict(field.split(": ", 1) for field in report.split("\t"))


async def test_a_report_tells_what_lambdas_tells() -> None:
    lines: list[str] = []
    _, call, _ = await once(get("/echo"), lines)
    start, end, report = (line for line in lines if not line.startswith("{"))
    assert start == f"START RequestId: {call.request_id} Version: $LATEST"
    assert end == f"END RequestId: {call.request_id}"
    told = fields(report)
    assert list(told)[:4] == ["REPORT RequestId", "Duration", "Billed Duration", "Memory Size"]
    assert told["Init Duration"].endswith(" ms")


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/early", "Function.Boom"), ("/midway", "Function.Boom"), ("/die", "Runtime.ExitError")],
)
async def test_a_fault_is_in_the_log_with_its_type(path: str, kind: str) -> None:
    lines: list[str] = []
    _, call, got = await once(get(path), lines)
    assert got.fault
    assert got.fault.type == kind
    assert any(line.startswith(f"ERROR RequestId: {call.request_id} {kind}: ") for line in lines)
    assert fields(lines[[line.startswith("REPORT") for line in lines].index(True)])["Error Type"] == kind


async def test_the_deadline_ends_the_call_and_the_process() -> None:
    sandbox = Sandbox(Options(task_root=ROOT, handler=PLAIN, log=print, timeout=0.3))
    async with Gate() as gate:
        call = Call(get("/gated", f"gate={gate.port}"))
        sandbox.submit(call)
        await sandbox.start()
        got = await answer(call)
    assert got.body == b"first "
    assert got.fault
    assert (got.fault.type, sandbox.alive, sandbox.free) == ("Sandbox.Timedout", False, False)
    assert sandbox._process
    assert await sandbox._process.wait() == -signal.SIGKILL
    await sandbox.stop()


async def test_with_several_invocations_at_once_the_deadline_ends_only_its_own() -> None:
    lines: list[str] = []
    sandbox = Sandbox(Options(task_root=ROOT, handler=PLAIN, log=lines.append, managed=2, timeout=0.3))
    async with Gate() as gate:
        late = Call(get("/gated", f"gate={gate.port}"))
        sandbox.submit(late)
        await sandbox.start()
        got = await answer(late)
        assert got.fault
        assert got.fault.type == "Sandbox.Timedout"
        call = Call(get("/echo"))
        sandbox.submit(call)
        assert (await answer(call)).fault is None
    await sandbox.stop()


async def test_a_line_that_is_endless_does_not_stop_the_log() -> None:
    lines: list[str] = []
    await once(get("/shout"), lines)
    assert "(a line longer than CloudWatch takes)" in lines
    assert any(line.startswith("REPORT") for line in lines)
