"""Encodes events as the bytes for the client.

The official client reads raw UTF-8 text: the model's unchanged deltas, in pieces of any size. Its behaviour
with c1fn's additions was observed on four of its versions (docs/clients.md):

* a think item before the content shows progress; after the content has begun it would break it;
* `<!-- -->` before the content changes nothing, so it keeps an idle connection open;
* a second, complete `<content>` replaces a partial answer, so an error during the answer becomes visible;
* text that is not in C1's form is an error to it. So an answer that begins like text is sent as a card
  that grows: the card's beginning, each delta escaped as JSON and then as HTML, and the card's end. Should
  C1's form come after it, the card is ended, and what comes takes its place.
"""

import json
import re
from collections.abc import Iterable
from enum import Enum, auto
from typing import assert_never

from c1fn.errors import C1fnError
from c1fn.events import Called, Delta, Event, Failed, Finished, Returned, Working
from c1fn.turn import HasTool, Turn, any_tool, escaped

KEEP_ALIVE = b"<!-- -->"

HEADERS = {
    "content-type": "text/event-stream",
    "cache-control": "no-cache, no-transform, no-store",
}
"""What the C1 quickstart sends, and that no cache keeps it; `Connection` is for the server that owns the
connection."""

_TAGS = ("<content", "<thinkitem", "<artifact", "<custommarkdown")
"""How an answer in C1's form begins."""

_CONTENT = "<content thesys="
"""What the form has in any case; text that has it is C1's from there on."""

_TAG = re.compile(rf"({'|'.join(_TAGS)})[\s/>]")

_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Form(Enum):
    """What an answer is, by its beginning."""

    UNDECIDED = auto()  # it may still begin like one of _TAGS
    C1 = auto()  # sent as it is
    TEXT = auto()  # plain text or Markdown: sent as a card


class Wire:
    """One answer's encoder: it knows whether the content has begun.

    :param cards: put an answer that is not in C1's form into a card; else every answer is sent as it is.
    :param counted: the client asks for the rest by the number of bytes that it has, so once the answer has
        begun there is nothing but the answer.
    :param has_tool: tells which pending calls can be approved.
    """

    def __init__(self, *, cards: bool = False, counted: bool = False, has_tool: HasTool = any_tool) -> None:
        self._has_tool = has_tool
        self._counted = counted
        self._begun = False
        self._form = Form.UNDECIDED if cards else Form.C1
        self._held = ""  # what may be the first part of a tag

    def encode(self, events: Iterable[Event]) -> bytes:
        """The bytes of these events, joined: a burst leaves in one piece."""
        return "".join(map(self._text, events)).encode("utf-8", "replace")

    def keep_alive(self) -> bytes:
        """Something to send in a silence; nothing within C1's content, where it could cut an entity."""
        is_filled = self._form is Form.TEXT and not self._counted
        return KEEP_ALIVE if is_filled or not self._begun else b""

    def unfinished(self) -> bytes:
        """Nothing: a client that follows asks for what comes after its bytes."""
        return b""

    def _text(self, event: Event) -> str:
        match event:
            case Delta(text):
                self._begun = True
                return text if self._form is Form.C1 else self._in_form(text)
            case Called(calls):
                return "".join(self._progress(f"Using {call.name}") for call in calls)
            case Working(tool, progress):
                return self._progress(progress or f"Using {tool}")
            case Returned(_):
                return ""
            case Failed(error, _):
                return self._failed(error)
            case Finished(waiting=turn):
                return self.end(*(_question(turn, self._has_tool) if turn else ()))
        assert_never(event)

    def _progress(self, text: str) -> str:
        return "" if self._begun else think_item("Working", text)

    def _in_form(self, text: str) -> str:
        said, self._held = self._held + text, ""
        if self._form is Form.TEXT:
            return self._in_card(said)
        start = said.lstrip()
        blanks = said[: len(said) - len(start)]
        self._form = form_of(start)
        match self._form:
            case Form.UNDECIDED:
                self._held = start
                return blanks
            case Form.C1:
                return said
            case Form.TEXT:
                return blanks + _BEGINS + self._in_card(start)

    def _in_card(self, text: str) -> str:
        before, tag, after = text.partition(_CONTENT)
        if tag:  # what C1's models say after some text takes its place
            self._form = Form.C1
            return _in_string(before) + _ends() + tag + after
        at = text.rfind("<")
        if at >= 0 and _CONTENT.startswith(text[at:]):
            text, self._held = text[:at], text[at:]
        return _in_string(text)

    def end(self, *told: object) -> str:
        """The end of an answer, with components that are told below its text."""
        form, held = self._form, self._held
        self._held = ""
        if form is Form.TEXT:
            return _in_string(held) + _ends(*told)
        if held:  # all that was said, and no tag after all
            return _BEGINS + _in_string(held) + _ends(*told)
        return content(_card(*told)) if told else ""

    def _failed(self, error: C1fnError) -> str:
        if self._form is Form.TEXT:
            return self.end(_callout(error))
        held, self._held = self._held, ""
        return held + error_card(error)


def form_of(start: str) -> Form:
    """:param start: of an answer, from its first character that is no blank."""
    if _TAG.match(start):
        return Form.C1
    return Form.UNDECIDED if any(tag.startswith(start) for tag in _TAGS) else Form.TEXT


def whole(answer: str, error: C1fnError | None, *, cards: bool, told: Iterable[object] = ()) -> str:
    """A stored answer in one piece, as it was streamed to a client of this kind.

    :param told: components below its text.
    """
    wire = Wire(cards=cards)
    said: list[Event] = [Delta(answer)] if answer else []
    if error:
        return wire.encode([*said, Failed(error)]).decode()
    return wire.encode(said).decode() + wire.end(*told).encode("utf-8", "replace").decode()


def think_item(title: str, content: str) -> str:
    """Progress, shown until the content begins."""
    return (
        f'<thinkitem ephemeral="true"><thinkitemtitle>{escaped(title)}</thinkitemtitle>'
        f"<thinkitemcontent>{escaped(content)}</thinkitemcontent></thinkitem>"
    )


def error_card(error: C1fnError) -> str:
    """A C1 card that tells the error, complete in itself: it replaces whatever came before it."""
    return content(_card(_callout(error)))


def content(component: object) -> str:
    """A component as the client's first dialect writes it."""
    document = {"component": component, "error": None}
    return f'<content thesys="true">{escaped(_json(document))}</content>'


def _card(*children: object) -> object:
    return {"component": "Card", "props": {"children": children}}


def _callout(error: C1fnError) -> object:
    told = {"variant": "danger", "title": error.title, "description": str(error)}
    return {"component": "CalloutV2", "props": told}


# A card with one text, in the pieces in which it is streamed

_BEGINS, _, _ENDS = content(_card({"component": "TextContent", "props": {"textMarkdown": "TEXT"}})).partition(
    "TEXT"
)
_TEXT_ENDS = escaped('"}}')
_CARD_ENDS = _ENDS.removeprefix(_TEXT_ENDS)


def _in_string(text: str) -> str:
    """The text as a part of a JSON string in the content."""
    return escaped(_json(text)[1:-1])


def _ends(*told: object) -> str:
    """The end of the text and the card, with components below the text."""
    return _TEXT_ENDS + "".join(f",{escaped(_json(component))}" for component in told) + _CARD_ENDS


def _question(turn: Turn, has_tool: HasTool) -> list[object]:
    from c1fn.api.wires.question import question  # most processes never ask

    return question(turn, has_tool)
