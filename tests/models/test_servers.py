"""Whole conversations with servers that nobody here wrote, through the whole application."""

import json
import shutil
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import pytest

from c1fn import compose
from c1fn.api.wires.c1 import whole
from c1fn.settings import Settings
from tests.api.scene import BROWSER, body
from tests.asgi import Client, client_of
from tests.models.servers import HELLO, LOOK, MODEL, NOON, WANTED, Aimock, Azure, Litellm, ModelServer

pytestmark = pytest.mark.skipif(not shutil.which("npm"), reason="npm is missing: apt-get install npm")


@pytest.fixture(scope="module", params=["aimock", "azure", "litellm"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    if request.param == "litellm" and request.param not in WANTED:
        pytest.skip("it takes a minute to start: make model-servers")
    with ExitStack() as stack:
        kind = Azure if request.param == "azure" else Aimock
        aimock = stack.enter_context(kind(tmp_path_factory.mktemp("aimock")))
        if request.param != "litellm":
            yield aimock
        else:
            yield stack.enter_context(Litellm(tmp_path_factory.mktemp("litellm"), aimock))


@pytest.fixture(scope="module")
def aimock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aimock]:
    with Aimock(tmp_path_factory.mktemp("aimock")) as server:
        yield server


@asynccontextmanager
async def service(server: ModelServer) -> AsyncGenerator[tuple[Client, list[Any]], None]:
    """An application with the toolbox's tool, and the lines of its log."""
    lines: list[Any] = []
    environ = {"THESYS_API_KEY": "k", "C1FN_BASE_URL": server.base_url, "C1FN_MODEL": MODEL}
    async with client_of(compose.web_app(Settings.read(environ), log=lines.append)) as client:
        yield client, lines


async def test_a_conversation_with_tools(server: ModelServer) -> None:
    async with service(server) as (client, lines):
        prompts = ["hello", "what time is it?", "hello again"]
        answers = [HELLO, LOOK + NOON, HELLO]
        for number, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
            told = await client.post("/api/chat", body(prompt, f"r{number}"))
            assert (told.status, told.body.decode()) == (200, answer)
        listed = await client.get("/api/threads/t/messages")
        assert [message["content"] for message in listed.json if message["role"] == "assistant"] == answers
    assert [(line.state, line.error, line.rounds) for line in lines] == [
        ("done", None, 1),
        ("done", None, 2),
        ("done", None, 1),
    ]
    assert all(line.input_tokens and line.output_tokens for line in lines)


async def test_a_browser_gets_a_card(server: ModelServer) -> None:
    async with service(server) as (client, _):
        told = await client.post("/api/chat", body("hello"), headers=BROWSER)
        assert told.body.decode() == whole(HELLO, None, cards=True)


BREAKS = {
    "an error of its own": ({"dropRate": 1}, "model_unavailable"),
    "JSON that is none": ({"malformedRate": 1}, "answer_garbled"),
    "a connection that ends": ({"disconnectRate": 1}, "model_unavailable"),
    "too many requests": ({"rateLimitRate": 1}, "model_rate_limited"),
}


@pytest.mark.parametrize(("rates", "code"), BREAKS.values(), ids=list(BREAKS))
async def test_when_it_breaks_the_card_is_true_and_the_thread_goes_on(
    aimock: Aimock, rates: dict[str, float], code: str
) -> None:
    async with service(aimock) as (client, lines):
        assert (await client.post("/api/chat", body("hello", "r1"))).body.decode() == HELLO
        aimock.breaks(**rates)
        try:
            broken = await client.post("/api/chat", body("hello", "r2"))
        finally:
            aimock.mends()
        assert json.loads(broken.body)["code"] == code
        assert (await client.post("/api/chat", body("hello", "r3"))).body.decode() == HELLO
    assert [line.error for line in lines] == [None, code, None]
