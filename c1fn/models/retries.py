"""Whether a call that the model's server refused is tried again, and after how long.

The error is interpreted here before the openai package sees it; a header that the package obeys tells it
whether another try can help.

https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
"""

import math
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime

from c1fn.errors import ModelBusy, ModelTimeout, ModelUnavailable
from c1fn.models.failures import Refusal, document_of
from c1fn.startup.lazy_imports import lazy

with lazy("openai"):
    import httpx2  # the transport of the openai package: its hooks get its responses

RETRY_WAIT = 5.0
"""Seconds of a Retry-After that are waited for here. Beyond that a person is told instead of kept waiting."""

_RETRIED = (ModelBusy, ModelUnavailable, ModelTimeout)


async def give_up(response: httpx2.Response) -> None:
    """A hook for responses: make the package give up, by the header that it obeys, where another try cannot
    help or would be long in coming.
    """
    if response.is_success:
        return
    meaning = refusal(response.status_code, await response.aread()).meaning()
    wait = retry_after(response.headers)
    if not isinstance(meaning, _RETRIED) or (wait is not None and wait > RETRY_WAIT):
        response.headers["x-should-retry"] = "false"


def refusal(status: int, body: bytes) -> Refusal:
    """What the body of a status error says.

    :param status: HTTP's.
    """
    return Refusal.read(document_of(body), status)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, or None. A date is compared with the server's own, not with our clock."""
    for header, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        with suppress(KeyError, ValueError):
            if math.isfinite(seconds := float(headers[header]) * unit):
                return max(0.0, seconds)
    try:
        wait = parsedate_to_datetime(headers["retry-after"]) - parsedate_to_datetime(headers["date"])
    except (KeyError, ValueError, TypeError):
        return None
    return max(0.0, wait.total_seconds())
