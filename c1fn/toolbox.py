"""The tools of this deployment: edit this file.

Each function in `TOOLS` is offered to the model under its own name. Its type hints become the schema, its
docstring tells the model when to use it, and whatever it returns (text, or anything that can be written as
JSON) is what the model reads. It may be `async`; if it is not, it runs in a thread. Errors, long waits and
large results are handled by `tools.py`. Results are kept with the thread and never sent to the client.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def current_time(timezone: str = "UTC") -> dict[str, str]:
    """Tell the current date, weekday and time. `timezone` is an IANA name such as Europe/Berlin."""
    try:
        zone = UTC if timezone == "UTC" else ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError):
        return {"error": f"There is no time zone named {timezone[:64]!r}. Use an IANA name, or UTC."}
    now = datetime.now(zone)
    return {"time": now.isoformat(timespec="seconds"), "weekday": f"{now:%A}", "timezone": timezone}


TOOLS: list[Callable[..., Any]] = [current_time]
