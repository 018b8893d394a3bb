"""Functions that a model may call.

A Python function with type hints and a docstring becomes a tool: pydantic makes the schema and checks the
arguments. Whatever goes wrong in a call becomes a result that the model can read, so a turn goes on and a
call never stands without its result. Time and size of a result are bounded.

https://platform.openai.com/docs/guides/function-calling
"""

import asyncio
import functools
import inspect
import json
from collections.abc import Callable, Iterable
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, to_json

from c1fn.models import ToolSpec
from c1fn.turn import Message, ToolCall

SECONDS = 30.0
"""For one call: half of the shortest idle limit of a front door is gone by then."""

RESULT_CHARACTERS = 100_000
"""Of one result: about 25,000 tokens, which a model can still read."""

Function = Callable[..., Any]


class Tools:
    """The tools of one deployment, by name."""

    def __init__(self, functions: Iterable[Function] = (), *, seconds: float = SECONDS) -> None:
        self._tools = {function.__name__: _Tool(function) for function in functions}
        self._seconds = seconds

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        return tuple(tool.spec for tool in self._tools.values())

    async def run(self, calls: Iterable[ToolCall]) -> list[Message]:
        """All calls of a round at once; their results in the calls' order."""
        return list(await asyncio.gather(*map(self._result, calls)))

    async def _result(self, call: ToolCall) -> Message:
        return Message("tool", _bounded(await self._text(call)), tool_call_id=call.id)

    async def _text(self, call: ToolCall) -> str:
        tool = self._tools.get(call.name)
        if tool is None:
            return _problem(
                f"There is no tool named {call.name!r}. There are: {', '.join(self._tools) or 'none'}."
            )
        try:
            bound = tool.bind(call.arguments)
        except ValidationError as error:
            return _problem(f"The arguments do not fit: {_places(error)}")
        return await self._called(tool, bound)

    async def _called(self, tool: "_Tool", bound: Callable[[], Any]) -> str:
        limit = asyncio.timeout(self._seconds)
        try:
            async with limit:
                return await tool.call(bound)
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
        def bound(*args: Any, **kwargs: Any) -> Callable[[], Any]:
            return functools.partial(function, *args, **kwargs)

        self._adapter = TypeAdapter[Any](cast("Any", bound))  # a function is a form the stubs do not know
        self._is_async = inspect.iscoroutinefunction(function)
        self.spec = ToolSpec(function.__name__, inspect.getdoc(function) or "", self._adapter.json_schema())

    def bind(self, arguments: str) -> Callable[[], Any]:
        """The function with these arguments, ready to call.

        :raises ValidationError: they do not fit. One that the function itself raises is another matter.
        """
        bound: Callable[[], Any] = self._adapter.validate_json(arguments or "{}")
        return bound

    async def call(self, bound: Callable[[], Any]) -> str:
        value = await (bound() if self._is_async else asyncio.to_thread(_in_thread, bound))
        return value if isinstance(value, str) else to_json(value).decode()


def _in_thread(bound: Callable[[], Any]) -> Any:
    try:
        return bound()
    except StopIteration as error:  # no future can carry it; before Python 3.12 its waiter is never woken
        raise RuntimeError("StopIteration") from error


def _is_cancelled() -> bool:
    """Somebody asked this task to end."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _problem(detail: str) -> str:
    return json.dumps({"error": detail}, ensure_ascii=False)


def _places(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'all'}: {e['msg']}" for e in error.errors())


def _bounded(text: str) -> str:
    if len(text) <= RESULT_CHARACTERS:
        return text
    return _problem(
        f"The result has {len(text)} characters; at most {RESULT_CHARACTERS} can be used. Ask for less."
    )
