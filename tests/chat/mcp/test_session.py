"""A session agrees on the protocol, with old servers and new ones, and ends with its task."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from mcp.server.mcpserver import MCPServer
from mcp.shared.exceptions import MCPError

from c1fn.chat.mcp.http import UNREACHABLE, Client
from c1fn.chat.mcp.session import Known, Session
from tests.chat.mcp.conftest import TRUSTED
from tests.mcp_server import Scripted, served


def session(url: str, known: Known) -> Session:
    return Session(url, lambda: Client({}, TRUSTED), known, lambda: None)


async def said(one: Session) -> str:
    result = await one.call("say", {"word": "hello"}, None, lambda _: None)
    (block,) = result.content
    assert block.type == "text"
    return block.text


@asynccontextmanager
async def official(*, stateless: bool = False) -> AsyncGenerator[str]:
    """A server of the official package, which speaks the protocol of 2026-07-28 and those of before."""
    server = MCPServer("official")

    @server.tool()
    def say(word: str) -> str:
        """Say it."""
        return f"{word}!"

    app = server.streamable_http_app(stateless_http=stateless)
    async with served(app) as url:
        yield url


async def test_an_old_server_is_asked_once_whether_it_is_a_new_one(server: Scripted) -> None:
    known = Known()
    for _ in range(2):
        one = session(server.url, known)
        assert [tool.name for tool in (await one.tools())[0]] == ["say"]
        await one.aclose()
    assert known.is_old
    assert server.asked.count("server/discover") == 1
    assert server.asked.count("initialize") == 2


@pytest.mark.parametrize("stateless", [False, True])
async def test_the_official_servers_tools_are_listed_and_called(stateless: bool) -> None:  # noqa: FBT001 - a case
    known = Known()
    async with official(stateless=stateless) as url:
        for _ in range(2):
            one = session(url, known)
            assert [tool.name for tool in (await one.tools())[0]] == ["say"]
            assert await said(one) == "hello!"
            await one.aclose()
    assert known.discovered is not None


async def test_a_session_that_cannot_be_opened_tells_each_call_why() -> None:
    one = session("http://127.0.0.1:1/mcp", Known())
    for _ in range(2):
        with pytest.raises(MCPError, match="cannot be reached: ConnectError") as caught:
            await said(one)
        assert caught.value.error.code == UNREACHABLE
    assert one.is_over
    await one.aclose()


async def test_a_session_that_is_closed_before_it_was_open_ends(server: Scripted) -> None:
    gate = asyncio.Event()

    async def waits(_: Any, __: Any) -> Any:
        await gate.wait()

    server.does["server/discover"] = waits
    one = session(server.url, Known())
    await one.aclose()
    assert one.is_over
    gate.set()
