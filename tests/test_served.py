"""What `c1fn serve` and `c1fn lambda` have in common: the same endpoint, in a process of its own."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from httpx2 import AsyncClient

from tests.processes import chat_body, serving, until_stored
from tests.upstream import Upstream, held, say


@pytest.fixture(params=["serve", "lambda"])
async def client(
    request: pytest.FixtureRequest, upstream: Upstream, tmp_path: Path
) -> AsyncGenerator[AsyncClient, None]:
    settings = {"THESYS_API_KEY": "sk-planted", "C1FN_BASE_URL": upstream.url}
    async with (
        serving(request.param, "--port", "0", folder=tmp_path, **settings) as command,
        AsyncClient(base_url=command.url, timeout=30) as client,
    ):
        yield client
        status, printed = await command.end()
        assert (status, "Traceback" in printed, "planted" in printed) == (0, False, False)


async def test_the_first_delta_arrives_while_the_model_is_held(
    client: AsyncClient, upstream: Upstream
) -> None:
    gate = asyncio.Event()
    upstream.queue(held(gate))
    async with client.stream("POST", "/api/chat", json=chat_body("hi")) as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        pieces = answer.aiter_bytes()
        assert await anext(pieces) == b"Hel"
        gate.set()
        assert b"".join([piece async for piece in pieces]) == b"lo"


async def test_a_client_that_leaves_midway_finds_the_whole_answer_later(
    client: AsyncClient, upstream: Upstream
) -> None:
    gate = asyncio.Event()
    upstream.queue(held(gate))
    async with client.stream("POST", "/api/chat", json=chat_body("hi")) as answer:
        assert await anext(answer.aiter_bytes()) == b"Hel"
    gate.set()
    assert (await until_stored(client))[1] == {"id": "r1", "role": "assistant", "content": "Hello"}


async def test_sixteen_at_once_are_one_model_call_and_identical_bytes(
    client: AsyncClient, upstream: Upstream
) -> None:
    upstream.queue(say("Hel", "lo"))
    answers = await asyncio.gather(*(client.post("/api/chat", json=chat_body("hi")) for _ in range(16)))
    assert {answer.content for answer in answers} == {b"Hello"}
    assert len(upstream.requests) == 1
