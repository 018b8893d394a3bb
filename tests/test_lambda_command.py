"""`c1fn lambda`: the same endpoint through the emulator, whose function starts as Lambda starts it."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from httpx2 import AsyncClient

from tests.processes import Command, chat_body, serving
from tests.upstream import Upstream, held, refuse, say


@pytest.fixture
async def command(upstream: Upstream, tmp_path: Path) -> AsyncGenerator[Command, None]:
    settings = {"THESYS_API_KEY": "sk-planted", "C1FN_BASE_URL": upstream.url}
    async with serving("lambda", "--port", "0", folder=tmp_path, **settings) as command:
        yield command
        status, printed = await command.end()
        assert (status, "Traceback" in printed, "planted" in printed) == (0, False, False)


@pytest.fixture
async def client(command: Command) -> AsyncGenerator[AsyncClient, None]:
    async with AsyncClient(base_url=command.url, timeout=30) as client:
        yield client


async def test_a_refusal_has_its_true_status(client: AsyncClient, upstream: Upstream) -> None:
    upstream.queue(refuse(401))
    answer = await client.post("/api/chat", json=chat_body("hi"))
    assert (answer.status_code, answer.json()["code"]) == (502, "model_key_rejected")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_any_name_of_a_thread_can_stand_in_a_path(client: AsyncClient) -> None:
    await client.post("/api/chat", json=chat_body("hi", "r/1", "a/ü?"))
    assert (await client.get("/api/threads/a%2F%C3%BC%3F/messages")).json()[0]["content"] == "hi"


async def test_the_rest_api_streams_too(command: Command, upstream: Upstream) -> None:
    gate = asyncio.Event()
    upstream.queue(held(gate))
    rest = (await command.doors())["REST API"]
    async with (
        AsyncClient(timeout=30) as client,
        client.stream("POST", f"{rest}/api/chat", json=chat_body("hi")) as answer,
    ):
        assert await anext(answer.aiter_bytes()) == b"Hel"
        gate.set()


async def test_it_tells_the_address_of_every_door(command: Command, upstream: Upstream) -> None:
    doors = await command.doors()
    invoke = doors.pop("Invoke API") + "/2015-03-31/functions/function/invocations"
    assert list(doors) == ["function URL", "REST API", "HTTP API", "load balancer"]
    assert f"{doors['function URL']}/" == command.url
    async with AsyncClient(timeout=30) as client:
        for url in doors.values():
            assert (await client.get(f"{url}/healthz")).status_code == 200
        upstream.queue(say("Hello"))
        answer = await client.post(invoke, json=chat_body("hi"))
        assert "Hello" in answer.json()["body"]


async def test_an_answer_that_its_door_cannot_carry_is_read_through_another(
    command: Command, upstream: Upstream
) -> None:
    """The model is called once: the turn was stored before the door was too small for it."""
    doors = await command.doors()
    upstream.queue(say(*["many words " * 1_000] * 110))
    body = chat_body("much", "r1", "t")
    turn, problem = "api/threads/t/turns/r1", "application/problem+json"
    others = ("function URL", "REST API", "HTTP API")
    async with AsyncClient(timeout=60) as client:
        answer = await client.post(f"{doors['load balancer']}/api/chat", json=body)
        assert (answer.status_code, answer.headers["content-type"]) == (502, problem)
        assert answer.json()["code"] == "too_large_for_door"
        assert (await client.get(f"{doors['load balancer']}/{turn}")).status_code == 502
        read = [await client.get(f"{doors[door]}/{turn}") for door in others]
        again = await client.post(f"{doors['function URL']}/api/chat", json=body)
    assert {each.status_code for each in read} == {200}
    texts = {each.text for each in (*read, again)}
    assert len(texts) == 1
    assert texts.pop().count("many words ") == 110_000
    assert len(upstream.requests) == 1
