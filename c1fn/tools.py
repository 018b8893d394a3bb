"""Functions that a model may call.

A Python function with type hints and a docstring becomes a tool: pydantic makes the schema and checks the
arguments. Whatever goes wrong in a call becomes a result that the model can read, so a turn goes on and a
call never stands without its result. Time and size of a result are bounded.

https://platform.openai.com/docs/guides/function-calling
"""

import asyncio
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
            async with asyncio.timeout(self._seconds):
                return await tool(call.arguments)
        except TimeoutError:
            return _problem(f"The tool took longer than {self._seconds:g} seconds and was ended.")
        except ValidationError as error:
            return _problem(f"The arguments do not fit: {_places(error)}")
        except PydanticSerializationError:
            return _problem("The tool returned something that cannot be written as JSON.")
        except Exception as error:  # noqa: BLE001 - a tool is a user's code: whatever it raises, the turn goes on
            return _problem(f"The tool failed with {type(error).__name__}.")


class _Tool:
    def __init__(self, function: Function) -> None:
        self._function = function
        self._adapter = TypeAdapter[Any](cast("Any", function))  # a function is a form the stubs do not know
        self._is_async = inspect.iscoroutinefunction(function)
        self.spec = ToolSpec(function.__name__, inspect.getdoc(function) or "", self._adapter.json_schema())

    async def __call__(self, arguments: str) -> str:
        if self._is_async:
            value = await self._adapter.validate_json(arguments or "{}")
        else:
            value = await asyncio.to_thread(self._adapter.validate_json, arguments or "{}")
        return value if isinstance(value, str) else to_json(value).decode()


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
