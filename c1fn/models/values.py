"""Reads values from an untrusted JSON document."""

import json
import re
from typing import TypeVar

from c1fn.errors import AnswerGarbled

_T = TypeVar("_T")

DEPTH = 64
"""Levels of what is kept of a document: servers nest five. Python 3.11 counts them with the calls on its
stack: what could be read could then not be written for the next request, from a few calls deeper.
"""

_SURROGATE = re.compile("[\ud800-\udfff]")


def of(kind: type[_T], value: object) -> _T:
    """The value, which must be of this kind. Null, absent and whatever else is empty count as its empty
    value: servers write ``[]`` for no object and ``""`` for no list.

    :raises AnswerGarbled: it is of another kind, and not empty.
    """
    if isinstance(value, kind):
        return value
    if value:
        raise AnswerGarbled
    return kind()


def whole(text: str) -> str:
    """The text with surrogate halves joined where they meet, and U+FFFD for one that stands alone."""
    if text.isascii() or not _SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def size(value: object) -> int:
    """Characters of the value as JSON.

    :raises AnswerGarbled: it is nested too deep to be sure that it can be written again.
    """
    if _is_deeper(value, DEPTH):
        raise AnswerGarbled
    return len(json.dumps(value))


def _is_deeper(value: object, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(each, levels - 1) for each in inner)
