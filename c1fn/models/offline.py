"""A built-in model that needs no account: it answers each prompt with a card that the official client
renders.

The same history always gives the same answer. The words of the prompt choose what the card shows (a form, a
table or a chart). The figures come from a checksum of the prompt: they differ between prompts and have no
meaning. The user's text is quoted as plain text, shortened. A tool is called only when the prompt says so:
``use the tool get_time {"zone": "UTC"}``.

The card's format: https://docs.thesys.dev
"""

import asyncio
import json
import re
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from c1fn.events import Called, Delta, Ended, ModelEvent
from c1fn.models import ToolSpec
from c1fn.turn import Message, ToolCall, Usage, unescaped

DELTA = 8
"""Characters of a delta, an entity counted as one: about what a model's tokens hold."""

QUOTED = 300
"""Characters of a prompt that are quoted: enough to recognise it, short enough for a card."""

ROWS = 50
"""Rows of a table that echoes a form: a form may have a thousand fields, a card should not."""

Component = dict[str, Any]


class OfflineModel:
    """Deterministic, in small deltas.

    :param pace: seconds before each delta.
    """

    name = "offline"

    def __init__(
        self, *, pace: float = 0.0, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._pace = pace
        self._sleep = sleep

    async def stream(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
    ) -> AsyncGenerator[ModelEvent, None]:
        call = _asked_call(messages, tools)
        if call is not None:
            yield Called((call,))
            yield Ended("tool_calls", _usage(messages, call.arguments))
            return
        answer = card(messages)
        for piece in _pieces(answer):
            await self._sleep(self._pace)
            yield Delta(piece)
        yield Ended("stop", _usage(messages, answer))

    async def aclose(self) -> None:
        """Nothing is open."""


def card(messages: Sequence[Message]) -> str:
    """The answer to a history, in C1's form. Its last message is a prompt or a tool's result."""
    prompts = [message for message in messages if message.role == "user"]
    heard = _hear(prompts[-1].content if prompts else "")
    children = [
        _component("Header", title="Offline answer", subtitle=f"Turn {len(prompts)} of this conversation"),
        *_body(heard, messages),
        _component("FollowUpBlock", followUpText=["Show a chart", "Show a table", "Make a contact form"]),
    ]
    answer = {"component": _component("Card", children=children), "error": None}
    return f'<content thesys="true">{escape(json.dumps(answer, ensure_ascii=False))}</content>'


# What the person said


@dataclass(frozen=True, slots=True)
class _Heard:
    """A prompt without its wrapping: the words, and the values of a form that was submitted."""

    text: str
    fields: tuple[tuple[str, str], ...] = ()


_OPENED = re.compile(r"\s*<content(?:\s[^>]*)?>")
_BETWEEN = re.compile(r"</content>\s*<context>")
_CLOSED, _ENDED = "</content>", "</context>"


def _hear(content: str) -> _Heard:
    text, context = _unwrapped(content)
    if text is None:
        return _Heard(_plain(content))
    try:
        fields = tuple(_fields(json.loads(unescaped(context))))
    except (ValueError, RecursionError):
        fields = ()  # not JSON, or nested without end
    return _Heard(_plain(unescaped(text)), fields)


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
        (_plain(name), _plain(_shown(value)))
        for form in forms
        for fields in form.values()
        if isinstance(fields, dict)
        for name, value in fields.items()
    ]


def _shown(value: object) -> str:
    if isinstance(value, dict) and "value" in value:
        return _shown(value["value"])
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _plain(text: str) -> str:
    """One line without control characters and half characters, shortened."""
    line = " ".join(_UNPRINTABLE.sub(" ", text[: QUOTED * 4]).split())
    return line if len(line) <= QUOTED else line[:QUOTED].rstrip() + "…"


_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


# What the card shows


