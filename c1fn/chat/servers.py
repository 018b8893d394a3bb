"""The ports of tools: one tool, wherever it runs, and the servers that have tools."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from c1fn.chat.tool_context import ToolContext
from c1fn.models import ToolSpec
from c1fn.turn import Ask


class ToolFailed(Exception):
    """A tool failed, and the message is for the model."""


class Threads(Protocol):
    """Where a function runs that is not async."""

    def run(self, function: Callable[[], Any]) -> Awaitable[Any]:
        """Call the function in a thread; what it returns or raises."""
        ...


class Tool(Protocol):
    """One tool, wherever it runs."""

    @property
    def spec(self) -> ToolSpec:
        """What the model is told of it."""
        ...

    def bind(self, arguments: str, context: ToolContext) -> Callable[[], Any]:
        """Read the arguments, which are as the model wrote them.

        :raises ValidationError: they do not match.
        """
        ...

    def asks(self, arguments: str) -> bool:
        """Whether a person must approve a call with these arguments.

        :raises ValidationError: they do not match.
        """
        ...

    async def call(self, bound: Callable[[], Any], threads: Threads) -> str:
        """Its result, as the model reads it. It may raise anything."""
        ...


class Servers(Protocol):
    """Tools that other servers have: ``chat.mcp``."""

    def connect(self) -> None:
        """Begin to list the tools, so that the first turn need not wait."""
        ...

    async def tools(self) -> Mapping[str, Tool]:
        """Those that can be called now. It takes a few seconds at most, and raises nothing."""
        ...

    def __contains__(self, name: str) -> bool:
        """Whether a tool of this name is one of theirs, if there is one."""
        ...

    def end(self, ask: Ask) -> None:
        """The turn is over."""
        ...

    async def settle(self) -> None:
        """Finish background work, so that the process may be frozen."""
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


class NoServers:
    """Tools are functions alone."""

    def connect(self) -> None:
        """There is nothing to connect to."""

    async def tools(self) -> Mapping[str, Tool]:
        return {}

    def __contains__(self, name: str) -> bool:
        return False

    def end(self, ask: Ask) -> None:
        """Nothing was begun."""

    async def settle(self) -> None:
        """Nothing is left to do."""

    async def aclose(self) -> None:
        """Nothing is held."""
