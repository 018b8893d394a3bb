"""What users of other chats and agents reported of MCP, tried here. docs/testing.md names the reports."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from c1fn.chat.mcp import Access
from c1fn.chat.mcp.schemas import BadSchema, schema_of
from c1fn.chat.tools import Tools
from tests.chat.mcp.conftest import ask, said
from tests.mcp_server import Scripted, result, scripted, tool
from tests.mcp_server import said as says

Make = Callable[..., Tools]

TUPLE = {"type": "array", "items": [{"type": "number"}, {"type": "string"}], "additionalItems": False}


def lost(status: int, code: int, text: str, number: object = None) -> Response:
    body = {"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": text}}
    return JSONResponse(body, status)


@pytest.mark.parametrize(
    "answer",
    [
        lost(404, -32600, "Session not found", "server-error"),
        lost(400, -32000, "Bad Request: No valid session ID provided"),
        lost(400, -32000, "Bad Request: Server not initialized"),
        JSONResponse({"error": "Session not found"}, 404),
        PlainTextResponse(
            'data: {"jsonrpc":"2.0","error":{"code":-32000,"message":"not initialized"},"id":null}\n\n',
            400,
            media_type="text/event-stream",
        ),
    ],
)
async def test_a_restarted_server_serves_the_same_turn_however_it_says_so(
    server: Scripted, tools: Make, answer: Response
) -> None:
    made = tools()
    await said(made)
    server.sessions.clear()

    async def restarted(request: Request, message: dict[str, Any]) -> Response:
        known = request.headers["mcp-session-id"] in server.sessions
        return result(message, says("again")) if known else answer

    server.does["tools/call"] = restarted
    assert await said(made) == "again"


async def test_a_gateways_504_is_a_result_and_ends_no_turn(server: Scripted, tools: Make) -> None:
    async def times_out(_: Request, __: dict[str, Any]) -> Response:
        return PlainTextResponse("<html>504 Gateway Time-out</html>", 504, media_type="text/html")

    made = tools()
    await made.specs()
    server.does["tools/call"] = times_out
    assert list(json.loads(await said(made))) == ["error"]


async def test_turns_with_several_servers_at_once_end_in_any_order(server: Scripted, tools: Make) -> None:
    """Sessions are opened by tools' tasks and closed by others."""
    async with scripted() as other:
        made = tools(Access("o", other.url))
        turns = [ask(f"owner {number}") for number in range(8)]
        names = ("s__say", "o__say")
        results = await asyncio.gather(*(said(made, name, of=turn) for turn in turns for name in names))
        assert set(results) == {"say {}"}
        for turn in reversed(turns):
            made.servers.end(turn)
        await made.servers.settle()
        assert (server.sessions, other.sessions) == (set(), set())


async def test_two_people_with_one_key_share_no_session(server: Scripted, tools: Make) -> None:
    made = tools(headers={"Authorization": "Bearer shared"})
    await asyncio.gather(said(made, of=ask("ann")), said(made, of=ask("bob")))
    calls = [one["mcp-session-id"] for one in server.headers if one.get("mcp-session-id")]
    assert len(set(calls)) == 3  # one to list, and one for each


async def test_all_pages_are_listed_and_a_cursor_that_stays_ends_the_list(
    server: Scripted, tools: Make
) -> None:
    async def pages(_: Request, message: dict[str, Any]) -> Response:
        cursor = message.get("params", {}).get("cursor")
        return result(
            message, {"tools": [tool(f"t{cursor}")], "nextCursor": "2" if cursor == "1" else cursor or "1"}
        )

    server.does["tools/list"] = pages
    assert [spec.name for spec in await tools().specs()] == ["s__tNone", "s__t1", "s__t2"]
    assert server.asked.count("tools/list") == 3


async def test_a_picture_is_no_text_of_the_conversation(server: Scripted, tools: Make) -> None:
    """Neither from its block, nor from a copy of it in the structured content."""
    data = "A" * 200_000

    async def draws(_: Request, message: dict[str, Any]) -> Response:
        block = {"type": "image", "data": data, "mimeType": "image/png"}
        return result(message, {"content": [block], "structuredContent": {"result": [block]}})

    server.does["tools/call"] = draws
    assert await said(tools()) == "[image/png, 150000 bytes, cannot be shown]"


@pytest.mark.parametrize(
    "schema",
    [
        {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "properties": {"a": TUPLE}},
        {"type": "object", "properties": {"a": {"type": "array", "prefixItems": [{}], "items": False}}},
        {"type": "object", "properties": {"a": {"type": "array"}}},
        {"type": "object", "properties": {"a": {"anyOf": [TUPLE, {"type": "null"}]}}},
        {"type": "object", "properties": {"a": {"$ref": "#/definitions/P"}}, "definitions": {"P": TUPLE}},
        {
            "type": "object",
            "properties": {"items": TUPLE, "a": {"type": "object", "properties": {"x": TUPLE}}},
        },
    ],
)
def test_every_array_has_items_that_are_one_schema(schema: dict[str, Any]) -> None:
    """OpenAI demands `items`, Anthropic takes JSON Schema 2020-12 alone, Moonshot takes no list of items."""
    told = json.dumps(schema_of(schema))
    assert '"items": [' not in told
    assert "prefixItems" not in told
    assert told.count('"type": "array"') == told.count('"items": {') - told.count('"items": {"type": "array"')


def test_a_schema_of_another_draft_that_cannot_be_mended_is_left_out() -> None:
    old = {"$schema": "http://json-schema.org/draft-04/schema#", "type": "object"}
    with pytest.raises(BadSchema, match="not valid"):
        schema_of({**old, "properties": {"a": {"minimum": 1, "exclusiveMinimum": True}}})


def test_a_property_whose_name_a_provider_rejects_is_left_out_or_its_tool_is() -> None:
    given = {"type": "object", "properties": {"page[size]": {"type": "integer"}, "q": {"type": "string"}}}
    assert list(schema_of(given)["properties"]) == ["q"]
    with pytest.raises(BadSchema, match="requires"):
        schema_of({**given, "required": ["page[size]"]})
