"""The question that a waiting turn asks, in C1's components, and the prompt that its buttons send.

The official client sends a button's name in the prompt's context (docs/clients.md). The name has the turn's
responseId, which the model never sees: so no text of a model can make a button that approves its call.
"""

import json
import re
from collections.abc import Iterator, Sequence

from c1fn.turn import Resume, ToolCall, Turn, is_blank, unescaped

SHOWN = 20_000
"""Characters of a call's arguments that are shown: more than anybody reads, and a page can show them."""

APPROVE, REFUSE = "c1fn:approve:", "c1fn:refuse:"
"""How the names of the buttons begin, before the turn's responseId."""

_PRESSED = re.compile(rf"User clicked on Button: ({APPROVE}|{REFUSE})(.+)", re.DOTALL)

_CONTEXT = re.compile(r"<context>(.*?)</context>\s*$", re.DOTALL)


def question(turn: Turn) -> list[object]:
    """What is asked while the turn can be resumed."""
    several = " all" if len(turn.pending) > 1 else ""
    buttons = [
        _button(f"Approve{several}", APPROVE + turn.response_id, "primary"),
        _button(f"Refuse{several}", REFUSE + turn.response_id, "secondary"),
    ]
    header = _component("Header", title="May this be done?", subtitle="Nothing is done until you choose.")
    return [header, *_calls(turn.pending), _component("ButtonGroup", children=buttons)]


def asked(turn: Turn) -> list[object]:
    """What was asked, once it can be answered no more. The message after it tells what was chosen."""
    return [_component("Header", title="This was asked"), *_calls(turn.pending)]


def resume_of(prompt: str) -> Resume | None:
    """What a button of a question says, if one was pressed; the prompt is as the client sent it."""
    if not (found := _CONTEXT.search(prompt)):
        return None
    try:
        context = json.loads(unescaped(found[1]))
    except (ValueError, RecursionError):
        return None
    sentence = context[0] if isinstance(context, list) and context else None
    pressed = _PRESSED.fullmatch(sentence) if isinstance(sentence, str) else None
    return Resume(pressed[2], None if pressed[1] == APPROVE else ()) if pressed else None


def _calls(calls: Sequence[ToolCall]) -> Iterator[object]:
    """Each call with its arguments, in blocks of code. All else is Markdown to the client, in tables too: a
    model could hide a part of a text, show another address than it has, or let the page load a picture.
    """
    for call in calls:
        name = _visible(call.name).replace("`", "'")
        yield _component("InlineHeader", heading=f"`{name}`")
        yield _component("TextContent", textMarkdown=_code(_arguments(call.arguments)))


def _arguments(text: str) -> str:
    """The arguments as JSON; of two with one name the last, which is the one that the tool gets."""
    try:
        given = json.loads(text or "{}")
    except (ValueError, RecursionError):
        given = text
    return json.dumps(given, ensure_ascii=False, indent=2)


def _code(text: str) -> str:
    """A block of code, which nothing in the text can end."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{_visible(text)}\n{fence}"


def _visible(text: str) -> str:
    """Text with its invisible characters as their numbers: some of them change how the others are read."""
    more = f"\n… and {len(text) - SHOWN} more characters" if len(text) > SHOWN else ""
    return "".join(char if _is_seen(char) else _number(char) for char in text[:SHOWN]) + more


def _number(char: str) -> str:
    return f"\\u{ord(char):04x}" if char <= "\uffff" else f"\\u{{{ord(char):x}}}"


def _is_seen(char: str) -> bool:
    return char == "\n" or (char.isprintable() and not is_blank(char))


def _button(words: str, name: str, variant: str) -> object:
    action = {"type": "continue_conversation", "props": {}}
    return _component("Button", children=words, name=name, variant=variant, action=action)


def _component(kind: str, /, **props: object) -> object:
    return {"component": kind, "props": props}
