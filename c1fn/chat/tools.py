"""Functions that a model may call.

A Python function with type hints and a docstring becomes a tool: pydantic makes the schema and checks the
arguments. Every failure of a call becomes a result that the model can read, so the turn continues and every
call has a result. Time and size of a result are limited.

A function that is not async runs in a daemon thread of its own, not in the event loop's executor: the store's
calls use that executor, and at its end the process waits for all its threads, including those that hang.

https://platform.openai.com/docs/guides/function-calling
"""

import asyncio
import contextvars
import functools
import inspect
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, to_json

from c1fn.chat.approval import asks, when_asked
from c1fn.chat.servers import NoServers, Servers, Threads, Tool, ToolFailed
from c1fn.chat.tool_context import Say, ToolContext, asks_for_context, context_of, hide
from c1fn.models import ToolSpec
from c1fn.telemetry.tracing import UNTRACED, Fails
from c1fn.turn import Ask, Message, ToolCall

SECONDS = 30.0
"""Time limit of one call: half of the shortest idle limit of an AWS endpoint."""

RESULT_CHARACTERS = 100_000
"""Maximum characters of one result: about 25,000 tokens, which a model can still read."""

ROUND_CHARACTERS = 4 * RESULT_CHARACTERS
"""Maximum characters of all results of a round: about a model's context; eight rounds are a turn of 3 MB."""

THREADS = 64
"""Calls in threads at once, with those that nobody waits for any more: hanging ones cannot take all memory.
A round has one to a few calls, so this is room for every turn of a process."""

Function = Callable[..., Any]

UNKNOWN = "(unknown)"
"""In a span, instead of the name of a tool that there is not: a model may write anything there."""

Measure = Callable[[str, str], AbstractContextManager[Fails]]
"""Measures one call, by the tool's name and the call's id; what it yields tells of a failure."""

NOBODY = Ask("", "", "", Message("user", ""))
"""Whom a tool serves that is called outside of a turn, as in a test of it."""


def _unheard(_: object) -> None:
    """Takes progress that nobody sees."""


class Tools:
    """The tools of one deployment, by name: functions of its own, and those of other servers."""

    def __init__(
        self,
        functions: Iterable[Function] = (),
        *,
        servers: Servers | None = None,
        seconds: float = SECONDS,
        threads: int = THREADS,
    ) -> None:
        self._own: Mapping[str, Tool] = {function.__name__: _Tool(function) for function in functions}
        self._tools: Mapping[str, Tool] = self._own
        self.servers = servers or NoServers()
        self._seconds = seconds
        self._threads = _Threads(threads)

    async def specs(self) -> tuple[ToolSpec, ...]:
        """What the model may call now."""
        return tuple(tool.spec for tool in (await self._now()).values())

    async def _now(self) -> Mapping[str, Tool]:
        """All tools, the functions first. A server's tool never takes a function's name."""
        remote = await self.servers.tools()
        self._tools = {**self._own, **remote, **self._own} if remote else self._own
        return self._tools

    def __contains__(self, name: str) -> bool:
        """Whether this is a tool of ours, whether or not its server has told its tools already."""
        return name in self._own or name in self.servers

    def asks(self, call: ToolCall) -> bool:
        """Whether a person must approve this call. One that cannot be made needs no approval: it is run, and
        its result tells why.
        """
        tool = self._tools.get(call.name)
        with suppress(ValidationError):
            return tool is not None and tool.asks(call.arguments)
        return False

    async def run(
        self,
        calls: Sequence[ToolCall],
        ask: Ask = NOBODY,
        say: Say = _unheard,
        working: Measure = UNTRACED.runs,
    ) -> list[Message]:
        """Run all calls of a round in parallel; return their results in the order of the calls.

        :param ask: whom the tools serve. ``say`` takes their progress, ``working`` measures each.
        """
        tools = await self._now()
        told = await asyncio.gather(
            *(self._measured(tools, call, context_of(ask, call.name, say), working) for call in calls)
        )
        texts = _within_a_round(told)
        return [Message("tool", text, tool_call_id=call.id) for call, text in zip(calls, texts, strict=True)]

    async def _measured(
        self, tools: Mapping[str, Tool], call: ToolCall, context: ToolContext, working: Measure
    ) -> str:
        with working(call.name if call.name in tools else UNKNOWN, call.id) as fails:
            text = await self._text(tools, call, context)
            if isinstance(text, _Problem):
                fails()
        return text

    async def _text(self, tools: Mapping[str, Tool], call: ToolCall, context: ToolContext) -> str:
        tool = tools.get(call.name)
        if tool is None:
            return _problem(f"There is no tool named {call.name!r}. There are: {', '.join(tools) or 'none'}.")
        try:
            bound = tool.bind(call.arguments, context)
        except ValidationError as error:
            return _problem(f"The arguments do not fit: {_places(error)}")
        try:
            return await self._called(tool, bound)
        finally:
            context.end()

    async def _called(self, tool: Tool, bound: Callable[[], Any]) -> str:
        limit = asyncio.timeout(self._seconds)
        try:
            async with limit:
                return await tool.call(bound, self._threads)
        except ToolFailed as error:
            return _problem(str(error))
        except PydanticSerializationError:
            return _problem("The tool returned something that cannot be written as JSON.")
        except asyncio.CancelledError:
            if _is_cancelled():
                raise
            return _problem("The tool failed with CancelledError.")  # its own: the turn was not ended
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a user's code: whatever it raises, the turn goes on
            if isinstance(error, TimeoutError) and limit.expired():
                return _problem(f"The tool took longer than {self._seconds:g} seconds and was ended.")
            return _problem(f"The tool failed with {type(error).__name__}.")


