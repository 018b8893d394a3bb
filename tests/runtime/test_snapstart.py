"""A snapshot is taken of a started process, and copies of it are restored."""

from pathlib import Path

import pytest

from tests.runtime.bench import answer, get, submit
from tests.runtime.started import DOORS, running, terminate, told


async def test_after_a_restore_everything_is_made_anew(marks: Path) -> None:
    async with running(DOORS, AWS_LAMBDA_INITIALIZATION_TYPE="snap-start") as (api, task):
        await api.snapshot_ready.wait()
        assert told(marks) == ["startup", "shutdown", "before"]
        api.restored.set()
        assert (await answer(submit(api, get("/echo")))).fault is None
        terminate()
        assert await task == 0
    assert told(marks) == ["startup", "shutdown", "before", "after", "startup", "shutdown"]


@pytest.mark.parametrize(
    ("variable", "phase", "message"),
    [("FAIL_SNAPSHOT", "init", "no snapshot"), ("FAIL_RESTORE", "restore", "no restore")],
)
async def test_a_hook_that_fails_is_reported(
    variable: str, phase: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "1")
    async with running(DOORS, AWS_LAMBDA_INITIALIZATION_TYPE="snap-start") as (api, task):
        api.restored.set()
        assert await task == 1
        assert api.init_fault
        assert (api.failed, api.init_fault.message) == (phase, message)
