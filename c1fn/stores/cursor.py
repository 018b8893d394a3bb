"""The cursor of a page, an opaque text for clients: URL-safe base64 of a JSON list.

It contains no owner: a cursor is a position in the caller's own list, so a stolen one gives no access.
Clients can forge one, so both parts are checked: a database rejects a number or a key beyond its limits, and
that would look like an internal error.
"""

import base64
import binascii
import json

from c1fn.errors import BadField

LATEST = 100_000_000_000
"""Maximum position of a thread in a list: a time in seconds, until the year 5138."""

LONGEST = 128
"""Maximum characters of a thread's id."""


def encode(place: float, thread_id: str) -> str:
    """The cursor after the thread ``thread_id``, which the list has at ``place``."""
    return base64.urlsafe_b64encode(json.dumps([place, thread_id]).encode()).decode()


def decode(cursor: str) -> tuple[float, str]:
    """:raises BadField: this text is not a cursor."""
    try:
        match json.loads(base64.b64decode(cursor.encode(), altchars=b"-_", validate=True)):
            case [int() | float() as place, str(thread_id)] if _is_place(place) and _is_id(thread_id):
                return place, thread_id
    except (binascii.Error, ValueError, RecursionError):
        pass
    raise BadField("The cursor is not one that a list of threads returned.", field="cursor")


def _is_place(number: float) -> bool:
    return not isinstance(number, bool) and 0 <= number <= LATEST


def _is_id(text: str) -> bool:
    return 0 < len(text) <= LONGEST and not any("\ud800" <= character <= "\udfff" for character in text)
