"""The card with which the offline model answers, in C1's form. https://docs.thesys.dev"""

import json
import re
import zlib
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from c1fn.models.offline.prompts import Heard, hear, plain
from c1fn.turn import Message

ROWS = 50
"""Rows of a table that echoes a form: a form may have a thousand fields, a card should not."""


Component = dict[str, Any]


def card(messages: Sequence[Message]) -> str:
    """The answer to a history, in C1's form. Its last message is a prompt or a tool's result."""
    prompts = [message for message in messages if message.role == "user"]
    heard = hear(prompts[-1].content if prompts else "")
    children = [
        _component("Header", title="Offline answer", subtitle=f"Turn {len(prompts)} of this conversation"),
        *_body(heard, messages),
        _component("FollowUpBlock", followUpText=["Show a chart", "Show a table", "Make a contact form"]),
    ]
    answer = {"component": _component("Card", children=children), "error": None}
    return f'<content thesys="true">{escape(json.dumps(answer, ensure_ascii=False))}</content>'


def _body(heard: Heard, messages: Sequence[Message]) -> list[Component]:
    if messages and messages[-1].role == "tool":
        return [_text(f"The tool answered: {_quoted(plain(messages[-1].content))}"), _buttons()]
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
