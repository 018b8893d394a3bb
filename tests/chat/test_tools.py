import asyncio
import itertools
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Annotated, Any

import pytest
from pydantic import Field, TypeAdapter

from c1fn.chat.tools import RESULT_CHARACTERS, ROUND_CHARACTERS, Tools
from c1fn.turn import ToolCall


def add(a: int, b: Annotated[int, Field(description="The other.")] = 2) -> int:
    """Add two numbers."""
    return a + b


async def greet(name: str) -> dict[str, str]:
    """Greet somebody."""
    return {"greeting": f"hello {name}"}


def boom() -> None:
    """Fail."""
    raise RuntimeError("planted-secret")


def strange() -> object:
    """Return what is no JSON."""
    return object()


async def endless() -> Iterator[int]:
    """Return what has no end."""
    return itertools.count()


def huge() -> str:
    """Return too much."""
    return "x" * 10_000_000


async def never() -> None:
    """Not end."""
    await asyncio.Event().wait()


async def result(call_name: str, arguments: str = "{}", **options: Any) -> Any:
    tools = Tools([add, greet, boom, strange, endless, huge, never], **options)
    (message,) = await tools.run([ToolCall("c1", call_name, arguments)])
    assert (message.role, message.tool_call_id) == ("tool", "c1")
    return json.loads(message.content)


async def test_a_function_becomes_a_tool() -> None:
    (spec,) = await Tools([add]).specs()
    assert (spec.name, spec.description) == ("add", "Add two numbers.")
    assert spec.parameters["required"] == ["a"]
    assert spec.parameters["properties"]["b"]["description"] == "The other."


async def test_sync_and_async_functions_are_called_with_checked_arguments() -> None:
    assert await result("add", '{"a": 3}') == 5
    assert await result("greet", '{"name": "Ann"}') == {"greeting": "hello Ann"}


async def test_no_arguments_may_be_an_empty_text() -> None:
    assert "RuntimeError" in (await result("boom", ""))["error"]


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("nope", "{}", "There is no tool named 'nope'. There are: add, greet, boom, "),
        ("endless", "{}", "The tool returned something that cannot be written as JSON."),
        ("add", "{}", "The arguments do not fit: a: Missing required argument"),
        ("add", '{"a": "x"}', "The arguments do not fit: a: Input should be a valid integer"),
        ("add", "{bad", "The arguments do not fit: all: Invalid JSON"),
        ("boom", "{}", "The tool failed with RuntimeError."),
        ("strange", "{}", "The tool returned something that cannot be written as JSON."),
        ("huge", "{}", "The result has 10000000 characters; at most 100000 can be used. Ask for less."),
    ],
)
async def test_whatever_goes_wrong_is_a_result_the_model_can_read(
    name: str, arguments: str, told: str
) -> None:
    assert (await result(name, arguments))["error"].startswith(told)


async def test_a_tool_that_never_ends_is_ended() -> None:
    assert (await result("never", seconds=0.01))["error"].startswith("The tool took longer than 0.01 seconds")


async def test_what_a_tool_raises_is_not_repeated() -> None:
    assert "planted" not in (await result("boom"))["error"]


async def test_several_calls_run_at_once_and_keep_their_order() -> None:
    met = asyncio.Barrier(2)

    async def meet(name: str) -> str:
        """Wait for the other."""
        await met.wait()
        return name

    calls = [ToolCall("1", "meet", '{"name": "a"}'), ToolCall("2", "meet", '{"name": "b"}')]
    assert [(m.tool_call_id, m.content) for m in await Tools([meet]).run(calls)] == [("1", "a"), ("2", "b")]


async def test_a_result_at_the_limit_is_whole() -> None:
    def full() -> str:
        """Return just enough."""
        return "x" * RESULT_CHARACTERS

    (message,) = await Tools([full]).run([ToolCall("1", "full", "")])
    assert len(message.content) == RESULT_CHARACTERS


async def cancels() -> None:
    """Raise what asyncio raises in whom it ends."""
    raise asyncio.CancelledError


def leaves() -> None:
    """End the process."""
    sys.exit(3)


def too_late() -> None:
    """Wait for something else in vain."""
    raise TimeoutError


def misreads() -> None:
    """Check something of its own."""
    TypeAdapter(int).validate_python("planted-secret")


def runs_out() -> None:
    """Take from what is empty."""
    next(iter([]))


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (cancels, "CancelledError"),
        (leaves, "SystemExit"),
        (too_late, "TimeoutError"),
        (misreads, "ValidationError"),
        (runs_out, "RuntimeError"),
    ],
)
async def test_an_error_of_the_tools_own_is_not_taken_for_ours(
    function: Callable[[], object], told: str
) -> None:
    (message,) = await Tools([function]).run([ToolCall("c1", function.__name__, "{}")])
    assert json.loads(message.content) == {"error": f"The tool failed with {told}."}


async def test_a_turn_that_is_ended_ends_its_tools() -> None:
    running = asyncio.create_task(Tools([never]).run([ToolCall("c1", "never", "{}")]))
    await asyncio.wait([running], timeout=0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


# --- functions that are not async


async def test_a_function_that_hangs_is_left_behind_and_its_place_is_free_once_it_ends() -> None:
    gate, ended = threading.Event(), threading.Event()

    def hangs(wait: bool) -> str:  # noqa: FBT001 - the model's choice
        """Hang."""
        if wait:
            gate.wait()
        ended.set()
        return "done"

    tools = Tools([hangs], seconds=0.01, threads=1)
    call, other = (ToolCall("c1", "hangs", f'{{"wait": {wait}}}') for wait in ("true", "false"))
    assert "took longer" in (await tools.run([call]))[0].content
    assert "Too many tools" in (await tools.run([other]))[0].content
    gate.set()
    await asyncio.to_thread(ended.wait)
    while (await tools.run([other]))[0].content != "done":
        pass


HANGING = """
import asyncio, threading
from c1fn.chat.tools import Tools
from c1fn.turn import ToolCall

def hangs() -> None:
    threading.Event().wait()

print(asyncio.run(Tools([hangs], seconds=0.01).run([ToolCall("c1", "hangs", "{}")]))[0].content)
"""


def test_a_function_that_hangs_does_not_hold_the_process() -> None:
    done = subprocess.run([sys.executable, "-c", HANGING], capture_output=True, text=True, check=True)
    assert ("took longer" in done.stdout, done.stderr) == (True, "")


trace = ContextVar("trace", default="")


async def test_a_function_runs_beside_the_event_loop_in_the_context_of_its_turn() -> None:
    def where() -> tuple[bool, str]:
        """Tell."""
        return threading.current_thread() is threading.main_thread(), trace.get()

    trace.set("mine")
    (message,) = await Tools([where]).run([ToolCall("c1", "where", "{}")])
    assert message.content == '[false,"mine"]'


async def test_all_results_of_a_round_have_a_limit_of_their_own() -> None:
    def full() -> str:
        """Return just enough."""
        return "x" * RESULT_CHARACTERS

    most = ROUND_CHARACTERS // RESULT_CHARACTERS
    messages = await Tools([full]).run([ToolCall(f"{n}", "full", "") for n in range(most + 2)])
    assert [len(m.content) for m in messages[:most]] == [RESULT_CHARACTERS] * most
    assert ["at most 0 can be used" in m.content for m in messages[most:]] == [True, True]
    assert [m.tool_call_id for m in messages] == [f"{n}" for n in range(most + 2)]
