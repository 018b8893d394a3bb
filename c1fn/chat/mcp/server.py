"""One server: which tools it has, and the sessions of the turns that use it."""

import asyncio
import functools
import logging
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, METHOD_NOT_FOUND, CallToolResult, RequestParamsMeta
from mcp_types import Tool as Described
from pydantic import TypeAdapter, ValidationError

from c1fn.chat.mcp.http import LOST, OURS, REFUSED, Client
from c1fn.chat.mcp.names import name_of
from c1fn.chat.mcp.results import text_of
from c1fn.chat.mcp.schemas import BadSchema, description_of, schema_of
from c1fn.chat.mcp.session import Known, Session
from c1fn.chat.servers import ToolFailed
from c1fn.chat.tool_context import ToolContext
from c1fn.models import ToolSpec

LISTING = 20.0
"""Seconds for a whole list of tools."""

AGAIN = 60.0
"""Seconds until a server that failed is asked for its tools again."""

FRESH = 300.0
"""Seconds that a list is valid at least, where the server says for how long: a list costs two requests."""

OWNER = "c1fn/owner"
"""In a call's ``_meta``: who asks, where the settings want it told."""

_log = logging.getLogger(__name__)
_OBJECT = TypeAdapter(dict[str, Any])

Turn = tuple[str, str, str]
"""Owner, thread and response of a turn."""


@dataclass(frozen=True, slots=True)
class Access:
    """Where a server is, and what may be used of it.

    ``tools`` are the names that may be offered, and ``approve`` those whose calls a person must approve;
    None: all. ``headers`` are sent with every request, and
    ``renew`` reads them again after they were refused.
    """

    name: str
    url: str
    tools: frozenset[str] | None = None
    approve: frozenset[str] | None = frozenset()
    tells_owner: bool = False
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    renew: Callable[[], Awaitable[Mapping[str, str]]] | None = None


def _read(arguments: str) -> dict[str, Any]:
    """:raises ValidationError: they are no JSON object."""
    return _OBJECT.validate_json(arguments or "{}")


class RemoteTool:
    """A tool of a server, as ``chat.tools`` calls it."""

    def __init__(self, server: "Server", name: str, spec: ToolSpec, *, asks: bool) -> None:
        self._server = server
        self._name = name
        self._asks = asks
        self.spec = spec

    def asks(self, arguments: str) -> bool:
        """:raises ValidationError: the arguments are no JSON object."""
        if self._asks:
            _read(arguments)
        return self._asks

    def bind(self, arguments: str, context: ToolContext) -> Callable[[], Awaitable[str]]:
        """:raises ValidationError: the arguments are no JSON object. Whether they fit, the server tells."""
        return functools.partial(self._server.call, self._name, _read(arguments), context)

    async def call(self, bound: Callable[[], Any], _: object) -> str:
        """:raises ToolFailed: the server said so, or did not answer."""
        text: str = await bound()
        return text


