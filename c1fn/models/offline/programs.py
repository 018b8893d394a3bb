"""Writes an answer of the offline model in OpenUI Lang, with the components of OpenUI's chat library.

https://openui.com/docs/openui-lang/specification-v05
"""

import json
from collections.abc import Iterator, Sequence
from typing import assert_never

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


def program(messages: Sequence[Message]) -> str:
    """The answer to a history: first what the card holds, then each of these, so that it appears at once."""
    parts = answer(messages)
    names = [f"part{number}" for number in range(1, len(parts) + 1)]
    lines = [f"root = Card([{', '.join(names)}])"]
    for name, part in zip(names, parts, strict=True):
        lines += _statements(name, part)
    return "\n".join(lines) + "\n"


def _statements(name: str, part: Part) -> Iterator[str]:
    """The statement of this name, and those that it needs."""
    match part:
        case Heading(title, subtitle):
            yield f"{name} = {_call('CardHeader', title, subtitle)}"
        case Words(markdown):
            yield f"{name} = {_call('TextContent', markdown)}"
        case Chart():
            yield f"{name} = {_chart(part)}"
        case Grid(heads, rows):
            columns = [_call("Col", head, [row[at] for row in rows]) for at, head in enumerate(heads)]
            yield f"{name} = Table([{', '.join(columns)}])"
        case Form():
            yield from _form(name, part)
        case Buttons(labels):
            yield f"{name} = Buttons([{', '.join(_call('Button', label) for label in labels)}])"
        case FollowUps(texts):
            yield f"{name} = FollowUpBlock([{', '.join(_call('FollowUpItem', text) for text in texts)}])"
        case _:
            assert_never(part)


def _chart(chart: Chart) -> str:
    labels = list(chart.labels)
    if chart.kind in OF_ONE_SERIES:
        return _call(f"{chart.kind}Chart", labels, list(next(iter(chart.series.values()))))
    series = ", ".join(_call("Series", name, list(values)) for name, values in chart.series.items())
    return f"{chart.kind}Chart({_literal(labels)}, [{series}])"


def _form(name: str, form: Form) -> Iterator[str]:
    names = [f"{name}_{field.name}" for field in form.fields]
    buttons = f"Buttons([{_call('Button', form.submit)}])"
    yield f"{name} = Form({_literal(form.name)}, {buttons}, [{', '.join(names)}])"
    for each, field in zip(names, form.fields, strict=True):
        yield f"{each} = FormControl({_literal(field.label)}, {_field(field)})"


def _field(field: Field) -> str:
    rules = _literal({"required": True} if field.required else None)
    choices = f"[{', '.join(_choice(field.kind, choice) for choice in field.choices)}]"
    name, hint = _literal(field.name), _literal(field.hint)
    least, most = field.limits
    return {
        "Input": f'Input({name}, {hint}, "text", {rules})',
        "TextArea": f"TextArea({name}, {hint}, 4, {rules})",
        "Select": f"Select({name}, {choices}, {hint}, {rules})",
        "RadioGroup": f"RadioGroup({name}, {choices}, null, {rules})",
        "CheckBoxGroup": f"CheckBoxGroup({name}, {choices}, {rules})",
        "DatePicker": f'DatePicker({name}, "single", {rules})',
        "Slider": f'Slider({name}, "discrete", {least}, {most}, 1, [{least}])',
    }[field.kind]


def _choice(kind: str, choice: Choice) -> str:
    match kind:
        case "Select":
            return _call("SelectItem", choice.value, choice.label)
        case "RadioGroup":
            return _call("RadioItem", choice.label, "", choice.value)
        case _:
            return _call("CheckBoxItem", choice.label, "", choice.value)


def _call(component: str, *arguments: object) -> str:
    return f"{component}({', '.join(map(_literal, arguments))})"


def _literal(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
