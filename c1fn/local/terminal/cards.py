"""C1's components as text: headings, tables, charts as bars, forms as their fields.

A table has one small function for each kind of component. An unknown kind is shown as the texts and
components that it contains, so no text is lost. A model's text can never control the terminal: control
characters are removed, and nothing is interpreted as markup.

https://docs.thesys.dev · https://rich.readthedocs.io/en/stable/protocol.html
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from rich import box
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from c1fn.local.terminal.bars import Bars
from c1fn.local.terminal.choices import Choice, Choices, button
from c1fn.local.terminal.forms import Field, form_fields
from c1fn.local.terminal.paragraphs import Paragraphs
from c1fn.local.terminal.parts import Component, children, props

DEPTH = 20
"""Components within components that are followed: more than a person could make out."""

LONG = 20_000
"""Characters of one paragraph from which it is no Markdown: what takes seconds to read was never a text."""

Props = dict[str, Any]
Shown = Iterator[RenderableType]


def render(component: Component, choices: Choices, depth: int = 0) -> Shown:
    """What shows a component, from top to bottom.

    :param choices: of the answer so far. What can be chosen here is added, and shown with its number.
    """
    if depth > DEPTH:
        return
    kind, own = str(component.get("component", "")), props(component)
    if kind.endswith(("ChartV2", "Chart")):
        yield from _chart(own)
    elif kind in _ACTIVE:
        yield from _ACTIVE[kind](own, choices)
    elif kind in _KINDS:
        yield from _KINDS[kind](own)
    else:
        yield from _whatever(own, choices, depth)


def clean(value: object) -> str:
    """Text without what a terminal would obey."""
    text = value if isinstance(value, str) else "" if value is None else str(value)
    return _COMMANDS.sub("", text)


_COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""All control characters but tab and newline, those that turn the direction of writing, and halves."""


def _text(own: Props) -> Shown:
    text = clean(own.get("textMarkdown"))
    yield Paragraphs(text) if len(text) < LONG else Text(text)


def _heading(own: Props) -> Shown:
    yield Text(clean(own.get("title") or own.get("heading")), "bold underline")
    if own.get("subtitle") or own.get("description"):
        yield Text(clean(own.get("subtitle") or own.get("description")), "dim")


def _callout(own: Props) -> Shown:
    style = _STYLES.get(str(own.get("variant")), "bold")
    yield Text(clean(own.get("title")), style)
    if own.get("description"):
        yield Text(clean(own["description"]), style.removeprefix("bold "))


_STYLES = {"danger": "bold red", "warning": "bold yellow", "success": "bold green"}


def _table(own: Props) -> Shown:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    heads, rows = _rows(own.get("tableHeader")), _rows(own.get("tableBody"))
    for head in heads[0] if heads else []:
        table.add_column(Text(_cell(head)))
    for row in rows:
        table.add_row(*(Text(_cell(cell)) for cell in row))
    yield table


def _rows(part: object) -> list[list[object]]:
    rows = children(part.get("rows")) if isinstance(part, dict) else []
    cells = [row.get("children") for row in rows]
    if cells and not any(isinstance(cell, list) for cell in cells):
        return [cells]  # a header: each cell is a row of its own
    return [row for row in cells if isinstance(row, list)]


def _cell(value: object) -> str:
    """A cell's text, also of a component in it."""
    if isinstance(value, dict):
        inner = props(value) or value
        return next((clean(inner[name]) for name in _TEXTS if isinstance(inner.get(name), str)), "")
    return clean(value)


def _chart(own: Props) -> Shown:
    chart = own.get("chartData")
    own = chart if isinstance(chart, dict) else own
    yield from (part for header in children(own.get("header")) for part in _heading(props(header)))
    yield Bars(list(_bars(own.get("data"))))


