"""`c1fn serve` before every fault of a model's server: one process answers all, and outlives each."""

from collections.abc import AsyncGenerator
from html import escape

import pytest
import pytest_asyncio
from httpx2 import AsyncClient

from c1fn.api.wires.c1 import error_card
from c1fn.errors import by_code
from tests.processes import chat_body, serving, until_stored
from tests.test_main import SILENT, key
from tests.upstream import FAULTS, Upstream

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[AsyncClient, None]:
    async with (
        Upstream() as upstream,
        serving("serve", "--port", "0", folder=tmp_path_factory.mktemp("served"), **key(upstream)) as command,
        AsyncClient(base_url=command.url, timeout=30) as client,
    ):
        yield client


REFUSED = {
    "429": (429, "model_rate_limited"),
    "context": (413, "context_too_long"),
    "400": (502, "model_rejected"),
    "401": (502, "model_key_rejected"),
    "403": (502, "model_key_rejected"),
    "404": (502, "model_rejected"),
    "413": (413, "context_too_long"),
    "500": (503, "model_unavailable"),
    "reset-early": (503, "model_unavailable"),
    "empty": (502, "answer_cut"),
}
CUT = {
    "reset": "answer_cut",
    "close": "answer_cut",
    "no-finish": "answer_cut",
    "garbled": "answer_garbled",
    "error-event": "model_unavailable",
    "length": "answer_too_long",
    "filter": "answer_withheld",
}
SENTENCES = {
    "length": "The model stopped in the middle, at the most tokens that it may write. Ask for less.",
}
"""Where the code's own sentence would not be true."""

WELL = {"no-done": "Hello", "201": "Hello", "split": "Hello"}


async def test_every_fault_of_the_upstream_is_in_a_table() -> None:
    assert {*REFUSED, *CUT, *SILENT, *WELL} == {*FAULTS}


@pytest.mark.parametrize("fault", REFUSED)
async def test_a_model_that_fails_at_once_has_a_true_status_and_the_thread_is_usable(
    client: AsyncClient, fault: str
) -> None:
    refused = await client.post("/api/chat", json=chat_body(f"fault:{fault}", thread_id=fault))
    assert (refused.status_code, refused.json()["code"]) == REFUSED[fault]
    assert escape(refused.json()["title"]) in (await until_stored(client, fault))[1]["content"]
    assert (await client.post("/api/chat", json=chat_body("well?", "r2", fault))).status_code == 200


@pytest.mark.parametrize("fault", CUT)
async def test_a_model_that_fails_midway_ends_in_a_card_and_the_thread_is_usable(
    client: AsyncClient, fault: str
) -> None:
    answer = await client.post("/api/chat", json=chat_body(f"fault:{fault}", thread_id=fault))
    assert answer.text == "Hel" + error_card(by_code(CUT[fault], SENTENCES.get(fault)))
    assert (await until_stored(client, fault))[1]["content"] == answer.text
    assert (await client.post("/api/chat", json=chat_body("well?", "r2", fault))).status_code == 200


@pytest.mark.parametrize("oddity", WELL)
async def test_what_is_odd_but_whole_is_an_answer(client: AsyncClient, oddity: str) -> None:
    assert (await client.post("/api/chat", json=chat_body(f"fault:{oddity}", thread_id=oddity))).text == WELL[
        oddity
    ]
