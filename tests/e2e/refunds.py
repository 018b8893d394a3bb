"""A tool that a person must approve, for the page's test."""

from collections.abc import Callable
from typing import Any

from c1fn.chat.approval import needs_approval


@needs_approval
def refund(order: int, amount: float) -> str:
    """Pay this amount back."""
    return f"Paid {amount:.2f} back for order {order}."


TOOLS: list[Callable[..., Any]] = [refund]
