"""Drives an ASGI application without a server, and sees each `send` as it happens.

A client library's ASGI transport joins the body, so nothing about streaming could be proven through it. What
is sent is taken as strictly as a server may take it.

https://asgi.readthedocs.io/en/stable/specs/www.html
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message


@dataclass
class Exchange:
    """One request: ``sent`` fills as the application sends; ``leave`` is the client closing its end."""

    sent: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    refuses: bool = False
    task: "asyncio.Task[None] | None" = None
    pieces: list[bytes] = field(default_factory=list)
    start: Message | None = None
    ended: bool = False

    async def __anext__(self) -> bytes:
        """The next piece of the body; StopAsyncIteration at its end."""
        while not self.ended:
            message = await self._next()
            if self.start is None:
                assert message["type"] == "http.response.start"
                assert message.keys() <= {"type", "status", "headers"}
                self.start = message
                continue
            assert message["type"] == "http.response.body"
            assert message.keys() <= {"type", "body", "more_body"}
            self.ended = not message.get("more_body", False)
            if body := message.get("body", b""):
                self.pieces.append(body)
                return bytes(body)
        raise StopAsyncIteration

    def __aiter__(self) -> "Exchange":
        return self

    async def _next(self) -> Message:
        assert self.task
        getting = asyncio.create_task(self.sent.get())
        await asyncio.wait([getting, self.task], return_when=asyncio.FIRST_COMPLETED)
        if getting.done():
            return getting.result()
        getting.cancel()
        self.task.result()
        raise AssertionError("the application ended without ending its response")

    async def whole(self) -> "Exchange":
        async for _ in self:
            pass
        if self.task:
            await self.task
        assert self.sent.empty(), "the application sent something after the end of its response"
        return self

    def leave(self, *, refuses: bool = False) -> None:
        """The client closes; with ``refuses`` the server answers every further send with an OSError."""
        self.refuses = refuses
        self.left.set()

    @property
    def status(self) -> int:
        assert self.start
        status: int = self.start["status"]
        return status

    @property
    def headers(self) -> dict[str, str]:
        assert self.start
        return {name.decode(): value.decode() for name, value in self.start["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Requests to one application whose lifespan has begun."""

    def __init__(self, app: ASGIApp, state: dict[str, Any]) -> None:
        self._app = app
        self._state = state

    def request(
        self,
        method: str,
        path: str,
        body: bytes | object = b"",
        headers: Mapping[str, str] = {},
        *,
        whole: bool = True,
        **scope: Any,
    ) -> Exchange:
        exchange = Exchange()
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        path, _, query = path.partition("?")
        full = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
            "state": dict(self._state),
            **scope,
        }
        request: list[Message] = [{"type": "http.request", "body": payload, "more_body": not whole}]

        async def receive() -> Message:
            if request:
                return request.pop()
            await exchange.left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            if exchange.refuses:
                raise OSError("the client has left")
            exchange.sent.put_nowait(message)

        exchange.task = asyncio.create_task(self._app(full, receive, send))  # type: ignore[arg-type]  # a coroutine
        return exchange

    async def get(self, path: str, **options: Any) -> Exchange:
        return await self.request("GET", path, **options).whole()

    async def post(self, path: str, body: bytes | object, **options: Any) -> Exchange:
        return await self.request("POST", path, body, **options).whole()


@asynccontextmanager
async def client_of(app: ASGIApp) -> AsyncGenerator[Client, None]:
    """The application from its startup to its shutdown."""
    inbox: asyncio.Queue[Message] = asyncio.Queue()
    outbox: asyncio.Queue[Message] = asyncio.Queue()
    state: dict[str, Any] = {}
    scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": state}
    life = asyncio.ensure_future(app(scope, inbox.get, outbox.put))
    inbox.put_nowait({"type": "lifespan.startup"})
    assert (await outbox.get())["type"] == "lifespan.startup.complete"
    yield Client(app, state)
    inbox.put_nowait({"type": "lifespan.shutdown"})
    assert (await outbox.get())["type"] == "lifespan.shutdown.complete"
    await life
