"""An MCP server on loopback that does as a test says, right or wrong.

``Scripted`` speaks the protocol with sessions (2025-06-18). A test changes its ``tools``, or replaces what it
does for a method: ``server.does["tools/call"] = answer``.
"""

import json
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

VERSION = "2025-06-18"

Does = Callable[[Request, dict[str, Any]], Awaitable[Response]]


def tool(name: str, schema: Any = None, description: str = "Says it.") -> dict[str, Any]:
    return {"name": name, "description": description, "inputSchema": schema or {"type": "object"}}


def said(text: str, **more: Any) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": text}], **more}


def result(message: dict[str, Any], value: Any) -> Response:
    return JSONResponse({"jsonrpc": "2.0", "id": message["id"], "result": value})


def failed(message: dict[str, Any], code: int, text: str, status: int = 200) -> Response:
    error = {"code": code, "message": text}
    return JSONResponse({"jsonrpc": "2.0", "id": message.get("id"), "error": error}, status)


@dataclass
class Scripted:
    """A server, and what it was asked."""

    tools: list[dict[str, Any]] = field(default_factory=lambda: [tool("say")])
    does: dict[str, Does] = field(default_factory=dict)
    url: str = ""
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    sessions: set[str] = field(default_factory=set)
    opened: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        await (await self._answer(request))(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        self.headers.append(dict(request.headers))
        if request.method == "DELETE":
            self.asked.append("DELETE")
            if does := self.does.get("DELETE"):
                return await does(request, {})
            self.sessions.discard(request.headers.get("mcp-session-id", ""))
            return Response(status_code=204)
        if request.method == "GET":
            does = self.does.get("GET")
            return await does(request, {}) if does else Response(status_code=405)
        message = json.loads(await request.body())
        method = message.get("method", "")
        self.asked.append(method)
        if method == "tools/call":
            self.calls.append(message["params"])
        if does := self.does.get(method):
            return await does(request, message)
        return await self._usual(request, method, message)

    async def _usual(self, request: Request, method: str, message: dict[str, Any]) -> Response:
        if method == "initialize":
            return self.initialized(message)
        if method == "server/discover":
            return failed(message, -32601, "Method not found", 404)
        if request.headers.get("mcp-session-id") not in self.sessions:
            return failed({}, -32001, "Session not found", 404)
        if method == "tools/list":
            return result(message, {"tools": self.tools})
        if method == "tools/call":
            return result(message, said(f"{message['params']['name']} {message['params']['arguments']}"))
        return Response(status_code=202)

    def initialized(self, message: dict[str, Any]) -> Response:
        self.opened += 1
        name = f"s{self.opened}"
        self.sessions.add(name)
        about = {"name": "scripted", "version": "1"}
        answer = result(
            message, {"protocolVersion": VERSION, "capabilities": {"tools": {}}, "serverInfo": about}
        )
        answer.headers["mcp-session-id"] = name
        return answer


@asynccontextmanager
async def served(app: ASGIApp, **options: Any) -> AsyncGenerator[str]:
    """The address of an app that listens on loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(app, log_level="critical", lifespan="auto", **options)
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        await server.startup(
            sockets=[listening]
        )  # not `serve`, which looks ten times a second whether to end
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
        finally:
            server.force_exit = True
            await server.shutdown(sockets=[listening])


@asynccontextmanager
async def scripted(server: Scripted | None = None) -> AsyncGenerator[Scripted]:
    server = server or Scripted()
    async with served(server) as server.url:
        yield server
