"""The question that a waiting turn asks, in C1's components, and the prompt that its buttons send.

The official client sends a button's name in the prompt's context (docs/clients.md). The name has the turn's
responseId, which the model never sees: so no text of a model can make a button that approves its call.
"""

import json
import re
from collections.abc import Iterator, Sequence

from c1fn.turn import HasTool, Resume, ToolCall, Turn, is_blank, unescaped

SHOWN = 20_000
"""Characters of a call's arguments that are shown: more than anybody reads, and a page can show them."""

APPROVE, REFUSE = "c1fn:approve:", "c1fn:refuse:"
"""How the names of the buttons begin, before the turn's responseId."""

_ELSEWHERE = {
    "title": "Waiting for the app that you asked",
    "subtitle": "It does this, and sends what came of it. A message from here goes on without it.",
}

_PRESSED = re.compile(rf"User clicked on Button: ({APPROVE}|{REFUSE})(.+)", re.DOTALL)

_CONTEXT = re.compile(r"<context>(.*?)</context>\s*$", re.DOTALL)


def question(turn: Turn, has_tool: HasTool) -> list[object]:
    """What is asked while the turn can be resumed; and what waits for another client, which nobody can answer
    here.
    """
    ours, others = _parted(turn, has_tool)
    header = _component("Header", title="May this be done?", subtitle="Nothing is done until you choose.")
    asked = [header, *_calls(ours), _buttons(turn.response_id, len(ours))] if ours else []
    return [*asked, *([_component("Header", **_ELSEWHERE), *_calls(others)] if others else [])]


def asked(turn: Turn, has_tool: HasTool) -> list[object]:
    """What was asked, once it can be answered no more. The message after it tells what was chosen."""
    told = zip(("This was asked", "An app was asked to do this"), _parted(turn, has_tool), strict=True)
    return [
        part for title, calls in told if calls for part in (_component("Header", title=title), *_calls(calls))
    ]


def _parted(turn: Turn, has_tool: HasTool) -> tuple[list[ToolCall], list[ToolCall]]:
    """The calls that a person may approve, and those that the client makes that brought their tool."""
    calls = turn.pending
    return [c for c in calls if has_tool(c.name)], [c for c in calls if not has_tool(c.name)]


def _buttons(response_id: str, calls: int) -> object:
    several = " all" if calls > 1 else ""
    buttons = [
        _button(f"Approve{several}", APPROVE + response_id, "primary"),
        _button(f"Refuse{several}", REFUSE + response_id, "secondary"),
    ]
    return _component("ButtonGroup", children=buttons)


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
