"""What an answer lets a person choose: follow-ups, buttons, and forms that are filled in field by field.

A choice becomes the prompt that the official client sends for it (docs/clients.md): the words of the button,
then, as its context, what was pressed and the values of the form.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from html import escape
from typing import Any

from c1fn.local.terminal.answer import Component, children, props


@dataclass(frozen=True, slots=True)
class Option:
    """One of the values of a field: what the person reads, and what is sent."""

    label: str
    value: str
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form. ``kind`` is its component, for example ``Input``."""

    kind: str
    name: str
    label: str
    hint: str = ""
    required: bool = False
    options: tuple[Option, ...] = ()
    default: str = ""

    @property
    def question(self) -> str:
        """What stands before the place where the person types."""
        told = self.label or self.name
        listed = ", ".join(f"{number} {option.label}" for number, option in enumerate(self.options, 1))
        hint = listed or self.hint
        default = ",".join(str(n) for n, option in enumerate(self.options, 1) if option.chosen)
        default = default or self.default
        return (
            f"{told}{' *' if self.required else ''}"
            f"{f' ({hint})' if hint else ''}{f' [{default}]' if default else ''}: "
        )

    def values(self, typed: str) -> dict[str, object]:
        """The values by their names, as the form's context has them. Nothing typed takes the default.

        :raises ValueError: this cannot be the field's value; the message tells why.
        """
        typed = typed.strip()
        if self.kind in _SEVERAL:
            chosen = self._several(typed)
            item = _SEVERAL[self.kind]
            return {option.value: _value(option in chosen, item) for option in self.options}
        value = self._one(typed) if self.options else _read(self.kind, typed or self.default)
        if self.required and value in ("", None):
            raise ValueError("This field is required.")
        return {} if value in ("", None) else {self.name: _value(value, self.kind)}

    def _one(self, typed: str) -> str:
        if not typed:
            return next((option.value for option in self.options if option.chosen), "")
        return self._option(typed).value

    def _several(self, typed: str) -> list[Option]:
        if not typed:
            chosen = [option for option in self.options if option.chosen]
        else:
            chosen = [self._option(part.strip()) for part in typed.split(",")]
        if self.required and not chosen:
            raise ValueError("Choose at least one.")
        return chosen

    def _option(self, typed: str) -> Option:
        """By its number, or by its words."""
        for number, option in enumerate(self.options, 1):
            if typed == str(number) or typed.casefold() in (option.label.casefold(), option.value.casefold()):
                return option
        raise ValueError(f"Type a number from 1 to {len(self.options)}, or the words of an option.")


@dataclass(frozen=True, slots=True)
class Choice:
    """Something to press. A follow-up has only its words; a button also its name, and maybe its form."""

    label: str
    button: str | None = None
    form: str = ""
    fields: tuple[Field, ...] = ()

    def prompt(self, values: dict[str, object]) -> str:
        """What is sent. :param values: of the form's fields, by name."""
        if self.button is None:
            return self.label
        told = f"User clicked on Button: {self.button}"
        context = json.dumps([told, [{self.form: values}] if self.form else {}], ensure_ascii=False)
        return f'<content thesys="true">{escape(self.label)}</content><context>{escape(context)}</context>'


Choices = list[Choice]
"""Of one answer, in the order of their numbers."""


def button(own: dict[str, Any], form: str = "", fields: Iterable[Field] = ()) -> Choice | None:
    """The choice of a button; None if it only opens an address. As in the official client a form's values go
    with the button that submits it.
    """
    label, name = _text(own.get("children")), _text(own.get("name"))
    action = own.get("action")
    if isinstance(action, dict) and action.get("type") == "open_url":
        return None
    submits = form and "submit" in (name or label).lower()
    return Choice(label or name, name or label, form if submits else "", tuple(fields) if submits else ())


def form_fields(own: dict[str, Any]) -> Iterator[Field]:
    """The fields of a form, in order. :param own: the properties of the form."""
    for control in children(own.get("children")):
        inner = props(control) if control.get("component") == "FormControl" else control
        for component in children(inner.get("children")):
            found = _field(component, _text(inner.get("label")), _text(inner.get("hint")))
            if found.name or found.options:
                yield found


def _field(component: Component, label: str, hint: str) -> Field:
    kind, own = str(component.get("component", "")), props(component)
    rules = own.get("rules")
    return Field(
        kind,
        _text(own.get("name")),
        label,
        _text(own.get("placeholder")) or hint,
        isinstance(rules, dict) and bool(rules.get("required")),
        tuple(_options(own, several=kind in _SEVERAL)),
        _default(own),
    )


def _options(own: dict[str, Any], *, several: bool) -> Iterator[Option]:
    for item in children(own.get("children")) or children(own.get("items")):
        told = props(item) or item
        value = _text(told.get("name" if several else "value"))
        label = _text(told.get("label")) or _text(told.get("children")) or value
        if value:
            yield Option(label, value, told.get("defaultChecked") is True or value == own.get("defaultValue"))


def _default(own: dict[str, Any]) -> str:
    value = own.get("defaultValue", own.get("singleDefaultDate", own.get("defaultDate")))
    first = value[0] if isinstance(value, list) and value else value
    return str(first) if isinstance(first, str | int | float) and not isinstance(first, bool) else ""


def _read(kind: str, typed: str) -> object:
    """What is typed, as this kind of field sends it: a slider a list of numbers, a date as YYYY-MM-DD."""
    if not typed:
        return ""
    if kind == "Slider":
        try:
            number = float(typed)
        except ValueError:
            raise ValueError("Type a number.") from None
        return [int(number) if number.is_integer() else number]
    if kind == "DatePicker":
        try:
            return ",".join(str(date.fromisoformat(day.strip())) for day in typed.split(","))
        except ValueError:
            raise ValueError("Type a date as YYYY-MM-DD.") from None
    return typed


def _value(value: object, kind: str) -> dict[str, object]:
    return {"value": value, "componentType": kind}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


_SEVERAL = {
    "CheckBoxGroup": "CheckBoxItem",
    "SwitchGroup": "SwitchItem",
}
"""Fields that are several values, each under a name of its own, and what each of them is."""
