"""The emulator as a whole: a function in processes of its own, behind its doors."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.runtime.emulated import DOORS, Gate, emulated, release

DOOR = pytest.mark.parametrize("door", ["url", "rest_url"])


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def told(marks: Path) -> list[str]:
    return marks.read_text("utf-8").splitlines() if marks.exists() else []


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    return tmp_path / "marks"


@DOOR
async def test_a_request_becomes_an_event_and_an_answer(door: str) -> None:
    async with emulated() as lab:
        url = getattr(lab.emulator, door) + "/echo?a=1&b=x%20y"
        got = await lab.client.post(
            url, content="ü".encode(), headers={"content-type": "text/plain", "x-a": "1"}
        )
    seen = got.json()
    assert (got.status_code, got.headers["content-type"]) == (200, "application/json")
    assert got.headers.get_list("set-cookie") == ["a=1", "b=2"]
    path = "/prod/echo" if door == "rest_url" else "/echo"  # as the client sees it, stage and all
    assert (seen["method"], seen["path"], seen["body"]) == ("POST", path, "ü".encode().decode("latin-1"))
    assert seen["query"] in ("a=1&b=x%20y", "a=1&b=x+y")
    assert ["x-a", "1"] in seen["headers"]
    assert seen["request_id"] == got.headers["x-amzn-requestid"]


@pytest.mark.parametrize("door", ["url", "rest_url", "http_url", "alb_url", "invoke_url"])
@pytest.mark.parametrize("host", ["evil.example", "evil.example:9000", "127.0.0.1.evil.example"])
async def test_a_name_that_was_made_to_lead_here_is_not_answered_to(door: str, host: str) -> None:
    """Its page would be of the same origin as this port, and could read every answer."""
    async with emulated() as lab:
        path = "/2015-03-31/functions/function/invocations" if door == "invoke_url" else "/echo"
        url = getattr(lab.emulator, door) + path
        got = await lab.client.post(url, headers={"host": host}, json={})
        assert (got.status_code, "localhost alone" in got.text) == (400, True)
        assert lab.emulator.function.processes == []  # nothing was even started


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site", "origin": "https://evil.example"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ],
)
async def test_no_page_invokes_the_function_directly(headers: dict[str, str]) -> None:
    """A form's POST needs no preflight, and its text is an event."""
    async with emulated() as lab:
        url = f"{lab.emulator.invoke_url}/2015-03-31/functions/function/invocations"
        got = await lab.client.post(url, headers={**headers, "content-type": "text/plain"}, content="{}")
        assert (got.status_code, got.headers["x-amzn-errortype"]) == (403, "AccessDeniedException")
        assert lab.emulator.function.processes == []


@DOOR
async def test_the_first_piece_reaches_the_client_while_the_app_is_held_at_its_gate(door: str) -> None:
    async with emulated() as lab, Gate() as gate:
        url = f"{getattr(lab.emulator, door)}/gated?gate={gate.port}"
        async with lab.client.stream("GET", url) as got:
            pieces = got.aiter_raw()
            assert await anext(pieces) == b"first "
            await release(await gate.held())
            assert b"".join([piece async for piece in pieces]) == b"second"


@DOOR
async def test_a_fault_midway_breaks_the_connection_and_is_logged_with_its_type(door: str) -> None:
    async with emulated() as lab:
        with pytest.raises(httpx2.RemoteProtocolError):
            await lab.client.get(getattr(lab.emulator, door) + "/midway")
        assert (await lab.get("/echo")).status_code == 200, "the process lives on"
    assert lab.logged("Function.Boom")
    assert not any("secret" in line for line in lab.lines)


@DOOR
async def test_a_fault_before_the_response_is_a_502(door: str) -> None:
    async with emulated() as lab:
        got = await lab.client.get(getattr(lab.emulator, door) + "/early")
    assert (got.status_code, got.json()) == (502, {"message": "Internal Server Error"})
    assert lab.logged("Function.Boom")


@pytest.mark.parametrize(("status", "length"), [(200, "0"), (404, "0"), (204, None), (304, None)])
async def test_an_empty_body_hangs_no_door(status: int, length: str | None) -> None:
    async with emulated() as lab:
        got = await lab.get(f"/empty?status={status}")
    assert (got.status_code, got.content, got.headers.get("content-length")) == (status, b"", length)


