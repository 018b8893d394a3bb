"""One server: its tools, its sessions, and what it can do wrong. A fault costs its tools, never a turn."""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING, Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse

from c1fn.chat.mcp import Access
from c1fn.chat.mcp.http import LARGEST
from c1fn.chat.mcp.server import AGAIN, OWNER, Server
from c1fn.chat.mcp.session import PAGES
from c1fn.chat.tool_context import context_of
from c1fn.chat.tools import Tools
from c1fn.turn import ToolCall
from tests.chat.mcp.conftest import TRUSTED, ask, said
from tests.mcp_server import Scripted, failed, result, scripted, tool
from tests.mcp_server import said as says

if TYPE_CHECKING:
    from c1fn.events import Working

Make = Callable[..., Tools]
NO_SESSION = [(404, "Session not found"), (400, "Bad Request: No valid session ID provided"), (404, None)]


async def names(tools: Tools) -> list[str]:
    return [spec.name for spec in await tools.specs()]


async def test_its_tools_are_listed_once_and_called_under_their_own_names(
    server: Scripted, tools: Make
) -> None:
    made = tools()
    server.tools = [tool("say"), tool("查询", {"type": "object", "properties": {"q": {"type": "string"}}})]
    first, second = await made.specs()
    assert (first.name, first.description) == ("s__say", "Says it.")
    assert await said(made, second.name, '{"q": "x"}') == "查询 {'q': 'x'}"
    await made.specs()
    assert server.asked.count("tools/list") == 1


async def test_only_what_is_allowed_is_offered(
    server: Scripted, tools: Make, caplog: pytest.LogCaptureFixture
) -> None:
    server.tools = [tool("say"), tool("delete_all")]
    made = tools(tools=frozenset({"say", "gone"}))
    assert await names(made) == ["s__say"]
    assert "There is no tool named" in await said(made, "s__delete_all")
    assert "'gone', it is not there" in caplog.text


async def test_a_turn_has_one_session_and_no_two_turns_share_one(server: Scripted, tools: Make) -> None:
    made = tools()
    await made.specs()
    mine, yours = ask(), ask("other")
    for of in (mine, mine, yours):
        await said(made, of=of)
    assert server.opened == 3  # one to list, and one for each turn
    made.servers.end(mine)
    made.servers.end(yours)
    await made.servers.settle()
    assert server.sessions == set()
    assert server.asked[-2:] == ["DELETE", "DELETE"]


@pytest.mark.parametrize(("status", "text"), NO_SESSION)
async def test_a_session_that_the_server_lost_is_opened_again_once(
    server: Scripted, tools: Make, status: int, text: str | None
) -> None:
    made = tools()
    await said(made)
    server.sessions.clear()

    async def forgets(request: Request, message: dict[str, Any]) -> Response:
        if request.headers["mcp-session-id"] in server.sessions:
            return result(message, says("again"))
        return failed({}, -32000, text, status) if text else PlainTextResponse("gone", status)

    server.does["tools/call"] = forgets
    assert [await said(made), await said(made)] == ["again", "again"]
    assert server.opened == 3
    assert [call["name"] for call in server.calls] == ["say"] * 4  # one was refused


async def test_a_server_that_loses_every_session_is_asked_twice(server: Scripted, tools: Make) -> None:
    made = tools()
    await made.specs()

    async def forgets(_: Request, message: dict[str, Any]) -> Response:
        return failed(message, -32001, "Session not found", 404)

    server.does["tools/call"] = forgets
    assert "lost the session" in await said(made)
    assert len(server.calls) == 2


async def test_two_calls_that_find_the_session_lost_open_one(server: Scripted, tools: Make) -> None:
    made = tools()
    await said(made)
    server.sessions.clear()
    assert list(await asyncio.gather(said(made), said(made))) == ["say {}", "say {}"]
    assert server.opened == 3


