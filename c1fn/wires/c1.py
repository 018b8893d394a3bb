"""Events → the client's bytes.

The official client reads raw UTF-8 text, the model's deltas as they are, in any chunking. What it does with
the few additions of ours was observed on four of its versions (docs/client.md):

* a think item before the content shows progress; after the content has begun it would break it;
* `<!-- -->` before the content changes nothing, so it keeps an idle connection open;
* a second, complete `<content>` replaces a partial answer, so an error midway becomes visible.
"""

import json
from collections.abc import Iterable
from html import escape
from typing import assert_never

from c1fn.errors import C1fnError
from c1fn.events import Delta, Event, Failed, Finished, Working

KEEP_ALIVE = b"<!-- -->"

HEADERS = {
    "content-type": "text/event-stream",
    "cache-control": "no-cache, no-transform, no-store",
}
"""What the C1 quickstart sends, and that no cache keeps it; `Connection` is for the server that owns the
connection."""


class Wire:
    """One answer's encoder: it knows whether the content has begun."""

    def __init__(self) -> None:
        self._begun = False

    def encode(self, events: Iterable[Event]) -> bytes:
        """The bytes of these events, joined: a burst leaves in one piece."""
        return "".join(map(self._text, events)).encode("utf-8", "replace")

    def keep_alive(self) -> bytes:
        """Something to send in a silence; nothing once the content has begun."""
        return b"" if self._begun else KEEP_ALIVE

    def _text(self, event: Event) -> str:
        match event:
            case Delta(text):
                self._begun = True
                return text
            case Working(tool):
                return "" if self._begun else think_item("Working", f"Using {tool}")
            case Failed(error):
                return error_card(error)
            case Finished():
                return ""
        assert_never(event)


def think_item(title: str, content: str) -> str:
    """Progress, shown until the content begins."""
    return (
        f'<thinkitem ephemeral="true"><thinkitemtitle>{escape(title)}</thinkitemtitle>'
        f"<thinkitemcontent>{escape(content)}</thinkitemcontent></thinkitem>"
    )


def error_card(error: C1fnError) -> str:
    """A C1 card that tells the error, complete in itself: it replaces whatever came before it."""
    callout = {"variant": "danger", "title": error.title, "description": str(error)}
    return content(
        {"component": "Card", "props": {"children": [{"component": "CalloutV2", "props": callout}]}}
    )


def content(component: object) -> str:
    """A component as the client's first dialect writes it."""
    document = json.dumps({"component": component, "error": None}, ensure_ascii=False, separators=(",", ":"))
    return f'<content thesys="true">{escape(document)}</content>'
