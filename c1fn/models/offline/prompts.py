"""What a person said to the offline model: the words of a prompt, and the values of a form."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from c1fn.turn import is_of_openui, typed, unescaped

QUOTED = 300
"""Characters of a prompt that are quoted: enough to recognise it, short enough for a card."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A prompt without its wrapping: the words, and the values of a form that was submitted."""

    text: str
    fields: tuple[tuple[str, str], ...] = ()


_OPENED = re.compile(r"\s*<content(?:\s[^>]*)?>")
_BETWEEN = re.compile(r"</content>\s*<context>")
_CLOSED, _ENDED = "</content>", "</context>"


def hear(content: str) -> Heard:
    """Read a prompt's content, whichever client wrote it. Never fails."""
    text, context = _unwrapped(content)
    if text is not None:
        return Heard(plain(unescaped(text)), _sent(unescaped(context)))
    if is_of_openui(content):
        return Heard(plain(typed(content)), _sent(content.partition("openui:context")[2].partition("\n")[2]))
    return Heard(plain(content))


def _sent(context: str) -> tuple[tuple[str, str], ...]:
    try:
        return tuple(_fields(json.loads(context)))
    except (ValueError, RecursionError):
        return ()  # not JSON, or nested without end


def _unwrapped(content: str) -> tuple[str | None, str]:
    """What stands in ``<content>…</content><context>…</context>``, the second part being optional; None: it
    is not wrapped. Each step reads the text once: a single pattern would try it over and over.
    """
    opened, whole = _OPENED.match(content), content.rstrip()
    if opened is None:
        return None, ""
    start = opened.end()
    if whole.endswith(_CLOSED) and start <= len(whole) - len(_CLOSED):
        return whole[start : -len(_CLOSED)], "null"
    between = [found for found in _BETWEEN.finditer(whole, start) if found.end() <= len(whole) - len(_ENDED)]
    if whole.endswith(_ENDED) and between:
        return whole[start : between[-1].start()], whole[between[-1].end() : -len(_ENDED)]
    return None, ""


def _fields(context: object) -> list[tuple[str, str]]:
    """The values in ``["User clicked on Button: submit", [{"contact": {"fullname": {"value": "Jane"}}}]]``.
    The second dialect has the form without the inner list.
    """
    parts = context if isinstance(context, list) else []
    inner = [part for several in parts if isinstance(several, list) for part in several]
    forms = [part for part in (*parts, *inner) if isinstance(part, dict)]
    return [
        (plain(name), plain(_shown(value)))
        for form in forms
        for fields in form.values()
        if isinstance(fields, dict)
        for name, value in _each(fields)
    ]


def _each(fields: dict[str, object]) -> Iterator[tuple[str, object]]:
    """OpenUI's client sends the boxes of a group as one value, C1's each as a field."""
    for name, value in fields.items():
        match value:
            case {"value": dict(boxes)} if all(isinstance(box, bool) for box in boxes.values()):
                yield from boxes.items()
            case _:
                yield name, value


def _shown(value: object) -> str:
    """In words, as far as there are any."""
    match value:
        case {"value": inner} | {"mode": str(), "date": inner}:
            return _shown(inner)
        case str():
            return _DAY.sub(r"\1", value)
        case bool():
            return "yes" if value else "no"
        case list() if not any(isinstance(one, dict | list) for one in value):
            return ", ".join(map(_shown, value))
        case _:
            return json.dumps(value, ensure_ascii=False)


_DAY = re.compile(r"^(\w{3} \w{3} \d\d \d{4}) 00:00:00 GMT.*")
"""The day of a date picker, as JavaScript writes it: `Sun Nov 15 2026 00:00:00 GMT+0000 (…)`."""


def plain(text: str) -> str:
    """One line without control characters and half characters, shortened."""
    line = " ".join(_UNPRINTABLE.sub(" ", text[: QUOTED * 4]).split())
    return line if len(line) <= QUOTED else line[:QUOTED].rstrip() + "…"


_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
