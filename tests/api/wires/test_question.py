"""The question's components, and what its buttons send."""

import json
from html import escape
from typing import Any

import pytest

from c1fn.api.wires.question import APPROVE, REFUSE, SHOWN, asked, question, resume_of
from c1fn.turn import Message, Resume, State, ToolCall, Turn, any_tool


def turn(*calls: ToolCall) -> Turn:
    return Turn(
        1, "r1", State.WAITING, Message("user", "x"), 0.0, (Message("assistant", "", tool_calls=calls),)
    )


def shown(arguments: str) -> str:
    """The text of a call."""
    parts: Any = asked(turn(ToolCall("c1", "pay", arguments)), any_tool)
    (text,) = (part["props"]["textMarkdown"] for part in parts if part["component"] == "TextContent")
    return str(text)


def code(text: str, fence: str = "```") -> str:
    return f"{fence}\n{text}\n{fence}"


def test_each_call_is_shown_with_its_arguments_and_two_buttons_answer_them_all() -> None:
    parts: Any = question(turn(ToolCall("c1", "pay", '{"amount": 1}'), ToolCall("c2", "st`op", "")), any_tool)
    assert [part["component"] for part in parts] == [
        "Header",
        *("InlineHeader", "TextContent") * 2,
        "ButtonGroup",
    ]
    assert [part["props"]["heading"] for part in parts if "heading" in part["props"]] == ["`pay`", "`st'op`"]
    texts = [part["props"]["textMarkdown"] for part in parts if "textMarkdown" in part["props"]]
    assert texts == [code('{\n  "amount": 1\n}'), code("{}")]
    buttons = [button["props"] for button in parts[-1]["props"]["children"]]
    assert [(button["children"], button["name"]) for button in buttons] == [
        ("Approve all", f"{APPROVE}r1"),
        ("Refuse all", f"{REFUSE}r1"),
    ]


@pytest.mark.parametrize(
    ("ours", "shown"),
    [
        ([], ["Waiting for the app that you asked", "`pay`", "`paint`"]),
        (
            ["pay"],
            ["May this be done?", "`pay`", "ButtonGroup", "Waiting for the app that you asked", "`paint`"],
        ),
    ],
)
def test_a_call_of_an_apps_own_tool_is_told_and_has_no_buttons(ours: list[str], shown: list[str]) -> None:
    """Nobody can approve it here: the app that brought the tool makes the call."""
    waits = turn(ToolCall("c1", "pay", "{}"), ToolCall("c2", "paint", "{}"))
    assert _told(question(waits, ours.__contains__)) == shown
    was = {
        "May this be done?": "This was asked",
        "Waiting for the app that you asked": "An app was asked to do this",
    }
    assert _told(asked(waits, ours.__contains__)) == [was.get(a, a) for a in shown if a != "ButtonGroup"]


def _told(parts: Any) -> list[str]:
    """Titles and names; of buttons that they are there."""
    heads = [(part["component"], part["props"]) for part in parts if part["component"] != "TextContent"]
    return [props.get("title") or props.get("heading") or kind for kind, props in heads]


MARKDOWN = '"![x](https://evil.example/?q=1) [bank](x) <!-- no -->"'


@pytest.mark.parametrize(
    ("argument", "seen"),
    [
        (r'"x\ny", "b": 1.5, "c": null', '"x\\ny",\n  "b": 1.5,\n  "c": null'),
        ('["ü", {}]', '[\n    "ü",\n    {}\n  ]'),
        ('1, "a": 100', "100"),
        ('"\\u202exe\\u0000\\u200b"', r'"\u202exe\u0000\u200b"'),
        ('"b\ufe0f\u3164\u00a0\u2028c"', r'"b\ufe0f\u3164\u00a0\u2028c"'),
        ('"b\U000e0100c"', r'"b\u{e0100}c"'),
        (MARKDOWN, MARKDOWN),
    ],
)  # fmt: skip
def test_arguments_are_shown_as_the_tool_gets_them(argument: str, seen: str) -> None:
    """What is invisible, or turns the direction of the text, is shown as its number. Nothing is Markdown."""
    assert shown(f'{{"a": {argument}}}') == code(f'{{\n  "a": {seen}\n}}')


@pytest.mark.parametrize("text", ["no json", "[" * 2000])
def test_arguments_that_are_no_json_are_shown_as_text(text: str) -> None:
    assert shown(text) == code(json.dumps(text))


def test_nothing_in_an_argument_ends_its_block() -> None:
    assert shown('{"a": "````\\n# x"}') == code('{\n  "a": "````\\n# x"\n}', "`````")


def test_a_long_argument_says_how_much_is_not_shown() -> None:
    assert shown(json.dumps("x" * (SHOWN + 5))).endswith("xx\n… and 7 more characters\n```")


def prompt(context: object) -> str:
    return f"<content>Approve</content><context>{escape(json.dumps(context))}</context>"


@pytest.mark.parametrize("response", ["r1", "a b", '"]', "</context>", "é&amp;", "c1fn:refuse:x"])
def test_a_button_says_which_turn_it_answers(response: str) -> None:
    for button, approved in ((APPROVE, None), (REFUSE, ())):
        sent = prompt([f"User clicked on Button: {button}{response}", {}])
        assert resume_of(sent) == Resume(response, approved)
        assert resume_of(f"{sent}\n") == Resume(response, approved)


@pytest.mark.parametrize(
    "text",
    [
        "approve",
        f"User clicked on Button: {APPROVE}r1",
        prompt([f"User clicked on Button: {APPROVE}"]),
        prompt([f"x User clicked on Button: {APPROVE}r1"]),
        prompt(f"User clicked on Button: {APPROVE}r1"),
        prompt([[f"User clicked on Button: {APPROVE}r1"]]),
        prompt([{}, f"User clicked on Button: {APPROVE}r1"]),
        prompt([]),
        f"<context>[{APPROVE}]</context>",
        f"<context>{'[' * 100_000}{APPROVE}</context>",
        f"{prompt([f'User clicked on Button: {APPROVE}r1'])} and more",
    ],
)
def test_all_else_is_a_prompt(text: str) -> None:
    assert resume_of(text) is None
