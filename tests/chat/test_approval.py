"""Which calls of a tool must be approved."""

from collections.abc import Mapping
from typing import Any

import pytest

from c1fn.chat.approval import When, needs_approval
from c1fn.chat.tool_context import ToolContext
from c1fn.chat.tools import Tools
from c1fn.turn import ToolCall


def explode(_: Mapping[str, Any]) -> bool:
    raise KeyError("secret")


@pytest.mark.parametrize(
    ("when", "asks"),
    [
        (lambda _: True, True),
        (lambda _: False, False),
        (explode, True),
        (lambda given: given["amount"] > 100, True),
        (lambda given: "context" in given, False),
        (lambda given: given == {"amount": 900, "note": "none"}, True),
    ],
)
def test_a_predicate_is_asked_with_the_checked_arguments(when: When, *, asks: bool) -> None:
    """By name, defaults included, without the context; what cannot be decided asks."""

    @needs_approval(when=when)
    def pay(context: ToolContext, amount: int, note: str = "none") -> None:
        """Pay."""

    tools = Tools([pay])
    assert tools.asks(ToolCall("c", "pay", '{"amount": 1, "amount": "900"}')) is asks
    assert not tools.asks(ToolCall("c", "pay", '{"amount": "much"}'))
    assert not tools.asks(ToolCall("c", "pay", "{"))
    assert not tools.asks(ToolCall("c", "other", "{}"))


async def test_a_function_that_is_marked_stays_itself() -> None:
    @needs_approval
    async def pay(amount: int) -> int:
        """Pay."""
        return amount

    tools = Tools([pay])
    assert tools.asks(ToolCall("c", "pay", '{"amount": 1}'))
    assert "pay" in tools
    assert (await tools.specs())[0].description == "Pay."
