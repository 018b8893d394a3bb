"""A tool that asks first, for the tests of clients: C1FN_TOOLS=tests.e2e.asking:TOOLS."""

from c1fn.chat.approval import needs_approval
from c1fn.toolbox import current_time


@needs_approval
def refund(order: int) -> str:
    """Refund an order."""
    return f"refunded {order}"


TOOLS = [current_time, refund]
