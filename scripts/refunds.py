"""A tool that asks first, and writes down each call that is made: for questions.py."""

import os
import time
from pathlib import Path

from c1fn.chat.approval import needs_approval

PAUSE = 1.5  # seconds between a call and its result, in which its process is killed


@needs_approval
def refund(order: str) -> str:
    """Refund an order."""
    with Path(os.environ["REFUNDS"]).open("a") as file:
        file.write(f"{order}\n")
    time.sleep(PAUSE)
    return "refunded"


TOOLS = [refund]
