"""A form that was sent, as it is shown again: with the labels that it had for its fields and their values.

A prompt has the technical names alone (docs/clients.md); the labels stand in the answer that asked.
"""

from collections.abc import Iterable, Iterator

from c1fn.local.terminal.forms import SEVERAL, Field
from c1fn.turn import unescaped
from c1fn.turn.forms import fields_of, in_words


def sent(content: str, fields: Iterable[Field]) -> list[tuple[str, str]]:
    """The labels and the values of the form that a prompt sends; none, if it sends none.

    :param fields: of the forms before it; the newest are last. A field that none of them has keeps its name.
    """
    labels = _labels(fields)
    told = ((name, _words(value)) for name, value in _values(content))
    return [
        (labels.get((name, ""), name), ", ".join(labels.get((name, word), word) for word in words))
        for name, words in told
        if words
    ]


def _labels(fields: Iterable[Field]) -> dict[tuple[str, str], str]:
    """The words for a field, or for one of its values. Each box that is checked is sent as a field."""
    labels: dict[tuple[str, str], str] = {}
    for field in fields:
        labels[field.name, ""] = field.label or field.name
        for option in field.options:
            key = (option.value, "") if field.kind in SEVERAL else (field.name, option.value)
            labels[key] = option.label
    return labels


def _values(content: str) -> Iterator[tuple[str, object]]:
    _, _, context = content.rstrip().partition("<context>")
    return fields_of(unescaped(context.removesuffix("</context>")))


def _words(field: object) -> list[str]:
    """The words of a value; none, if it is empty. A slider's is a list, a date picker's has a mode."""
    value = field.get("value") if isinstance(field, dict) else None
    if isinstance(value, dict):
        value = value.get("date")
    several = value if isinstance(value, list) else [value]
    return [in_words(one) for one in several if isinstance(one, str | int | float) and one != ""]
