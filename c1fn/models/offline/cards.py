"""Writes an answer of the offline model in C1's form. https://docs.thesys.dev"""

import json
from collections.abc import Sequence
from html import escape
from typing import Any, assert_never

from c1fn.models.offline.answers import OF_ONE_SERIES, answer
from c1fn.models.offline.parts import (
    Buttons,
    Chart,
    Choice,
    Field,
    FollowUps,
    Form,
    Grid,
    Heading,
    Part,
    Words,
)
from c1fn.turn import Message

Component = dict[str, Any]


def card(messages: Sequence[Message]) -> str:
    """The answer to a history. Its last message is a prompt or a tool's result."""
    children = [_shown(part) for part in answer(messages)]
    document = {"component": _component("Card", children=children), "error": None}
    return f'<content thesys="true">{escape(json.dumps(document, ensure_ascii=False))}</content>'


def _shown(part: Part) -> Component:
    shown: Component
    match part:
        case Heading(title, subtitle):
            shown = _component("Header", title=title, subtitle=subtitle)
        case Words(markdown):
            shown = _component("TextContent", textMarkdown=markdown)
        case Chart():
            shown = _chart(part)
        case Grid(heads, rows):
            shown = _grid(heads, rows)
        case Form():
            shown = _form(part)
        case Buttons(labels):
            shown = _buttons(dict.fromkeys(labels, "chart"))
        case FollowUps(texts):
            shown = _component("FollowUpBlock", followUpText=list(texts))
        case _:
            assert_never(part)
    return shown


def _chart(chart: Chart) -> Component:
    header = _component("InlineHeader", heading=chart.heading)
    if chart.kind in OF_ONE_SERIES:
        values = next(iter(chart.series.values()))
        slices = [
            {"category": label, "value": value} for label, value in zip(chart.labels, values, strict=True)
        ]
        return _component(f"{chart.kind}ChartV2", chartData={"header": header, "data": slices})
    series = [{"category": name, "values": list(values)} for name, values in chart.series.items()]
    data = {"labels": list(chart.labels), "series": series}
    return _component(f"{chart.kind}ChartV2", chartData={"header": header, "data": data})


def _grid(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Component:
    return _component(
        "Table",
        tableHeader={"rows": [{"children": name, "type": "string"} for name in heads]},
        tableBody={"rows": [{"children": list(row)} for row in rows]},
    )


def _form(form: Form) -> Component:
    children = [{"label": field.label, "children": _field(field)} for field in form.fields]
    return _component("Form", name=form.name, children=children, buttons=_buttons({form.submit: "submit"}))


def _field(field: Field) -> Component:
    own: dict[str, Any] = {"name": field.name}
    if field.hint:
        own["placeholder"] = field.hint
    if field.required:
        own["rules"] = {"required": True}
    if field.choices:
        own["children"] = [_choice(field.kind, choice) for choice in field.choices]
    if field.kind == "TextArea":
        own["rows"] = 4
    if field.kind == "Slider":
        least, most = field.limits
        own |= {"variant": "discrete", "min": least, "max": most, "step": 1, "defaultValue": [least]}
    return _component(field.kind, **own)


def _choice(kind: str, choice: Choice) -> Component:
    match kind:
        case "Select":
            return _component("SelectItem", value=choice.value, children=choice.label)
        case "RadioGroup":
            return _component("RadioItem", value=choice.value, label=choice.label)
        case _:
            return _component("CheckBoxItem", name=choice.value, label=choice.label)


def _buttons(buttons: dict[str, str]) -> Component:
    """A row of buttons, each with its name, that send their words."""
    action = {"type": "continue_conversation", "props": {}}
    children = [
        _component("Button", children=words, name=name, variant="primary", action=action)
        for words, name in buttons.items()
    ]
    return _component("ButtonGroup", children=children)


def _component(kind: str, /, **props: object) -> Component:
    return {"component": kind, "props": props}
