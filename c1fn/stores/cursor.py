"""The cursor of a page, as text that a client can only hand back: URL-safe base64 of a JSON list.

It holds no owner: a cursor names a place in whatever list it is used on, so a stolen one opens nothing.
"""

import base64
import binascii
import json

from c1fn.errors import BadField


def encode(place: float, thread_id: str) -> str:
    """The cursor after the thread ``thread_id``, which the list has at ``place``."""
    return base64.urlsafe_b64encode(json.dumps([place, thread_id]).encode()).decode()


def decode(cursor: str) -> tuple[float, str]:
    """:raises BadField: this text is no cursor."""
    try:
        match json.loads(base64.b64decode(cursor.encode(), altchars=b"-_", validate=True)):
            case [int() | float() as place, str(thread_id)]:
                return place, thread_id
    except (binascii.Error, ValueError, RecursionError):
        pass
    raise BadField("The cursor is not one that a list of threads returned.", field="cursor")
