"""The question's components, and what its buttons send."""

import json
from html import escape
from typing import Any

import pytest

from c1fn.api.wires.question import APPROVE, REFUSE, SHOWN, asked, question, resume_of
from c1fn.turn import Message, Resume, State, ToolCall, Turn


def turn(*calls: ToolCall) -> Turn:
    return Turn(
        1, "r1", State.WAITING, Message("user", "x"), 0.0, (Message("assistant", "", tool_calls=calls),)
    )


def shown(arguments: str) -> list[list[str]]:
    """The rows of a call's table."""
    parts: Any = asked(turn(ToolCall("c1", "pay", arguments)))
    tables = [part["props"]["tableBody"]["rows"] for part in parts if part["component"] == "Table"]
    return [row["children"] for rows in tables for row in rows]


def test_each_call_is_shown_with_its_arguments_and_two_buttons_answer_them_all() -> None:
    parts: Any = question(turn(ToolCall("c1", "pay", '{"amount": 1}'), ToolCall("c2", "stop", "{}")))
    kinds = [part["component"] for part in parts]
    assert kinds == ["Header", "InlineHeader", "Table", "InlineHeader", "ButtonGroup"]
    assert [part["props"]["heading"] for part in parts if "heading" in part["props"]] == ["pay", "stop"]
    buttons = [button["props"] for button in parts[-1]["props"]["children"]]
    assert [(button["children"], button["name"]) for button in buttons] == [
        ("Approve all", f"{APPROVE}r1"),
        ("Refuse all", f"{REFUSE}r1"),
    ]


@pytest.mark.parametrize(
    ("arguments", "rows"),
    [
        ("{}", []),
        ("", []),
        ('{"a": "x\\ny", "b": 1.5, "c": null, "d": {"e": ["ü"]}}', [
            ["a", "x\\u000ay"], ["b", "1.5"], ["c", "null"], ["d", '{"e": ["ü"]}'],
        ]),
        ('{"amount": 1, "amount": 100}', [["amount", "100"]]),
        ('{"a": "\\u202exe\\u0000\\u200b"}', [["a", "\\u202exe\\u0000\\u200b"]]),
        ('{"a": "b\U000e0100\ufe0f\u3164\u00a0\u2028c"}', [["a", "b\\ue0100\\ufe0f\\u3164\\u00a0\\u2028c"]]),
        ("[1]", [["", "[1]"]]),
        ("no json", [["", "no json"]]),
    ],
)  # fmt: skip
def test_arguments_are_shown_as_the_tool_gets_them(arguments: str, rows: list[list[str]]) -> None:
    """What is invisible, or turns the direction of the text, is shown as its number."""
    assert shown(arguments) == rows


def test_a_long_argument_says_how_much_is_not_shown() -> None:
    ((_, value),) = shown(json.dumps({"a": "x" * (SHOWN + 7)}))
    assert value == "x" * SHOWN + " … and 7 more characters"


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