async def test_a_key_that_was_refused_is_read_again_once(server: Scripted, tools: Make) -> None:
    keys = iter(["Bearer new"])

    async def renew() -> dict[str, str]:
        return {"Authorization": next(keys, "Bearer new")}

    async def needs_the_new_key(request: Request, message: dict[str, Any]) -> Response:
        if request.headers.get("authorization") != "Bearer new":
            return PlainTextResponse("no", 401)
        return await server._usual(request, message["method"], message)

    server.does["initialize"] = server.does["server/discover"] = needs_the_new_key
    made = tools(headers={"Authorization": "Bearer old"}, renew=renew)
    assert await names(made) == ["s__say"]
    assert await said(made) == "say {}"


async def test_a_refused_key_costs_the_tools_and_stands_in_no_log(
    server: Scripted, tools: Make, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuses(_: Request, __: dict[str, Any]) -> Response:
        return PlainTextResponse("your planted-key is wrong", 401)

    caplog.set_level(logging.DEBUG, "mcp")
    server.does["server/discover"] = refuses
    assert await names(tools(headers={"X-Key": "planted-key"})) == []
    assert "The MCP server s told no tools: The server refused the request: 401." in caplog.text
    assert "planted-key" not in caplog.text


async def test_the_owner_is_told_where_the_settings_say_so_alone(server: Scripted, tools: Make) -> None:
    await said(tools(), of=ask("key:alice"))
    await said(tools(tells_owner=True), of=ask("key:alice"))
    told = [call.get("_meta", {}).get(OWNER) for call in server.calls]
    assert told == [None, "key:alice"]
    assert "alice" not in json.dumps(server.headers)


async def test_what_a_tool_says_of_its_failure_is_what_the_model_reads(server: Scripted, tools: Make) -> None:
    async def fails(_: Request, message: dict[str, Any]) -> Response:
        return result(message, says("There is no order 7.", isError=True))

    server.does["tools/call"] = fails
    assert json.loads(await said(tools())) == {"error": "There is no order 7."}


async def test_arguments_that_are_no_object_never_reach_the_server(server: Scripted, tools: Make) -> None:
    assert "The arguments do not fit" in await said(tools(), arguments="[1]")
    assert "The arguments do not fit" in await said(tools(), arguments='{"a":')
    assert server.calls == []


@pytest.mark.parametrize(
    ("approve", "asks"), [(None, True), (frozenset({"say"}), True), (frozenset(), False)]
)
async def test_a_call_is_approved_where_the_settings_say_so(
    tools: Make, approve: frozenset[str] | None, *, asks: bool
) -> None:
    made = tools(approve=approve)
    await made.specs()
    assert made.asks(ToolCall("c", "s__say", "{}")) is asks
    assert not made.asks(ToolCall("c", "s__say", "[1]"))  # it is run, and its result tells why not


def test_a_tool_is_ours_before_its_server_has_told_it(tools: Make) -> None:
    """A client has no say about the result of a call that waits, in whichever process it is answered."""
    made = tools()
    assert "s__say" in made
    assert "say" not in made


async def hundred_megabytes(*, as_json: bool) -> AsyncGenerator[bytes]:
    yield b'{"jsonrpc":"2.0","id":2,"result":"' if as_json else b": "
    for _ in range(1600):
        yield b"x" * 65536


def endless(content_type: str) -> Callable[[Request, dict[str, Any]], Any]:
    async def does(_: Request, __: dict[str, Any]) -> Response:
        return StreamingResponse(
            hundred_megabytes(as_json=content_type.endswith("json")), media_type=content_type
        )

    return does


@pytest.mark.parametrize("content_type", ["application/json", "text/event-stream"])
async def test_an_answer_of_100_mb_is_not_read(server: Scripted, tools: Make, content_type: str) -> None:
    made = tools()
    await made.specs()
    server.does["tools/call"] = endless(content_type)
    assert '"error"' in await said(made)
    del server.does["tools/call"]
    assert await said(made) == "say {}"


async def test_a_compressed_answer_is_not_read(server: Scripted, tools: Make) -> None:
    """A few kilobytes could become gigabytes."""
    made = tools()
    await made.specs()

    async def compressed(_: Request, __: dict[str, Any]) -> Response:
        return Response(b"\x1f\x8b", headers={"content-encoding": "gzip"}, media_type="application/json")

    server.does["tools/call"] = compressed
    assert str(LARGEST) in await said(made)


async def test_a_list_of_tools_of_100_mb_costs_the_tools(server: Scripted, tools: Make) -> None:
    server.does["tools/list"] = endless("application/json")
    assert await names(tools()) == []


async def test_a_call_that_nobody_waits_for_is_ended_and_the_server_is_told(
    server: Scripted, tools: Make
) -> None:
    """Its time is over, as for every tool, or the turn was stopped."""
    asked, gone = asyncio.Event(), asyncio.Event()

    async def hangs(request: Request, __: dict[str, Any]) -> Response:
        asked.set()
        while (await request.receive())["type"] != "http.disconnect":
            pass
        gone.set()
        return Response()

    server.does["tools/call"] = hangs
    made = tools()
    calling = asyncio.create_task(said(made))
    await asked.wait()
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    await made.servers.aclose()
    assert "notifications/cancelled" in server.asked
    await gone.wait()


@pytest.mark.parametrize(
    "answer",
    [
        lambda message: result(message, {"content": "no list"}),
        lambda message: result(message, 7),
        lambda _: PlainTextResponse("<html>", media_type="text/html"),
        lambda _: PlainTextResponse("{", media_type="application/json"),
        lambda _: PlainTextResponse("data: {\n\n", media_type="text/event-stream"),
        lambda _: PlainTextResponse("", media_type="text/event-stream"),
        lambda _: PlainTextResponse("busy", 503),
        lambda _: PlainTextResponse("no", 403),
        lambda _: Response(status_code=202),
        lambda _: JSONResponse([]),
        lambda message: failed(message, -32602, "Unknown tool: say"),
        lambda message: failed(message, -32603, "planted"),
    ],
)
async def test_an_answer_that_is_none_is_told_to_the_model(
    server: Scripted, tools: Make, answer: Callable[[Any], Response]
) -> None:
    made = tools()
    await made.specs()

    async def does(_: Request, message: dict[str, Any]) -> Response:
        return answer(message)

    server.does["tools/call"] = does
    assert list(json.loads(await said(made))) == ["error"]
    del server.does["tools/call"]
    assert await said(made) == "say {}"


async def test_a_redirect_to_another_host_takes_no_key_along(server: Scripted, tools: Make) -> None:
    async with scripted() as other:

        async def redirects(_: Request, __: dict[str, Any]) -> Response:
            return RedirectResponse(other.url, 307)

        made = tools(headers={"Authorization": "planted-key"})
        await made.specs()
        server.does["tools/call"] = redirects
        assert '"error"' in await said(made)
        assert other.headers == []


async def test_tools_that_change_midway_are_listed_again_when_told(server: Scripted, tools: Make) -> None:
    made = tools()
    assert await names(made) == ["s__say"]
    server.tools = [tool("other")]

    async def tells(_: Request, message: dict[str, Any]) -> Response:
        changed = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
        answer = {"jsonrpc": "2.0", "id": message["id"], "result": says("x")}
        lines = "".join(f"event: message\ndata: {json.dumps(one)}\n\n" for one in (changed, answer))
        return Response(lines, media_type="text/event-stream")

    server.does["tools/call"] = tells
    assert await said(made) == "x"
    assert await names(made) == ["s__other"]


async def test_a_tool_that_the_server_does_not_know_any_more_makes_it_list_again(
    server: Scripted, tools: Make
) -> None:
    made = tools()
    await made.specs()
    server.tools = [tool("other")]

    async def unknown(_: Request, message: dict[str, Any]) -> Response:
        return failed(message, -32602, "Unknown tool: say")

    server.does["tools/call"] = unknown
    assert "Unknown tool: say" in await said(made)
    assert await names(made) == ["s__other"]


async def test_a_bad_tool_is_left_out_and_its_neighbours_stay(
    server: Scripted, tools: Make, caplog: pytest.LogCaptureFixture
) -> None:
    server.tools = [
        tool("bad", {"type": "object", "properties": {"a": {"type": "text"}}}),
        tool("good", description="x" * 1_000_000),
        tool("good"),
    ]
    (spec,) = await tools().specs()
    assert (spec.name, len(spec.description)) == ("s__good", 1024)
    assert "1 tools are left out: 'bad', its schema is not valid JSON Schema" in caplog.text


@pytest.mark.parametrize(
    "listed", [{"tools": "none"}, {"tools": [{"name": "x", "inputSchema": "text"}]}, {}, {"tools": [{}]}]
)
async def test_a_list_that_is_none_costs_the_tools(
    server: Scripted, tools: Make, listed: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def lists(_: Request, message: dict[str, Any]) -> Response:
        return result(message, listed)

    server.does["tools/list"] = lists
    assert await names(tools()) == []
    assert "told no tools" in caplog.text


async def test_pages_without_end_are_read_to_a_limit(server: Scripted, tools: Make) -> None:
    async def lists(_: Request, message: dict[str, Any]) -> Response:
        return result(
            message, {"tools": [tool(f"t{len(server.asked)}")], "nextCursor": str(len(server.asked))}
        )

    server.does["tools/list"] = lists
    assert len(await names(tools())) == PAGES


async def test_the_progress_of_a_tool_is_shown(server: Scripted, tools: Make) -> None:
    async def works(_: Request, message: dict[str, Any]) -> Response:
        token = message["params"]["_meta"]["progressToken"]
        steps: list[dict[str, Any]] = [
            {"progress": 1, "total": 4},
            {"progress": 2, "message": "Reading"},
            {"progress": 3},
        ]
        told = [
            {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": token, **step}}
            for step in steps
        ]
        told.append({"jsonrpc": "2.0", "id": message["id"], "result": says("done")})
        return Response(
            "".join(f"data: {json.dumps(one)}\n\n" for one in told), media_type="text/event-stream"
        )

    server.does["tools/call"] = works
    shown: list[Working] = []
    assert await said(tools(), told=shown) == "done"
    assert [one.progress for one in shown] == ["1 / 4", "Reading", "3"]


async def test_a_server_that_failed_is_asked_again_after_a_while_and_nobody_waits(server: Scripted) -> None:
    now = [0.0]
    one = Server(Access("s", server.url), TRUSTED, lambda: now[0])

    async def fails(_: Request, message: dict[str, Any]) -> Response:
        return failed(message, -32603, "planted")

    server.does["tools/list"] = fails
    listing = one.listing()
    assert listing
    await listing
    assert (one.listing(), one.tools) == (None, {})
    assert server.asked.count("tools/list") == 1
    del server.does["tools/list"]
    now[0] = AGAIN
    assert one.listing() is None  # it runs, and no turn waits
    assert one._listing
    await one._listing
    assert await one.call("say", {}, context_of(ask(), "s__say", lambda _: None)) == "say {}"
    await one.aclose()


async def test_a_list_that_broke_while_the_process_was_frozen_is_read_again(
    server: Scripted, tools: Make
) -> None:
    """It was begun before the first turn, which would have no tools otherwise."""
    made = tools()
    broken = iter([True])

    async def breaks(_: Request, message: dict[str, Any]) -> Response:
        if next(broken, False):
            return PlainTextResponse("", 503)
        return result(message, {"tools": server.tools})

    server.does["tools/list"] = breaks
    made.servers.connect()
    assert await names(made) == ["s__say"]


async def test_a_server_that_keeps_no_session_open_is_left_after_a_moment(
    server: Scripted, tools: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("c1fn.chat.mcp.session.CLOSING", 0.05)
    asked = asyncio.Event()

    async def hangs(request: Request, _: dict[str, Any]) -> Response:
        asked.set()
        while (await request.receive())["type"] != "http.disconnect":
            pass
        return Response()

    server.does["DELETE"] = hangs
    made = tools()
    await said(made)
    made.servers.end(ask())
    await made.servers.settle()
    assert asked.is_set()
