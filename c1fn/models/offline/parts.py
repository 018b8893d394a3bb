"""What an answer of the offline model consists of, in neither of the two dialects."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Heading:
    """A card's title, with a line below it."""

    title: str
    subtitle: str


@dataclass(frozen=True, slots=True)
class Words:
    """Markdown."""

    markdown: str


@dataclass(frozen=True, slots=True)
class Chart:
    """``kind``: `Bar`, `Line`, `Area`, `Radar`, `Pie` or `Radial`. The last two have one series."""

    kind: str
    heading: str
    labels: tuple[str, ...]
    series: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table. All cells are text."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the values of a field."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Field:
    """``kind``: `Input`, `TextArea`, `Select`, `RadioGroup`, `CheckBoxGroup`, `DatePicker` or `Slider`."""

    kind: str
    name: str
    label: str
    hint: str = ""
    required: bool = False
    choices: tuple[Choice, ...] = ()
    limits: tuple[int, int] = (0, 10)


@dataclass(frozen=True, slots=True)
class Form:
    """Fields, and the button that sends them."""

    name: str
    fields: tuple[Field, ...]
    submit: str = "Submit"


@dataclass(frozen=True, slots=True)
class Buttons:
    """Each sends its words."""

    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FollowUps:
    """Prompts that a person may send next."""

    texts: tuple[str, ...]


Part = Heading | Words | Chart | Grid | Form | Buttons | FollowUps

Answer = tuple[Part, ...]
"""From top to bottom."""
