"""Under an emulator that nobody here wrote, which acknowledges a stream at its first piece and reads on."""

import json
from collections.abc import Generator
from pathlib import Path

import httpx2
import pytest

from tests.cargo_lambda import watching
from tests.processes import chat_body
from tests.runtime.emulated import PLAIN, Gate, release

INVOKE = "/2015-03-31/functions/_/invocations"


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Generator[str, None, None]:
    with watching(tmp_path_factory.mktemp("cargo"), "handler.handler") as url:
        yield url


async def test_a_piece_arrives_while_the_app_is_held_and_the_next_request_is_served(tmp_path: Path) -> None:
    with watching(tmp_path, PLAIN) as url:
        async with Gate() as gate, httpx2.AsyncClient(base_url=url, timeout=20) as client:
            for _ in range(2):  # on one connection of the runtime
                async with client.stream("GET", f"/gated?gate={gate.port}") as got:
                    pieces = got.aiter_raw()
                    assert await anext(pieces) == b"first "
                    await release(await gate.held())
                    assert b"".join([piece async for piece in pieces]) == b"second"


async def test_a_turn_streams_to_its_end(chat: str) -> None:
    """Its deadline of 600,000 is no date: as one, every answer was out of time before it began."""
    async with (
        httpx2.AsyncClient(base_url=chat, timeout=30) as client,
        client.stream("POST", "/api/chat", json=chat_body("hi")) as got,
    ):
        pieces = [piece async for piece in got.aiter_raw()]
    assert got.status_code == 200
    assert "c1fn-error" not in got.headers
    assert len(pieces) > 10
    assert b"".join(pieces).endswith(b"</content>")


def test_a_direct_invocation_a_ping_and_a_foreign_event(chat: str) -> None:
    whole = httpx2.post(chat + INVOKE, json=chat_body("hi", "r2"), timeout=30).json()
    assert (whole["statusCode"], whole["body"].endswith("</content>")) == (200, True)
    assert httpx2.post(chat + INVOKE, json={"source": "serverless-plugin-warmup"}, timeout=30).json() == {
        "warm": True
    }
    refused = httpx2.post(chat + INVOKE, json={"Records": []}, timeout=30)
    assert refused.status_code == 500
    assert json.loads(refused.content)["errorMessage"].endswith("its keys are: Records")


def test_a_refusal_keeps_its_status_and_headers(chat: str) -> None:
    refused = httpx2.post(chat + "/api/chat", content=b"{", timeout=30)
    assert (refused.status_code, refused.headers["c1fn-error"]) == (400, "not_json")
