"""The HTTP front doors, where they differ from a plain passing on."""

import asyncio
import json
from typing import Any

import httpx2
import pytest

from c1fn.runtime.emulator.options import MAX_BUFFERED
from tests.runtime.emulated import Gate, emulated, release

DOOR = pytest.mark.parametrize("door", ["url", "rest_url"])
BUFFERED: dict[str, Any] = {"url_mode": "buffer", "rest_mode": "buffer"}


@DOOR
async def test_a_door_that_buffers_answers_a_streamed_response_whole(door: str) -> None:
    async with emulated(**BUFFERED) as lab, Gate() as gate:
        asking = asyncio.create_task(lab.client.get(f"{getattr(lab.emulator, door)}/gated?gate={gate.port}"))
        await release(await gate.held())
        got = await asking
    assert (got.status_code, got.text, got.headers["content-length"]) == (200, "first second", "12")


@DOOR
async def test_a_door_that_buffers_answers_502_to_a_fault_midway(door: str) -> None:
    async with emulated(**BUFFERED) as lab:
        assert (await lab.client.get(getattr(lab.emulator, door) + "/midway")).status_code == 502


async def test_a_door_that_buffers_takes_6_megabytes() -> None:
    async with emulated(**BUFFERED, rate=1e9) as lab:
        assert len((await lab.get("/big?mb=5")).content) == 5 * 1024 * 1024
        assert (await lab.get("/big?mb=7")).status_code == 502
        assert (await lab.get("/echo")).status_code == 200


@DOOR
async def test_a_request_of_more_than_6_megabytes_is_413(door: str) -> None:
    async with emulated() as lab:
        url = getattr(lab.emulator, door) + "/echo"
        got = await lab.client.post(url, content=b"x" * (MAX_BUFFERED + 1))
    assert got.status_code == 413


@pytest.mark.parametrize("path", ["/echo", "/prodx/echo"])
async def test_a_rest_api_has_nothing_outside_its_stage(path: str) -> None:
    async with emulated() as lab:
        got = await lab.client.get(lab.emulator.rest_url.removesuffix("/prod") + path)
    assert (got.status_code, got.json()) == (403, {"message": "Missing Authentication Token"})


async def test_a_rest_api_breaks_off_an_answer_that_stays_silent() -> None:
    async with emulated(rest_idle=0.2) as lab, Gate() as gate:
        with pytest.raises(httpx2.RemoteProtocolError):
            await lab.client.get(f"{lab.emulator.rest_url}/gated?gate={gate.port}")


async def test_a_head_request_gets_no_body() -> None:
    async with emulated() as lab:
        got = await lab.client.head(lab.emulator.url + "/echo")
    assert (got.status_code, got.content) == (200, b"")


async def test_a_whole_answer_of_the_function_passes_a_streaming_door_as_it_is() -> None:
    """What awslambdaric sends is no streamed response, so a streaming door does not look into it."""
    async with emulated("tests.runtime.functions.managed.handler", bootstrap=None) as lab:
        got = await lab.get("/x")
    assert (got.status_code, got.json()["statusCode"]) == (200, 201)


@DOOR
async def test_a_whole_answer_of_the_function_is_read_by_a_door_that_buffers(door: str) -> None:
    async with emulated("tests.runtime.functions.managed.handler", bootstrap=None, **BUFFERED) as lab:
        got = await lab.client.get(getattr(lab.emulator, door) + "/x")
    assert (got.status_code, got.text, got.headers["x-a"]) == (201, "whole", "b")


async def test_a_whole_answer_that_is_malformed_is_a_502() -> None:
    async with emulated("tests.runtime.functions.managed.malformed", bootstrap=None, **BUFFERED) as lab:
        assert (await lab.get("/x")).status_code == 502
    assert lab.logged("malformed")


async def test_a_bare_stream_passes_as_a_200() -> None:
    async with emulated("tests.runtime.functions.managed.raw") as lab:
        got = await lab.get("/echo")
    assert (got.status_code, got.headers["content-type"]) == (200, "application/octet-stream")
    assert json.loads(got.content)["path"] == "/echo"
