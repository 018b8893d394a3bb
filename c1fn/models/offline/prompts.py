"""What a person said to the offline model: the words of a prompt, and the values of a form."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from c1fn.turn import is_of_openui, typed, unescaped
from c1fn.turn.forms import fields_of, in_words

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
        return tuple((plain(name), plain(in_words(value))) for name, value in _each(fields_of(context)))
    except RecursionError:
        return ()  # a value is nested without end


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


def _each(fields: Iterable[tuple[str, object]]) -> Iterator[tuple[str, object]]:
    """OpenUI's client sends the boxes of a group as one value, C1's each as a field."""
    for name, value in fields:
        match value:
            case {"value": dict(boxes)} if all(isinstance(box, bool) for box in boxes.values()):
                yield from boxes.items()
            case _:
                yield name, value


def plain(text: str) -> str:
    """One line without control characters and half characters, shortened."""
    line = " ".join(_UNPRINTABLE.sub(" ", text[: QUOTED * 4]).split())
    return line if len(line) <= QUOTED else line[:QUOTED].rstrip() + "…"


_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
