"""A form in the terminal: its fields, asked for one by one, and their values as the official client sends
them.

https://docs.thesys.dev · docs/clients.md
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from math import isfinite
from typing import Any

from c1fn.local.terminal.parts import Component, children, props


@dataclass(frozen=True, slots=True)
class Option:
    """One of the values of a field: what the person reads, and what is sent."""

    label: str
    value: str
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form. ``kind`` is its component, for example ``Input``; ``limits`` has a slider."""

    kind: str
    name: str
    label: str
    hint: str = ""
    required: bool = False
    options: tuple[Option, ...] = ()
    default: str = ""
    limits: tuple[float, float] | None = None

    @property
    def question(self) -> str:
        """What stands before the place where the person types."""
        told = self.label or self.name
        listed = ", ".join(f"{number}. {option.label}" for number, option in enumerate(self.options, 1))
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
        if self.kind in SEVERAL:
            chosen = self._several(typed)
            item = SEVERAL[self.kind]
            return {option.value: _value(option in chosen, item) for option in self.options}
        value = self._one(typed) if self.options else _read(self.kind, typed or self.default, self.limits)
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


def filled(
    fields: Iterable[Field], read: Callable[[str], str], note: Callable[[str], None]
) -> dict[str, object]:
    """The values of a form by name, each asked for until it can be one.

    :param read: asks a question and returns what was typed; what it raises leaves the form.
    :param note: tells why something cannot be the field's value.
    """
    values: dict[str, object] = {}
    for field in fields:
        values |= _value_of(field, read, note)
    return values


def _value_of(field: Field, read: Callable[[str], str], note: Callable[[str], None]) -> dict[str, object]:
    while True:
        try:
            return field.values(read(field.question))
        except ValueError as error:
            note(str(error))


def form_fields(own: dict[str, Any]) -> Iterator[Field]:
    """The fields of a form, in order. :param own: the properties of the form."""
    for control in children(own.get("children")):
        inner = props(control) if control.get("component") == "FormControl" else control
        for component in children(inner.get("children")):
            found = _field(component, text_of(inner.get("label")), text_of(inner.get("hint")))
            if found.name or found.options:
                yield found


def _field(component: Component, label: str, hint: str) -> Field:
    kind, own = str(component.get("component", "")), props(component)
    rules = own.get("rules")
    limits = _limits(own) if kind == "Slider" else None
    return Field(
        kind,
        text_of(own.get("name")),
        label,
        text_of(own.get("placeholder")) or hint or _form_of(kind, limits),
        isinstance(rules, dict) and bool(rules.get("required")),
        tuple(_options(own, several=kind in SEVERAL)),
        _default(own),
        limits,
    )


def _limits(own: dict[str, Any]) -> tuple[float, float] | None:
    match own:
        case {"min": int() | float() as least, "max": int() | float() as most} if least <= most:
            return least, most
    return None


def _form_of(kind: str, limits: tuple[float, float] | None) -> str:
    """What can be typed, where the form itself does not tell."""
    if limits:
        return "{:g} to {:g}".format(*limits)
    return "YYYY-MM-DD" if kind == "DatePicker" else ""


def _options(own: dict[str, Any], *, several: bool) -> Iterator[Option]:
    for item in children(own.get("children")) or children(own.get("items")):
        told = props(item) or item
        value = text_of(told.get("name" if several else "value"))
        label = text_of(told.get("label")) or text_of(told.get("children")) or value
        if value:
            yield Option(label, value, told.get("defaultChecked") is True or value == own.get("defaultValue"))


def _default(own: dict[str, Any]) -> str:
    value = own.get("defaultValue", own.get("singleDefaultDate", own.get("defaultDate")))
    first = value[0] if isinstance(value, list) and value else value
    return str(first) if isinstance(first, str | int | float) and not isinstance(first, bool) else ""


def _read(kind: str, typed: str, limits: tuple[float, float] | None) -> object:
    """What is typed, as this kind of field sends it: a slider a list of numbers, a date as YYYY-MM-DD."""
    if not typed:
        return ""
    if kind == "Slider":
        told = f"Type a number{' from {:g} to {:g}'.format(*limits) if limits else ''}."
        try:
            number = float(typed)
        except ValueError:
            raise ValueError(told) from None
        if not (limits[0] <= number <= limits[1] if limits else isfinite(number)):
            raise ValueError(told)
        return [int(number) if number.is_integer() else number]
    if kind == "DatePicker":
        try:
            return ",".join(str(date.fromisoformat(day.strip())) for day in typed.split(","))
        except ValueError:
            raise ValueError("Type a date as YYYY-MM-DD.") from None
    return typed


def _value(value: object, kind: str) -> dict[str, object]:
    return {"value": value, "componentType": kind}


def text_of(value: object) -> str:
    """A property that should be text, whatever the model made of it."""
    return value if isinstance(value, str) else ""


SEVERAL = {
    "CheckBoxGroup": "CheckBoxItem",
    "SwitchGroup": "SwitchItem",
}
"""Fields that are several values, each under a name of its own, and what each of them is."""
