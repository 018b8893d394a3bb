"""Tools of other servers, which speak the Model Context Protocol over streamable HTTP.

A server that is down, slow or wrong costs its tools, and no turn. The tools are listed once in a process, and
again when the server tells that they have changed. This room is imported only where the settings name a
server.

https://modelcontextprotocol.io/specification/2025-11-25/server/tools
"""

import asyncio
import logging
import ssl
from collections.abc import Iterable, Mapping

import httpx2

from c1fn.chat.mcp.server import Access, RemoteTool, Server
from c1fn.turn import Ask

__all__ = ["Access", "Servers"]

WAIT = 5.0
"""Seconds that a turn waits for lists of tools; what comes later is offered from the next turn on."""

MOST = 120
"""Tools of all servers together: OpenAI takes 128, and the function's own come first."""

logging.getLogger("mcp").setLevel(logging.CRITICAL + 1)
"""Its errors quote what a server sent. They reach c1fn as exceptions."""

_log = logging.getLogger(__name__)


class Servers:
    """The servers of one deployment, as ``chat.tools`` uses them."""

    def __init__(self, accesses: Iterable[Access], trusted: ssl.SSLContext | None = None) -> None:
        """:param trusted: the certificate authorities; None: httpx2's own, which take 30 ms to read."""
        trusted = trusted or httpx2.create_ssl_context()
        self._servers = [Server(access, trusted) for access in accesses]
        self._is_cut = False

    def connect(self) -> None:
        """Begin to list the tools."""
        for server in self._servers:
            server.listing(ahead=True)

    async def tools(self) -> Mapping[str, RemoteTool]:
        """The tools of the servers that have told theirs, by the name that the model sees."""
        if listing := {task: server for server in self._servers if (task := server.listing())}:
            _, late = await asyncio.wait(listing, timeout=WAIT)
            for task in late:
                listing[task].is_slow()
        found = [pair for server in self._servers for pair in server.tools.items()]
        if len(found) > MOST and not self._is_cut:
            self._is_cut = True
            _log.warning(
                "The MCP servers have %d tools; at most %d are offered. Name those to use in C1FN_MCP.",
                len(found),
                MOST,
            )
        return dict(found[:MOST])

    def __contains__(self, name: str) -> bool:
        return any(name.startswith(f"{server.name}__") for server in self._servers)

    def end(self, ask: Ask) -> None:
        """The turn is over."""
        for server in self._servers:
            server.end((ask.owner, ask.thread_id, ask.response_id))

    async def settle(self) -> None:
        """Until nothing is open: call it before the process may be frozen."""
        await asyncio.gather(*(server.settle() for server in self._servers))

    async def aclose(self) -> None:
        await asyncio.gather(*(server.aclose() for server in self._servers))
