"""Components, as an answer names them: what everything that reads or shows them has in common."""

from typing import Any

Component = dict[str, Any]
"""A component of C1: its kind as `component`, its properties as `props`."""


def props(component: Component) -> Component:
    """A component's properties, whatever the model made of them."""
    found = component.get("props")
    return found if isinstance(found, dict) else {}


def children(value: object) -> list[Component]:
    """The components in a property that has one or several."""
    several = value if isinstance(value, list) else [value]
    return [child for child in several if isinstance(child, dict)]


def markdown(text: str) -> Component:
    """A text as C1 has it in a card."""
    return {"component": "TextContent", "props": {"textMarkdown": text}}
