"""The scripted server as a process of its own: what end-to-end tests and benchmarks rely on."""

import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import httpx2
import pytest

ROOT = Path(__file__).parents[1]
KEY = {"authorization": "Bearer any"}


@pytest.fixture
async def client() -> AsyncGenerator[httpx2.AsyncClient, None]:
    """A client of a server that is ended afterwards, and must then have had nothing to complain about."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "tests/upstream.py", "--port", "0", cwd=ROOT, stdout=pipe, stderr=pipe
    )
    assert process.stdout is not None
    url = (await process.stdout.readline()).decode().strip()
    async with httpx2.AsyncClient(base_url=url, headers=KEY, timeout=30) as client:
        yield client
    process.terminate()
    _, complaints = await process.communicate()
    assert (process.returncode, complaints) == (0, b"")


def asked(words: str) -> dict[str, object]:
    return {"model": "m", "stream": True, "messages": [{"role": "user", "content": words}]}


async def test_a_gate_is_opened_and_the_requests_are_listed_from_outside(client: httpx2.AsyncClient) -> None:
    async with client.stream("POST", "chat/completions", json=asked("fault:gate")) as response:
        lines = response.aiter_lines()
        said = [line async for line in _until(lines, "Hel")]
        await client.post(client.base_url.join("/open"))
        said += [line async for line in lines]
    assert said[-2] == "data: [DONE]"
    (request,) = (await client.get(client.base_url.join("/requests"))).json()
    assert request["path"] == "/v1/embed/chat/completions"
    assert request["body"] == asked("fault:gate")


async def _until(lines: AsyncIterator[str], word: str) -> AsyncGenerator[str, None]:
    while True:
        line = await anext(lines)
        yield line
        if word in line:
            return


async def test_a_client_that_asks_for_it_has_its_connection_closed(client: httpx2.AsyncClient) -> None:
    response = await client.post("chat/completions", json=asked("hi"), headers={"connection": "close"})
    assert response.text.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"messages": [{"role": "user", "content": "hi", "id": "x"}]}, 400),
        ({"messages": [{"role": "tool", "content": "hi", "tool_call_id": "x"}]}, 400),
        ({"messages": [{"role": "assistant", "content": "", "tool_calls": [{"id": "x"}]}]}, 400),
        ({"messages": []}, 400),
    ],
)
async def test_what_openai_would_refuse_is_refused(
    client: httpx2.AsyncClient, body: dict[str, object], status: int
) -> None:
    assert (await client.post("chat/completions", json=body)).status_code == status
