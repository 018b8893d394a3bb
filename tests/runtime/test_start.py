"""From a new process to one that serves."""

import asyncio
from pathlib import Path

import pytest

from c1fn.runtime.start import run
from tests.runtime.bench import answer, get, runtime_api, submit
from tests.runtime.started import running, terminate, told

PLAIN = "tests.runtime.functions.plain.app"


async def test_a_process_starts_its_app_serves_and_shuts_it_down_when_terminated(marks: Path) -> None:
    async with running(PLAIN) as (api, task):
        got = await answer(submit(api, get("/echo")))
        assert got.json["state"] == {"started": "yes"}
        terminate()
        assert await task == 0
    assert told(marks) == ["startup", "shutdown"]


async def test_a_running_invocation_ends_before_the_process_does(marks: Path) -> None:
    entered: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
    gate = await asyncio.start_server(lambda _, writer: entered.put_nowait(writer), "127.0.0.1", 0)
    port = gate.sockets[0].getsockname()[1]
    async with running(PLAIN) as (api, task):
        call = submit(api, get("/gated", f"gate={port}"))
        writer = await entered.get()
        terminate()
        writer.write(b"x")
        assert (await answer(call)).body == b"first second"
        assert await task == 0
        writer.close()
    gate.close()
    assert told(marks) == ["startup", "finished", "shutdown"]


@pytest.mark.parametrize(
    ("handler", "kind", "message"),
    [
        ("no_such_module.app", "Function.ModuleNotFoundError", "no_such_module"),
        ("tests.runtime.functions.plain.nothing", "Function.NoHandler", "nothing"),
        ("", "Function.NoHandler", "module.attribute"),
        ("tests.runtime.functions.exits.app", "Function.SystemExit", "7"),
    ],
)
async def test_what_cannot_start_is_an_init_error_with_its_message(
    handler: str, kind: str, message: str
) -> None:
    async with running(handler) as (api, task):
        assert await task == 1
        assert api.init_fault
        assert api.init_fault.type == kind
        assert message in api.init_fault.message


async def test_an_app_that_refuses_to_start_is_an_init_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIL_STARTUP", "1")
    async with running(PLAIN) as (api, task):
        assert await task == 1
        assert api.init_fault
        assert (api.init_fault.type, api.init_fault.message) == ("Function.StartupFailed", "no table")


@pytest.mark.parametrize("value", ["0", "-1", "many", "1601"])
async def test_a_concurrency_that_is_none_is_an_init_error(value: str) -> None:
    async with running(PLAIN, AWS_LAMBDA_MAX_CONCURRENCY=value) as (api, task):
        assert await task == 1
        assert api.init_fault
        assert value in api.init_fault.message


async def test_a_platform_that_is_gone_ends_the_process() -> None:
    async with runtime_api() as (_, address, _notes):
        pass
    environ = {"AWS_LAMBDA_RUNTIME_API": f"{address.host}:{address.port}", "_HANDLER": PLAIN}
    assert await run(environ) == 1
    assert await run(environ | {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}) == 1


async def test_without_a_runtime_api_there_is_nobody_to_tell() -> None:
    with pytest.raises(ValueError, match="AWS_LAMBDA_RUNTIME_API"):
        await run({})
