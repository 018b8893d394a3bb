"""What the tests of this room share."""

import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest

from c1fn.chat.mcp import Access, Servers
from c1fn.chat.tools import Tools
from c1fn.turn import Ask, Message, ToolCall
from tests.mcp_server import Scripted, scripted

if TYPE_CHECKING:
    from c1fn.events import Working

TRUSTED = ssl.create_default_context()


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine what takes a moment may take many times as long."""
    for name in ("WAIT", "session.OPENING", "session.CLOSING", "http.CONNECTING", "server.LISTING"):
        monkeypatch.setattr(f"c1fn.chat.mcp.{name}", 60.0)


@pytest.fixture
async def server() -> AsyncGenerator[Scripted]:
    async with scripted() as one:
        yield one


@pytest.fixture
async def tools(server: Scripted) -> AsyncGenerator[Callable[..., Tools]]:
    """Makes the tools of the scripted server, named ``s``, and of others."""
    made: list[Tools] = []

    def make(*others: Access, seconds: float = 30, **access: Any) -> Tools:
        servers = Servers([Access("s", server.url, **access), *others], TRUSTED)
        made.append(Tools([], servers=servers, seconds=seconds))
        return made[-1]

    async with AsyncExitStack() as stack:
        yield make
        for each in made:
            stack.push_async_callback(each.servers.aclose)


def ask(owner: str = "o", response_id: str = "r") -> Ask:
    return Ask(owner, "t", response_id, Message("user", "hi"))


async def said(
    tools: Tools, name: str = "s__say", arguments: str = "{}", of: Ask | None = None, **options: Any
) -> str:
    """What the model reads of one call."""
    told: list[Working] = options.pop("told", [])
    (message,) = await tools.run([ToolCall("c", name, arguments)], of or ask(), told.append)
    return message.content