def _body(heard: _Heard, messages: Sequence[Message]) -> list[Component]:
    if messages and messages[-1].role == "tool":
        return [_text(f"The tool answered: {_quoted(_plain(messages[-1].content))}"), _buttons()]
    if heard.fields:
        return [_text("Thank you. This is what you sent:"), _echo(heard.fields), _buttons()]
    if not heard.text:
        return [_text("Your message has no words in it. Ask for a chart, a table or a form."), _buttons()]
    said = _text(f"You said: “{_quoted(heard.text)}”. This is what an answer can look like.")
    kind = next((kind for words, kind in _KINDS if words.search(heard.text)), _chart)
    return [said, kind(heard.text)] if kind is _form else [said, kind(heard.text), _buttons()]


def _text(markdown: str) -> Component:
    return _component("TextContent", textMarkdown=markdown)


def _quoted(text: str) -> str:
    """Markdown that shows the text as it is."""
    return re.sub(r"([\\`*_\[\]<>~$|&])", r"\\\1", text)


def _form(_: str) -> Component:
    fields = [
        ("Your name", _component("Input", name="fullname", placeholder="Jane Doe", rules=_REQUIRED)),
        ("E-mail", _component("Input", name="email", placeholder="jane@example.com", rules=_REQUIRED)),
        ("Message", _component("TextArea", name="message", placeholder="What is it about?", rows=4)),
    ]
    children = [{"label": label, "children": field} for label, field in fields]
    return _component("Form", name="contact", children=children, buttons=_buttons(Submit="submit"))


def _table(text: str) -> Component:
    return _rows(("Quarter", "Figure"), [(label, str(value)) for label, value in _figures(text)])


def _echo(fields: Sequence[tuple[str, str]]) -> Component:
    more = [("…", f"and {len(fields) - ROWS} more")] if len(fields) > ROWS else []
    return _rows(("Field", "Value"), [*fields[:ROWS], *more])


def _rows(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Component:
    return _component(
        "Table",
        tableHeader={"rows": [{"children": name, "type": "string"} for name in header]},
        tableBody={"rows": [{"children": list(row)} for row in rows]},
    )


def _chart(text: str) -> Component:
    figures = _figures(text)
    series = [{"category": "Figure", "values": [value for _, value in figures]}]
    header = _component("InlineHeader", heading="Figures by quarter")
    data = {"labels": [label for label, _ in figures], "series": series}
    return _component("BarChartV2", chartData={"header": header, "data": data})


def _figures(text: str) -> list[tuple[str, int]]:
    checksum = zlib.crc32(text.encode())
    return [(f"Q{n + 1}", 100 + (checksum >> 8 * n) % 100) for n in range(4)]


def _buttons(**buttons: str) -> Component:
    """A row of buttons by their words, each sending a prompt; without any, one that asks for more."""
    action = {"type": "continue_conversation", "props": {}}
    children = [
        _component("Button", children=words, name=name, variant="primary", action=action)
        for words, name in (buttons or {"Show another chart": "chart"}).items()
    ]
    return _component("ButtonGroup", children=children)


def _component(kind: str, /, **props: object) -> Component:
    return {"component": kind, "props": props}


_REQUIRED = {"required": True}

_KINDS: tuple[tuple[re.Pattern[str], Callable[[str], Component]], ...] = (
    (re.compile(r"\b(form|contact|sign.?up|register|feedback|survey|book)\b", re.IGNORECASE), _form),
    (re.compile(r"\b(table|list|compare|rows?|columns?)\b", re.IGNORECASE), _table),
)
"""The first whose words are in the prompt; none: a chart."""


# Tools, pieces, counts


def _asked_call(messages: Sequence[Message], tools: Sequence[ToolSpec]) -> ToolCall | None:
    if not messages or messages[-1].role != "user":
        return None
    asked = re.search(r"\buse the tool (\w+)\s*(\{.*\})?", _hear(messages[-1].content).text)
    if asked is None or asked[1] not in {tool.name for tool in tools}:
        return None
    return ToolCall(f"call_{len(messages)}", asked[1], asked[2] or "{}")


def _pieces(text: str) -> list[str]:
    """The text in small pieces; an entity is never cut."""
    return re.findall(rf"(?:&#?\w+;|[^&]){{1,{DELTA}}}", text)


def _usage(messages: Sequence[Message], answer: str) -> Usage:
    """An estimate: four characters a token."""
    return Usage(sum(len(m.content) for m in messages) // 4, len(answer) // 4)
