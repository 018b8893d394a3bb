"""What an answer lets a person choose: follow-ups, buttons, and a form's buttons with its fields.

A choice becomes the prompt that the official client sends for it (docs/clients.md): the words of the button,
then, as its context, what was pressed and the values of the form.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Any

from c1fn.local.terminal.forms import Field, text_of


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
    label, name = text_of(own.get("children")), text_of(own.get("name"))
    action = own.get("action")
    if isinstance(action, dict) and action.get("type") == "open_url":
        return None
    submits = form and (own.get("submits") is True or "submit" in (name or label).lower())
    return Choice(label or name, name or label, form if submits else "", tuple(fields) if submits else ())
