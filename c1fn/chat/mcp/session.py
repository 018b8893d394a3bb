"""One session with one server, for one turn.

A session is opened when a turn first calls a tool of the server, and closed with the turn. So nothing is open
while a function is frozen, no session is shared by two callers, and no key in its headers grows old. If the
server loses it within the turn, it is opened again, once.

``mcp`` keeps a session in cancel scopes, which must be left by the task that entered them: ``_hold`` is that
task, and calls from other tasks go through it.

https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from mcp.client.session import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import (
    HEADER_MISMATCH,
    CallToolRequest,
    CallToolRequestParams,
    CallToolResult,
    DiscoverResult,
    Implementation,
    PaginatedRequestParams,
    RequestParamsMeta,
    Tool,
    ToolListChangedNotification,
)

from c1fn.chat.mcp.http import LARGEST, OURS, UNREACHABLE, Client

OPENING = 10.0
"""Seconds to open a session: two requests, to a server that may start cold itself."""

CLOSING = 1.0
"""Seconds to say goodbye, which is politeness: a server ends sessions by itself too."""

PAGES = 10
"""Pages of a list of tools, at most: more tools than a model can be given."""

Result = TypeVar("Result")
Progress = Callable[[str], object]


@dataclass(slots=True)
class Known:
    """What is known of a server's protocol, so that only the first session of a process has to ask.

    ``discovered`` is what a server of 2026-07-28 told of itself: it needs no handshake. ``is_old`` is one of
    before.
    """

    discovered: DiscoverResult | None = None
    is_old: bool = False


class Session:
    """:param connect: makes the HTTP client.
    :param changed: called when the server tells that its tools have changed.
    """

    def __init__(
        self, url: str, connect: Callable[[], Client], known: Known, changed: Callable[[], None]
    ) -> None:
        self._url = url
        self._connect = connect
        self._known = known
        self._changed = changed
        self._session: ClientSession | None = None
        self._ready = asyncio.Event()
        self._over = asyncio.Event()
        self._task = asyncio.create_task(self._hold())

    async def tools(self) -> tuple[list[Tool], int]:
        """All tools, and for how many milliseconds the server says that the list is valid.

        :raises MCPError: the server failed.
        """
        tools: list[Tool] = []
        cursor: str | None = None
        valid = 0
        for _ in range(PAGES):
            session = await self._opened()
            page = await self._while_held(
                session.list_tools(params=PaginatedRequestParams(cursor=cursor) if cursor else None)
            )
            tools += page.tools
            asked, cursor, valid = cursor, page.next_cursor, page.ttl_ms
            if not cursor or cursor == asked:  # some servers give the same for ever
                break
        return tools, valid

    async def call(
        self, name: str, arguments: dict[str, Any], meta: RequestParamsMeta | None, say: Progress
    ) -> CallToolResult:
        """:raises MCPError: the server failed, or refused; its tool did not end."""
        session = await self._opened()

        async def told(progress: float, total: float | None, message: str | None) -> None:
            say(message or (f"{progress:g} / {total:g}" if total else f"{progress:g}"))

        # Not `call_tool`: it lists the tools again, and checks results by a schema of the server's choice,
        # whose patterns may take any time.
        parameters = CallToolRequestParams(name=name, arguments=arguments, _meta=meta)
        request = CallToolRequest(params=parameters)

        async def send() -> CallToolResult:
            return await session.send_request(request, CallToolResult, progress_callback=told)

        try:
            return await self._while_held(send())
        except MCPError as error:
            if error.code != HEADER_MISMATCH:
                raise
        await self._while_held(session.list_tools())  # it tells which arguments the server wants as headers
        return await self._while_held(send())

    @property
    def is_over(self) -> bool:
        return self._over.is_set() or self._task.done()

    async def aclose(self) -> None:
        """Close it, and wait until that is done."""
        self._over.set()
        if not self._ready.is_set():
            self._task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await self._task

    async def _opened(self) -> ClientSession:
        await self._while_held(self._ready.wait())
        if self._session is None:
            raise _why(self._task)
        return self._session

    async def _while_held(self, work: Coroutine[Any, Any, Result]) -> Result:
        """The result, or the end of the session if that comes first."""
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait({task, self._task}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise _why(self._task)
        finally:
            if not task.done():
                task.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await task

    async def _hold(self) -> None:
        clock = asyncio.get_running_loop().time
        async with asyncio.timeout(OPENING) as limit, AsyncExitStack() as stack:
            session = await self._entered(stack)
            await self._begin(session)
            limit.reschedule(None)
            self._session = session
            self._ready.set()
            await self._over.wait()
            limit.reschedule(clock() + CLOSING)

    async def _entered(self, stack: AsyncExitStack) -> ClientSession:
        client = await stack.enter_async_context(self._connect())
        reading, writing = await stack.enter_async_context(
            streamable_http_client(self._url, http_client=client, max_sse_event_size=LARGEST)
        )
        about = Implementation(name="c1fn", version="0")
        return await stack.enter_async_context(
            ClientSession(reading, writing, message_handler=self._notice, client_info=about)
        )

    async def _begin(self, session: ClientSession) -> None:
        """Agree on the protocol: the newest one, or that of before, which needs a handshake."""
        if self._known.discovered is not None:
            session.adopt(self._known.discovered)
            return
        if not self._known.is_old and await self._is_newest(session):
            return
        self._known.is_old = False
        await session.initialize()
        self._known.is_old = True

    async def _is_newest(self, session: ClientSession) -> bool:
        try:
            self._known.discovered = await session.discover()
        except MCPError as error:
            if error.code in OURS:
                raise
            return False
        except (
            RuntimeError,
            ValueError,
        ):  # an answer that is none: of a server that knows nothing of the question
            return False
        return True

    async def _notice(self, message: object) -> None:
        if isinstance(message, ToolListChangedNotification):
            self._changed()


def _why(task: "asyncio.Task[None]") -> MCPError:
    """What ended a session: the server's own error, if there was one."""
    causes = [task.exception()] if task.done() and not task.cancelled() else []
    for cause in causes:
        if isinstance(cause, MCPError):
            return cause
        causes += cause.exceptions if isinstance(cause, BaseExceptionGroup) else ()
    return MCPError(code=UNREACHABLE, message="The server cannot be reached.")
