"""A failure of the network is an answer to its own request."""

import pytest

from c1fn.chat.mcp.http import OURS, REFUSED, UNREACHABLE, Client
from tests.chat.mcp.conftest import TRUSTED
from tests.mcp_server import Scripted


async def test_nobody_there_is_an_answer() -> None:
    async with Client({}, TRUSTED) as client:
        answer = await client.post("http://127.0.0.1:1/mcp", json={})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, UNREACHABLE)
    assert answer.json()["error"]["message"] == "The server cannot be reached: ConnectError."


async def test_the_keys_go_with_every_request_and_no_compression_is_asked_for(server: Scripted) -> None:
    async with Client({"Authorization": "Bearer k"}, TRUSTED) as client:
        await client.get(server.url)
    assert server.headers[0]["authorization"] == "Bearer k"
    assert server.headers[0]["accept-encoding"] == "identity"


@pytest.mark.parametrize("code", [UNREACHABLE, REFUSED])
def test_the_codes_are_those_that_json_rpc_leaves_free(code: int) -> None:
    assert code in OURS
    assert -32099 <= code <= -32000