async def test_at_the_deadline_the_process_is_killed_and_another_takes_its_place() -> None:
    async with emulated(timeout=0.5) as lab, Gate() as gate:
        (await lab.get("/echo")).raise_for_status()
        (pid,) = lab.emulator.function.processes
        with pytest.raises(httpx2.RemoteProtocolError):
            await lab.get(f"/gated?gate={gate.port}")
        assert lab.logged("Task timed out after 0.50 seconds")
        assert lab.logged("Sandbox.Timedout")
        assert (await lab.get("/echo")).json()["pid"] != pid
    assert not alive(pid)


async def test_a_client_that_leaves_midway_does_not_end_the_invocation(marks: Path) -> None:
    async with emulated(environ={"MARKS": str(marks)}) as lab, Gate() as gate:
        async with lab.client.stream("GET", f"{lab.emulator.url}/gated?gate={gate.port}") as got:
            assert await anext(got.aiter_raw()) == b"first "
        await release(await gate.held())
        (await lab.get("/echo")).raise_for_status()
        assert "finished" in told(marks)


async def test_a_client_that_leaves_a_long_answer_holds_nobody_up(marks: Path) -> None:
    """More is written than lies between the function and its client."""
    async with emulated(environ={"MARKS": str(marks)}, rate=1e9) as lab:
        async with lab.client.stream("GET", lab.emulator.url + "/big?mb=8") as got:
            assert await anext(got.aiter_raw())
        while not lab.logged("REPORT"):  # noqa: ASYNC110 - it is the invocation that is awaited
            await asyncio.sleep(0)
        assert "big is out" in told(marks)
    assert not lab.logged("Status: error")


async def test_beyond_its_burst_a_stream_is_slow() -> None:
    """A megabyte at a byte a second: the deadline comes first."""
    async with emulated(burst=1024, rate=1, timeout=0.5) as lab:
        with pytest.raises(httpx2.RemoteProtocolError):
            await lab.get("/big?mb=1")
    assert lab.logged("Sandbox.Timedout")


async def test_a_slow_client_of_8_megabytes_leaves_another_turn_undisturbed() -> None:
    async with (
        emulated(managed=2, concurrency=1, rate=1e9) as lab,
        Gate() as gate,
        lab.client.stream("GET", lab.emulator.url + "/big?mb=8") as slow,
    ):
        async with lab.client.stream("GET", f"{lab.emulator.url}/gated?gate={gate.port}") as got:
            pieces = got.aiter_raw()
            assert await anext(pieces) == b"first "
            await release(await gate.held())
            assert b"".join([piece async for piece in pieces]) == b"second"
        assert sum([len(piece) async for piece in slow.aiter_raw()]) == 8 * 1024 * 1024


async def test_fifty_invocations_at_once_share_one_process() -> None:
    async with emulated(managed=50, concurrency=1) as lab, Gate() as gate:
        url = f"{lab.emulator.url}/gated?gate={gate.port}"
        limits = httpx2.Limits(max_connections=50)
        async with httpx2.AsyncClient(timeout=30, limits=limits) as client:
            asking = [asyncio.create_task(client.get(url)) for _ in range(50)]
            held = [await gate.held() for _ in asking]
            assert len(lab.emulator.function.processes) == 1
            for one in held:
                await release(one)
            assert {(await got).text for got in asking} == {"first second"}


async def test_two_at_once_are_two_processes_and_a_third_beyond_the_limit_is_429() -> None:
    async with emulated(concurrency=2) as lab, Gate() as gate:
        url = f"{lab.emulator.url}/gated?gate={gate.port}"
        asking = [asyncio.create_task(lab.client.get(url)) for _ in range(2)]
        held = [await gate.held() for _ in asking]
        assert len(set(lab.emulator.function.processes)) == 2
        assert (await lab.get("/echo")).status_code == 429
        for one in held:
            await release(one)
        assert [(await got).text for got in asking] == ["first second"] * 2
        assert (await lab.get("/echo")).status_code == 200


async def test_one_after_another_stays_warm_and_the_log_tells_the_cold_start_once() -> None:
    async with emulated() as lab:
        pids = {(await lab.get("/echo")).json()["pid"] for _ in range(3)}
    assert len(pids) == 1
    assert [line.split()[0] for line in lab.lines if not line.startswith("{")] == [
        "START",
        "END",
        "REPORT",
    ] * 3
    reports = lab.logged("REPORT")
    assert ["Init Duration: " in line for line in reports] == [True, False, False]
    assert all("Memory Size: 512 MB" in line and "Billed Duration: " in line for line in reports)


async def test_the_functions_own_lines_carry_the_request_id() -> None:
    async with emulated() as lab:
        got = await lab.get("/echo")
    line: dict[str, Any] = json.loads(lab.logged('"logger": "plain"')[0])
    assert (line["message"], line["requestId"]) == ("echo", got.headers["x-amzn-requestid"])


