"""Tools that know whom they serve."""

import asyncio
import json
import threading
from collections.abc import Mapping
from typing import Annotated, Any

import pytest
from pydantic import Field

from c1fn.chat.tool_context import LINES, SHOWN, ToolContext
from c1fn.chat.tools import Function, Tools
from c1fn.events import Working
from c1fn.turn import Ask, Message, ToolCall

CLAIMS: Mapping[str, Any] = {"sub": "ada", "email": "ada@example.com"}
ASK = Ask("jwt:https://issuer.example/ ada", "t", "r", Message("user", "mine?"), CLAIMS)


async def called(function: Function, arguments: str = "{}", **options: Any) -> tuple[Any, list[Working]]:
    """What the tool returned, and the progress that it told."""
    told: list[Working] = []
    call = ToolCall("c", function.__name__, arguments)
    (message,) = await Tools([function], **options).run([call], ASK, told.append)
    return json.loads(message.content), told


async def orders(
    state: Annotated[str, Field(description="Of the order.")], context: ToolContext
) -> list[Any]:
    """List the caller's orders."""
    return [state, context.owner, context.claims["email"], context.thread_id, context.response_id]


def orders_in_a_thread(context: ToolContext, state: str = "open") -> list[Any]:
    """List the caller's orders."""
    return [state, context.owner, threading.current_thread() is threading.main_thread()]


async def test_a_tool_learns_whom_it_serves() -> None:
    assert await called(orders, '{"state": "open"}') == (
        [*("open", ASK.owner, "ada@example.com", "t", "r")],
        [],
    )
    assert (await called(orders_in_a_thread))[0] == ["open", ASK.owner, False]


@pytest.mark.parametrize("function", [orders, orders_in_a_thread])
async def test_the_context_is_no_part_of_what_the_model_sees(function: Function) -> None:
    (spec,) = await Tools([function]).specs()
    assert (spec.name, spec.description) == (function.__name__, "List the caller's orders.")
    assert list(spec.parameters["properties"]) == ["state"]


@pytest.mark.parametrize("function", [orders, orders_in_a_thread])
async def test_a_model_cannot_set_the_context(function: Function) -> None:
    result, _ = await called(
        function, '{"state": "open", "context": {"owner": "jwt:https://issuer.example/ eve"}}'
    )
    assert result["error"].startswith("The arguments do not fit: context: Unexpected keyword argument")


async def test_claims_are_in_no_text_of_the_context() -> None:
    async def told(context: ToolContext) -> str:
        return json.dumps(repr(context))

    assert "ada@example.com" not in (await called(told))[0]
    assert "ada@example.com" not in repr(ASK)


async def test_progress_is_told_at_once_from_a_task_and_from_a_thread() -> None:
    async def task(context: ToolContext) -> str:
        await context.progress("half")
        return "1"

    def thread(context: ToolContext) -> str:
        context.progress("half")
        return "1"

    for function in (task, thread):
        assert (await called(function))[1] == [Working(function.__name__, "half")]


async def test_progress_is_limited() -> None:
    async def chatty(context: ToolContext) -> str:
        for _ in range(LINES + 10):
            await context.progress("x" * (SHOWN + 10))
        return "1"

    _, told = await called(chatty)
    assert [len(line.progress) for line in told] == [SHOWN] * LINES


async def test_progress_that_is_no_text_fails_the_call_and_not_the_turn() -> None:
    async def wrong(context: ToolContext) -> str:
        await context.progress(3)  # type: ignore[arg-type]  # the rule is about such a call
        return "1"

    assert (await called(wrong))[0] == {"error": "The tool failed with TypeError."}


async def test_a_thread_that_nobody_waits_for_is_told_so_and_its_progress_is_dropped() -> None:
    ended = threading.Event()

    def slow(context: ToolContext) -> str:
        while not context.is_cancelled:
            pass
        context.progress("late")
        ended.set()
        return "1"

    result, told = await called(slow, seconds=0.01)
    assert "took longer" in result["error"]
    await asyncio.to_thread(ended.wait)
    await asyncio.sleep(0)
    assert told == []


async def test_a_tool_can_be_called_outside_of_a_turn() -> None:
    (message,) = await Tools([orders_in_a_thread]).run([ToolCall("c", "orders_in_a_thread", "{}")])
    assert json.loads(message.content)[1] == ""


async def test_a_parameter_of_another_type_stays_with_the_model() -> None:
    def plain(context: str) -> str:
        """Its parameter is only named so."""
        return context

    def unknown(context: "Nowhere") -> str:  # type: ignore[name-defined]  # noqa: F821 - the rule is about it
        """Its annotation names nothing."""
        return str(context)

    (spec,) = await Tools([plain]).specs()
    assert list(spec.parameters["properties"]) == ["context"]
    with pytest.raises(Exception, match="Nowhere"):
        Tools([unknown])