class Server:
    """:param clock: seconds since the epoch: a monotonic clock may stand still while a function is frozen."""

    def __init__(
        self, access: Access, trusted: ssl.SSLContext, clock: Callable[[], float] = time.time
    ) -> None:
        self.name = access.name
        self.tools: dict[str, RemoteTool] = {}
        self._access = access
        self._headers = access.headers
        self._trusted = trusted
        self._clock = clock
        self._known = Known()
        self._sessions: dict[Turn, list[Session]] = {}  # the last is in use; others may end their calls
        self._listing: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._due = 0.0
        self._is_awaited = True

    def listing(self, *, ahead: bool = False) -> "asyncio.Task[None] | None":
        """List the tools, if that is due; the task to wait for, unless the server failed before: then its
        tools come when they come.

        :param ahead: no turn waits yet: the process may be frozen meanwhile, so a failure is tried again.
        """
        if self._listing is None and self._clock() >= self._due:
            self._listing = asyncio.create_task(self._list(tries=2 if ahead else 1))
        return self._listing if self._is_awaited else None

    def is_slow(self) -> None:
        """It was waited for: no turn waits for this list again."""
        self._is_awaited = False

    async def call(self, name: str, arguments: dict[str, Any], context: ToolContext) -> str:
        """:raises ToolFailed: the tool failed, or the server did; the message is for the model."""
        try:
            result = await self._called(name, arguments, context)
        except MCPError as error:
            if error.code in (INVALID_PARAMS, METHOD_NOT_FOUND):
                self._changed()  # perhaps it has no such tool any more
            raise ToolFailed(f"The tool failed: {error.error.message}") from None
        except ValidationError:
            raise ToolFailed("The server answered with something that is no result of a tool.") from None
        if result.is_error:
            raise ToolFailed(text_of(result))
        return text_of(result)

    def end(self, turn: Turn) -> None:
        """The turn is over: its session is closed meanwhile."""
        for session in self._sessions.pop(turn, ()):
            self._close(session)

    async def settle(self) -> None:
        """Until the sessions of turns that are over are closed: a second, at most."""
        await asyncio.gather(*self._closing)

    async def aclose(self) -> None:
        for turn in list(self._sessions):
            self.end(turn)
        if self._listing is not None:
            self._listing.cancel()
            await asyncio.wait({self._listing})
        await self.settle()

    async def _called(self, name: str, arguments: dict[str, Any], context: ToolContext) -> CallToolResult:
        turn = (context.owner, context.thread_id, context.response_id)
        meta = cast("RequestParamsMeta", {OWNER: context.owner}) if self._access.tells_owner else None
        session = self._session(turn)
        try:
            return await session.call(name, arguments, meta, context.progress)
        except MCPError as error:
            if not await self._may_try_again(error):
                raise
        session = self._session(turn, instead_of=session)
        return await session.call(name, arguments, meta, context.progress)

    async def _may_try_again(self, error: MCPError) -> bool:
        """Whether the request was refused before anything ran, and may be accepted in a new session."""
        if error.code != REFUSED or self._access.renew is None:
            return error.code == LOST
        refused, self._headers = self._headers, await self._access.renew()
        return self._headers != refused

    def _session(self, turn: Turn, instead_of: Session | None = None) -> Session:
        sessions = self._sessions.setdefault(turn, [])
        if not sessions or sessions[-1] is instead_of or sessions[-1].is_over:
            sessions.append(self._open())
        return sessions[-1]

    def _open(self) -> Session:
        headers = self._headers
        return Session(self._access.url, lambda: Client(headers, self._trusted), self._known, self._changed)

    def _close(self, session: Session) -> None:
        task = asyncio.create_task(session.aclose())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _changed(self) -> None:
        """The list is not valid any more."""
        self._due, self._is_awaited = 0.0, True

    async def _list(self, tries: int) -> None:
        self._due = self._clock() + AGAIN
        try:
            while not await self._is_listed(tries := tries - 1):
                pass
        finally:
            self._listing, self._is_awaited = None, self._due == 0

    async def _is_listed(self, more: int) -> bool:
        """Whether the list is there, or nothing more is to be tried."""
        try:
            async with asyncio.timeout(LISTING):
                tools, valid = await self._listed()
            self.tools = await asyncio.to_thread(self._offered, tools)
        except (MCPError, ValidationError, TimeoutError) as error:
            self._known = Known()
            if not more:
                _log.warning(
                    "The MCP server %s told no tools: %s. The chat goes on.", self.name, _reason(error)
                )
            return not more
        if self._due:  # else they have changed meanwhile
            self._due = self._clock() + max(FRESH, valid / 1000) if valid else float("inf")
        return True

    async def _listed(self) -> tuple[list[Described], int]:
        session = self._open()
        try:
            return await session.tools()
        except MCPError as error:
            if not await self._may_try_again(error):
                raise
        finally:
            self._close(session)
        session = self._open()
        try:
            return await session.tools()
        finally:
            self._close(session)

    def _offered(self, tools: Iterable[Described]) -> dict[str, RemoteTool]:
        """Those that may be offered, by the name that the model sees. What is left out stands in the log."""
        allowed, found, out = self._access.tools, dict[str, RemoteTool](), list[str]()
        seen = set[str]()
        for tool in tools:
            seen.add(tool.name)
            if allowed is not None and tool.name not in allowed:
                continue
            name = name_of(self.name, tool.name)
            try:
                spec = ToolSpec(name, description_of(tool.description), schema_of(tool.input_schema))
            except BadSchema as error:
                out.append(f"{tool.name[:64]!r}, {error}")
            else:
                asks = self._access.approve is None or tool.name in self._access.approve
                found.setdefault(name, RemoteTool(self, tool.name, spec, asks=asks))
        out += [f"{name!r}, it is not there" for name in sorted((allowed or frozenset()) - seen)]
        if out:
            _log.warning(
                "The MCP server %s: %d tools are left out: %s.", self.name, len(out), "; ".join(out[:5])
            )
        return found


def _reason(error: Exception) -> str:
    """Why, without a text of the server's."""
    if isinstance(error, MCPError):
        return error.error.message.rstrip(".") if error.code in OURS else f"error {error.code}"
    return "its list is not valid" if isinstance(error, ValidationError) else "it took too long"
