"""The form that a prompt sends, in the two dialects of C1's client and in OpenUI's.

A prompt has a form's technical names and its values. Its labels stand in the answer that asked.
"""

import json
import re
from collections.abc import Iterator


def fields_of(context: str) -> Iterator[tuple[str, object]]:
    """Names and values in ``["User clicked on Button: submit", [{"contact": {"name": {"value": "Jane"}}}]]``.
    The second dialect has the form without the inner list. What is no JSON, or nested without end, has none.
    """
    try:
        given = json.loads(context)
    except (ValueError, RecursionError):
        return
    parts = given if isinstance(given, list) else []
    inner = [part for several in parts if isinstance(several, list) for part in several]
    for form in (part for part in (*parts, *inner) if isinstance(part, dict)):
        for fields in form.values():
            if isinstance(fields, dict):
                yield from fields.items()


def in_words(value: object) -> str:
    """A field's value, as far as there are words for it; otherwise JSON."""
    match value:
        case {"value": inner} | {"mode": str(), "date": inner}:
            return in_words(inner)
        case str():
            return _DAY.sub(r"\1", value)
        case bool():
            return "yes" if value else "no"
        case list() if not any(isinstance(one, dict | list) for one in value):
            return ", ".join(map(in_words, value))
        case _:
            return json.dumps(value, ensure_ascii=False)


_DAY = re.compile(r"^(\w{3} \w{3} \d\d \d{4}) 00:00:00 GMT.*")
"""The day of a date picker, as JavaScript writes it: `Sun Nov 15 2026 00:00:00 GMT+0000 (…)`."""