async def test_a_restore_after_a_snapshot_serves_with_everything_made_anew(marks: Path) -> None:
    async with emulated(DOORS, snapstart=True, environ={"MARKS": str(marks)}) as lab:
        assert [(await lab.get("/echo")).status_code for _ in range(2)] == [200, 200]
        assert told(marks) == ["startup", "shutdown", "before", "after", "startup"]
    assert told(marks)[-1] == "shutdown"
    assert lab.logged("RESTORE_START")
    assert ["Restore Duration" in line for line in lab.logged("REPORT")] == [True, False]


@pytest.mark.parametrize(
    ("handler", "environ", "kind"),
    [
        ("no_such_module.app", {}, "Function.ModuleNotFoundError"),
        ("tests.runtime.functions.plain.app", {"FAIL_STARTUP": "1"}, "Function.StartupFailed"),
        ("tests.runtime.functions.plain.app", {"AWS_LAMBDA_RUNTIME_API": "nonsense"}, "Runtime.ExitError"),
    ],
)
async def test_a_function_that_cannot_start_is_a_502_and_an_error_in_the_log(
    handler: str, environ: dict[str, str], kind: str
) -> None:
    async with emulated(handler, environ=environ) as lab:
        assert (await lab.get("/echo")).status_code == 502
    assert lab.logged(kind)


async def test_a_failed_restore_is_told() -> None:
    async with emulated(DOORS, snapstart=True, environ={"FAIL_RESTORE": "1"}) as lab:
        assert (await lab.get("/echo")).status_code == 502
    assert lab.logged("no restore")


async def test_a_start_that_takes_too_long_is_ended() -> None:
    async with emulated("tests.runtime.functions.hangs.app", init_timeout=0.3) as lab:
        assert (await lab.get("/echo")).status_code == 502
    assert lab.logged("Sandbox.Timedout")


async def test_a_process_that_dies_is_a_502_and_the_next_call_gets_a_new_one() -> None:
    async with emulated() as lab:
        assert (await lab.get("/die")).status_code == 502
        assert (await lab.get("/echo")).status_code == 200
    assert lab.logged("Runtime exited with error: exit status 3")


async def test_an_app_that_ends_its_process_ends_it_at_once_and_is_logged() -> None:
    """As with AWS's runtime; its own log line says who did it."""
    async with emulated() as lab:
        assert (await lab.get("/leave")).status_code == 502
        assert (await lab.get("/echo")).status_code == 200
        with pytest.raises(httpx2.RemoteProtocolError):
            await lab.get("/leave?begun=1")
    assert lab.logged("Runtime exited with error: exit status 3")
    assert len(lab.logged("the function ended its process")) == 2


async def test_a_frozen_process_thaws_for_its_next_call() -> None:
    async with emulated(freeze=True) as lab:
        pids = {(await lab.get("/echo")).json()["pid"] for _ in range(3)}
        assert len(pids) == 1


async def test_a_missing_bootstrap_is_told() -> None:
    async with emulated(bootstrap=Path("/nowhere/bootstrap")) as lab:
        assert (await lab.get("/echo")).status_code == 502
    assert lab.logged("Runtime.InvalidEntrypoint")


async def test_at_its_end_every_process_is_shut_down_and_gone(marks: Path) -> None:
    async with emulated(environ={"MARKS": str(marks)}) as lab:
        pid = (await lab.get("/echo")).json()["pid"]
        assert alive(pid)
    assert told(marks) == ["startup", "shutdown"]
    assert not alive(pid)


async def test_a_process_that_ignores_its_end_is_killed() -> None:
    async with emulated("tests.runtime.functions.stubborn.app") as lab:
        pid = int((await lab.get("/")).text)
    assert not alive(pid)


async def test_a_port_that_is_taken_is_told() -> None:
    async with emulated() as lab:
        port = int(lab.emulator.url.rpartition(":")[2])
        with pytest.raises(OSError, match="address already in use"):
            async with emulated(port=port):
                pass


async def test_the_runtime_api_answers_to_this_machines_names_too() -> None:
    async with emulated() as lab:
        await lab.get("/echo")
        api = lab.emulator.function._sandboxes[0]._api._server
        assert api
        url = f"http://127.0.0.1:{api.port}/2018-06-01/runtime/invocation/x/response"
        assert (await lab.client.post(url, headers={"host": "evil.example"})).status_code == 400
        assert (await lab.client.post(url)).status_code == 410
