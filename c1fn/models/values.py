"""Reads values from an untrusted JSON document."""

import re
from typing import TypeVar

from c1fn.errors import AnswerGarbled

_T = TypeVar("_T")

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