def _bars(data: object) -> Iterator[tuple[str, str, float]]:
    """Label, series and value, from a chart of series or from one of slices or points."""
    if isinstance(data, dict):
        several = children(data.get("series"))
        for at, label in enumerate(data.get("labels") or []):
            for series in several:
                values = series.get("values") or []
                if at < len(values) and _is_number(values[at]):
                    yield clean(label), clean(series.get("category")) if len(several) > 1 else "", values[at]
    for slice_ in children(data) if isinstance(data, list) else []:
        numbers = [value for value in slice_.values() if _is_number(value)]
        names = [value for value in slice_.values() if isinstance(value, str)]
        if numbers:
            yield clean(names[0] if names else ""), "", numbers[-1]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")


def _form(own: Props, choices: Choices) -> Shown:
    fields = tuple(form_fields(own))
    table = Table.grid(padding=(0, 1))
    for field in fields:
        hint = clean(field.hint or " / ".join(option.label for option in field.options))
        label = f"{clean(field.label or field.name)}{' *' if field.required else ''}"
        table.add_row(Text(label, "bold"), Text(f"[ {hint or '…'} ]", "dim"))
    yield table
    form = own.get("name") if isinstance(own.get("name"), str) else "form"
    for group in children(own.get("buttons")):
        yield from _buttons(props(group), choices, str(form), fields)


def _buttons(own: Props, choices: Choices, form: str = "", fields: tuple[Field, ...] = ()) -> Shown:
    words = []
    for pressed in map(props, children(own.get("children"))):
        choice = button(pressed, form, fields)
        if choice is None:
            words.append(f"[{clean(pressed.get('children'))}] {clean(_address(pressed))}".strip())
        elif choice.label:
            choices.append(choice)
            words.append(f"{len(choices)}. [{clean(choice.label)}]")
    yield Text("  ".join(words), "bold")


def _address(own: Props) -> object:
    """Where a button that opens a page leads."""
    action = own.get("action")
    inner = action.get("props") if isinstance(action, dict) else None
    return inner.get("url") if isinstance(inner, dict) else None


def _offers(own: Props, choices: Choices) -> Shown:
    for text in _texts(own.get("followUpText")):
        choices.append(Choice(text))
        yield Text(f"{len(choices)}. {text}")


def _texts(value: object) -> list[str]:
    return [clean(text) for text in value if isinstance(text, str)] if isinstance(value, list) else []


def _code(own: Props) -> Shown:
    yield Padding(Text(clean(own.get("codeString") or own.get("code")), "cyan"), (0, 0, 0, 2))


def _image(own: Props) -> Shown:
    yield Text(f"[image: {clean(own.get('alt') or own.get('src'))}]", "dim")


def _whatever(own: Props, choices: Choices, depth: int) -> Shown:
    """The texts, then the components, that a component holds."""
    for name in _TEXTS:
        if isinstance(own.get(name), str):
            yield Paragraphs(clean(own[name]))
    for value in own.values():
        for child in children(value):
            if "component" in child:
                yield from render(child, choices, depth + 1)
            else:
                yield from (Padding(part, (0, 0, 0, 2)) for part in _whatever(child, choices, depth + 1))


_TEXTS = (
    *("title", "heading", "label", "trigger", "triggerText", "primary", "name", "subtitle", "secondary"),
    *("tertiary", "textMarkdown", "text", "description", "details", "children", "value", "subtext"),
)

_KINDS: dict[str, Callable[[Props], Shown]] = {
    "TextContent": _text,
    "Header": _heading,
    "InlineHeader": _heading,
    "Callout": _callout,
    "CalloutV2": _callout,
    "Table": _table,
    "CodeBlock": _code,
    "Image": _image,
}

_ACTIVE: dict[str, Callable[[Props, Choices], Shown]] = {
    "Form": _form,
    "ButtonGroup": _buttons,
    "Button": lambda own, choices: _buttons({"children": [{"props": own}]}, choices),
    "FollowUpBlock": _offers,
}
"""What a person can choose from."""