class _Tool:
    def __init__(self, function: Function) -> None:
        @functools.wraps(function)
        def bound(*args: Any, **kwargs: Any) -> functools.partial[Any]:
            return functools.partial(function, *args, **kwargs)

        self._when = when_asked(function)
        self._context = asks_for_context(function)
        if self._context is not None:
            hide(bound, self._context)
        self._adapter = TypeAdapter[Any](cast("Any", bound))  # a function is a form the stubs do not know
        self._is_async = inspect.iscoroutinefunction(function)
        self.spec = ToolSpec(function.__name__, inspect.getdoc(function) or "", self._adapter.json_schema())

    def bind(self, arguments: str, context: ToolContext) -> Callable[[], Any]:
        """Bind the arguments, and the context if it asks for one, to the function.

        :raises ValidationError: the arguments do not match. (The function itself may also raise one, when it
            is called.)
        """
        bound = self._bound(arguments)
        return bound if self._context is None else functools.partial(bound, **{self._context: context})

    def _bound(self, arguments: str) -> "functools.partial[Any]":
        bound: functools.partial[Any] = self._adapter.validate_json(arguments or "{}")
        return bound

    def asks(self, arguments: str) -> bool:
        """Whether a call with these arguments must be approved.

        :raises ValidationError: they do not match.
        """
        return self._when is not None and asks(self._when, self._bound(arguments))

    async def call(self, bound: Callable[[], Any], threads: Threads) -> str:
        value = await (bound() if self._is_async else threads.run(bound))
        if isinstance(value, str):
            return value
        if isinstance(value, Iterator):  # it would be written as a list, and may never end
            raise PydanticSerializationError("an iterator")
        return to_json(value).decode()


class _Threads:
    """Runs each function in a daemon thread of its own, up to a maximum number of threads."""

    def __init__(self, most: int) -> None:
        self._free = threading.Semaphore(most)

    async def run(self, function: Callable[[], Any]) -> Any:
        """The function's return value. The thread cannot be stopped: if this call is cancelled, it keeps
        running.

        :raises ToolFailed: the maximum number of threads is running.
        """
        if not self._free.acquire(blocking=False):
            raise ToolFailed("Too many tools are running already. Try again later, or do without.")
        result = asyncio.get_running_loop().create_future()
        work = functools.partial(contextvars.copy_context().run, self._work, function, result)
        try:
            threading.Thread(target=work, name="tool", daemon=True).start()
        except BaseException:
            self._free.release()
            raise
        return await result

    def _work(self, function: Callable[[], Any], result: "asyncio.Future[Any]") -> None:
        try:
            tell = functools.partial(_set_result, result, function())
        except BaseException as error:  # noqa: BLE001 - it belongs to who waits, also an exit
            tell = functools.partial(_set_error, result, error)
        finally:
            self._free.release()
        with suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits
            result.get_loop().call_soon_threadsafe(tell)


def _set_result(result: "asyncio.Future[Any]", value: Any) -> None:
    if not result.done():  # else its waiter was cancelled
        result.set_result(value)


def _set_error(result: "asyncio.Future[Any]", error: BaseException) -> None:
    if isinstance(error, StopIteration):  # which no future can carry
        error = RuntimeError("StopIteration")
    if not result.done():
        result.set_exception(error)


def _is_cancelled() -> bool:
    """True if this task was cancelled."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class _Problem(str):
    """A result that tells the model of a failure."""

    __slots__ = ()


def _problem(detail: str) -> str:
    return _Problem(json.dumps({"error": detail}, ensure_ascii=False))


def _places(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'all'}: {e['msg']}" for e in error.errors())


def _within_a_round(texts: Iterable[str]) -> list[str]:
    """The results; one that is too long, or exceeds the round's limit, is replaced by a message that says
    so.
    """
    left, kept = ROUND_CHARACTERS, []
    for text in texts:
        limit = min(RESULT_CHARACTERS, left)
        told = text if len(text) <= limit else _too_long(len(text), limit)
        left -= min(left, len(told))
        kept.append(told)
    return kept


def _too_long(characters: int, limit: int) -> str:
    return _problem(f"The result has {characters} characters; at most {limit} can be used. Ask for less.")
