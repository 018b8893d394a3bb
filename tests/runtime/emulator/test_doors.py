"""Each door with the limits and the habits of AWS's."""

from typing import Any

import pytest

from c1fn.runtime.emulator import doors
from c1fn.runtime.emulator.door import Door, Front
from c1fn.runtime.emulator.http import Server
from c1fn.runtime.emulator.options import MAX_BUFFERED, Options
from tests.runtime.emulated import ROOT, Gate, emulated, release

DOORS = ("url", "rest_url", "http_url", "alb_url")


@pytest.mark.parametrize("door", DOORS)
async def test_every_door_leads_to_the_function_and_back(door: str) -> None:
    async with emulated() as lab:
        url = getattr(lab.emulator, door) + "/echo?a=1&b=x%20y"
        got = await lab.client.post(url, content="ü".encode(), headers={"content-type": "text/plain"})
    seen = got.json()
    root = "/prod" if door in ("rest_url", "http_url") else ""
    assert (got.status_code, got.headers["content-type"]) == (200, "application/json")
    assert (seen["path"], seen["body"].encode("latin-1").decode()) == (f"{root}/echo", "ü")
    assert sorted(got.headers.get_list("set-cookie")) == ["a=1", "b=2"]


@pytest.mark.parametrize("several", [True, False])
async def test_a_load_balancer_reads_headers_in_the_form_that_it_is_set_to(several: bool) -> None:  # noqa: FBT001 - a setting
    async with emulated(multi_value_headers=several) as lab:
        got = await lab.client.get(lab.emulator.alb_url + "/echo")
    assert got.headers["content-type"] == "application/json"
    assert sorted(got.headers.get_list("set-cookie")) == ["a=1", "b=2"]


async def test_a_load_balancer_passes_a_megabyte_each_way() -> None:
    async with emulated() as lab:
        url = lab.emulator.alb_url
        large = await lab.client.post(url + "/echo", content=b"x" * (doors.LOAD_BALANCER + 1))
        assert (large.status_code, large.headers["content-type"]) == (413, "text/html")
        told = await lab.client.get(url + "/big?mb=2")
    assert (told.status_code, told.json()["code"]) == (502, "too_large_for_door")
    assert f"carries {doors.LOAD_BALANCER}" in told.json()["detail"]


async def test_what_a_load_balancer_cannot_read_is_its_own_502() -> None:
    async with emulated("tests.runtime.functions.managed.raw") as lab:
        got = await lab.client.get(lab.emulator.alb_url + "/echo")
    assert (got.status_code, got.headers["content-type"]) == (502, "text/html")


@pytest.mark.parametrize("door", ["http_url", "alb_url"])
async def test_a_door_that_cannot_stream_does_not_understand_a_stream(door: str) -> None:
    """A plain app knows that; this one streams at every door."""
    async with emulated("tests.runtime.functions.managed.raw") as lab:
        got = await lab.client.get(getattr(lab.emulator, door) + "/echo")
    assert got.status_code != 200 or "metadata" not in got.text


@pytest.mark.parametrize("door", ["rest_url", "http_url"])
async def test_an_api_takes_10_kilobytes_of_headers(door: str) -> None:
    async with emulated() as lab:
        url = getattr(lab.emulator, door) + "/echo"
        assert (await lab.client.get(url, headers={"x": "y" * 11_000})).status_code == 431
        assert (await lab.client.get(url, headers={"x": "y" * 9_000})).status_code == 200


@pytest.mark.parametrize(
    ("door", "status", "message"),
    [
        (doors.rest_api, 504, "Endpoint request timed out"),
        (doors.http_api, 503, "Service Unavailable"),
    ],
)
async def test_an_api_waits_so_long_for_a_whole_answer_and_no_longer(
    door: Any, status: int, message: str
) -> None:
    """29 and 30 s; a twentieth of one here. The invocation runs on."""
    from dataclasses import replace

    options = Options(task_root=ROOT, rest_mode="buffer")
    made: Door = door(options)
    assert made.patience in (doors.REST_PATIENCE, doors.HTTP_PATIENCE)
    async with emulated() as lab, Gate() as gate:
        server = await Server.listen(Front(lab.emulator.function, replace(made, patience=0.05)).handle)
        got = await lab.client.get(f"http://127.0.0.1:{server.port}/prod/gated?gate={gate.port}")
        assert (got.status_code, got.json()) == (status, {"message": message})
        await release(await gate.held())
        await server.close()
        assert (await lab.get("/echo")).status_code == 200, "the process lives on"


@pytest.mark.parametrize("door", DOORS)
async def test_a_request_larger_than_its_door_takes_is_413(door: str) -> None:
    limit = doors.LOAD_BALANCER if door == "alb_url" else MAX_BUFFERED
    async with emulated() as lab:
        url = getattr(lab.emulator, door) + "/echo"
        assert (await lab.client.post(url, content=b"x" * (limit + 1))).status_code == 413


@pytest.mark.parametrize("door", ["rest_url", "http_url"])
async def test_a_custom_domain_has_its_base_path_in_place_of_the_stage(door: str) -> None:
    async with emulated(
        custom_domain="chat.example.com", base_path="/chat", environ={"C1FN_BASE_PATH": "/chat"}
    ) as lab:
        url = getattr(lab.emulator, door)
        assert url.endswith("/chat")
        assert (await lab.client.get(url + "/echo")).json()["path"] == "/chat/echo"
        assert (await lab.client.get(url.removesuffix("/chat") + "/prod/echo")).status_code == 403


async def test_a_stage_without_a_name_is_in_no_path() -> None:
    async with emulated(stage="$default") as lab:
        assert (await lab.client.get(lab.emulator.http_url + "/echo")).json()["path"] == "/echo"
