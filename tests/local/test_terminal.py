"""The terminal's parts: answers read while they grow, components as text, the conversation, its endpoint."""

import hashlib
import hmac
import io
import json
import re
import sys
from collections.abc import Sequence
from html import escape, unescape
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Response
from rich.console import Console

from c1fn.api.app import build_app
from c1fn.api.wires.c1 import error_card, think_item
from c1fn.chat.converse import Chat
from c1fn.chat.rounds import Limits
from c1fn.chat.tools import Tools
from c1fn.errors import AnswerCut, Unauthorized
from c1fn.events import Delta
from c1fn.identity.callers import ANYBODY, Caller, Identify, Scope, anybody, by_key
from c1fn.local.terminal import converse
from c1fn.local.terminal.answer import Answer, read, words
from c1fn.local.terminal.cards import clean, render
from c1fn.local.terminal.choices import Choices
from c1fn.local.terminal.dialogue import Dialogue
from c1fn.local.terminal.endpoint import Endpoint, EndpointError, is_function_url
from c1fn.local.terminal.forms import form_fields
from c1fn.local.terminal.local import serving
from c1fn.local.terminal.screen import THEME, Readable, grown, plain
from c1fn.local.terminal.sent import sent
from c1fn.models.offline.cards import card
from c1fn.stores.memory import MemoryStore
from c1fn.telemetry.log import to_nobody
from c1fn.turn import Message
from tests.scripted import ScriptedModel, Step, says

LIMITS = Limits(history_turns=20, history_tokens=1000, max_answer=10_000, max_seconds=300, max_rounds=3)


def card_of(prompt: str) -> str:
    return card([Message("user", prompt)])


def c1(*components: dict[str, Any]) -> str:
    root = {"component": "Card", "props": {"children": list(components)}}
    return f'<content thesys="true">{escape(json.dumps({"component": root}))}</content>'


def shown(text: str) -> str:
    console, choices = Console(file=io.StringIO(), width=80), Choices()
    parts = (part for component in read(text, ended=True).settled for part in render(component, choices))
    return "\n".join(plain(console, part) for part in parts)


def test_nothing_has_a_background_of_its_own() -> None:
    """The terminal's may be light or dark."""
    told = (
        "`code` in a line\n\n```python\nx = 1  # a comment\n```\n\n> quoted\n\n# Title\n\n| a |\n|---|\n| b |"
    )
    answer = read(told, ended=True).settled + read(card_of("a form"), ended=True).settled
    console = Console(file=io.StringIO(), width=80, theme=THEME, force_terminal=True, color_system="standard")
    with console.capture() as shown:
        for component in answer:
            console.print(*render(component, Choices()))
    codes = {int(code) for run in re.findall(r"\x1b\[([\d;]+)m", shown.get()) for code in run.split(";")}
    assert codes & set(range(30, 38))
    assert not codes & {7, *range(40, 48), *range(100, 108)}


def test_a_chart_fits_a_narrow_terminal() -> None:
    """Its bars become shorter; figures and labels stay whole, as long as they can."""
    for width in (100, 80, 40, 20):
        console = Console(file=io.StringIO(), width=width)
        (chart,) = (
            part for part in read(card_of("a chart"), ended=True).settled if "chartData" in part["props"]
        )
        lines = "\n".join(plain(console, part) for part in render(chart, Choices())).splitlines()
        bars = [line for line in lines if "█" in line]
        assert len(bars) == 4
        assert max(map(len, bars)) <= width
        assert all(re.fullmatch(r"Q\d +█+ +\d+", bar) for bar in bars)
        assert max(bar.count("█") for bar in bars) == min(30, width - 8)


@pytest.mark.parametrize("prompt", ["a chart", "a table", "a form", "Ünï <b> & \\ * `"])
def test_what_is_settled_never_changes_wherever_the_stream_is_cut(prompt: str) -> None:
    whole = card_of(prompt)
    final, before = read(whole, ended=True).settled, 0
    for cut in range(len(whole)):
        settled = read(whole[:cut], ended=False).settled
        assert settled == final[: len(settled)]
        assert len(settled) >= before  # else it would be printed again
        before = len(settled)


def test_an_answer_appears_before_it_has_ended() -> None:
    whole = card_of("a table")
    assert len(read(whole[: len(whole) * 3 // 4], ended=False).settled) >= 2


def test_plain_markdown_is_settled_by_paragraphs_but_not_inside_code() -> None:
    assert len(read("one\n\ntwo\n\nthr", ended=False).settled) == 2
    assert len(read("```\na\n\nb\n```\n\nend", ended=True).settled) == 2


def test_code_keeps_its_blank_lines() -> None:
    code = "```\na\n\n\n    b\n```"
    assert [part["props"]["textMarkdown"] for part in read(code, ended=True).settled] == [code]


def test_one_blank_line_stands_between_two_parts_of_an_answer() -> None:
    """Also around a table, a list, a quotation, code and a rule, alone or below a line."""
    parts = [
        "text",
        "| a |\n|---|\n| b |",
        "text:\n| a |\n|---|\n| b |",
        "- a\n- b",
        "> q",
        "```\nx\n```",
        "---",
        "text:\n| a | |\n|---|---|\n| | b |\n| | |\n| c | |",
        "text:\n- a\n- <kbd>b</kbd>",
        "text:\n```\nx\n```\ntext",
        "end",
    ]
    told = "\n\n".join((*parts, *reversed(parts)))
    console = Console(file=io.StringIO(), width=80)
    blocks = [
        "\n".join(plain(console, part) for part in render(one, Choices()))
        for one in read(told, ended=True).settled
    ]
    assert len(blocks) == 2 * len(parts)
    for block in blocks:
        assert block == block.strip("\n")
        assert "\n\n\n" not in block
    (code,) = render(
        {"component": "TextContent", "props": {"textMarkdown": "text:\n```\na\n\n\nb\n```"}}, Choices()
    )
    assert plain(console, code).splitlines() == ["text:", "", " a", "", "", " b"]


def test_an_error_card_after_a_partial_answer_is_the_failure() -> None:
    text = card_of("a chart")[:300] + error_card(AnswerCut())
    answer = read(text, ended=True)
    assert answer.failure.startswith("The answer was cut off.")
    assert "The answer was cut off" in shown(text)
    assert read(card_of("x"), ended=True).failure == ""


def test_progress_is_told_until_there_is_content() -> None:
    think = "<!-- -->" + think_item("Working", "Using get_time")
    assert read(think, ended=False).working == "Using get_time"
    assert read(think + "Hello", ended=False).working == ""


@pytest.mark.parametrize(
    "body",
    ["{not json", "root = Card([x])", "[" * 100_000, "null", "[]", '{"component": 3}'],
)
def test_a_damaged_or_foreign_answer_is_shown_or_empty_never_a_traceback(body: str) -> None:
    for ended in (True, False):
        assert isinstance(read(f"<content>{escape(body)}</content>", ended=ended), Answer)
    assert isinstance(shown(f"<content>{escape(body)}</content>"), str)


@pytest.mark.parametrize("number", [f"&#{'9' * 5000};", f"&#x{'f' * 5000};"])
def test_a_character_without_an_end_is_no_traceback(number: str) -> None:
    assert "\ufffd" in shown(f"<content>{number}</content>")
    assert words(f"<content>{number}</content>") == "\ufffd"


def test_the_components_as_text() -> None:
    assert "Q1" in shown(card_of("a table"))
    assert re.search(r"Q1 +█+ +\d+", shown(card_of("a chart")))
    assert re.search(r"Your name \* +\[ Jane Doe \]", shown(card_of("a form")))
    assert "1. [Show another chart]" in shown(card_of("a chart"))
    assert "3. Show as a table" in shown(card_of("a chart"))
    pie = {"component": "PieChartV2", "props": {"chartData": {"data": [{"category": "A", "value": -2}]}}}
    assert "A" in shown(c1(pie))
    code = {"component": "CodeBlock", "props": {"language": "python", "codeString": "x = 1"}}
    assert "x = 1" in shown(c1(code))
    image = {"component": "Image", "props": {"src": "https://example.com/a.png", "alt": "A map"}}
    assert "[image: A map]" in shown(c1(image))


def test_an_unknown_component_shows_its_texts_and_what_is_inside() -> None:
    inner = {"component": "TextContent", "props": {"textMarkdown": "inside"}}
    odd = {"component": "Accordion", "props": {"items": [{"title": "First", "content": [inner]}]}}
    assert [line.strip() for line in shown(c1(odd)).split("\n") if line.strip()] == ["First", "inside"]


@pytest.mark.parametrize(
    "kind", ["Table", "BarChartV2", "Form", "ButtonGroup", "FollowUpBlock", "Callout", "Odd"]
)
@pytest.mark.parametrize("wrong", [None, 3, "x", [1], {"rows": 3}, [[1]], {"rows": [{"children": 1}, 2]}])
def test_properties_of_a_wrong_shape_are_no_traceback(kind: str, wrong: object) -> None:
    names = ("children", "tableBody", "tableHeader", "chartData", "data", "followUpText", "title", "buttons")
    shown(c1({"component": kind, "props": dict.fromkeys(names, wrong)}))


def test_a_model_cannot_command_the_terminal() -> None:
    evil = "\x1b]0;title\x07\x1b[2J\x9b1m\u202eabc\r[bold]"
    assert clean(evil) == "]0;title[2J1mabc[bold]"
    for kind in ("TextContent", "Header", "Odd"):
        assert "\x1b" not in shown(c1({"component": kind, "props": {"title": evil, "textMarkdown": evil}}))


def test_what_a_person_said_is_shown_without_its_wrapping() -> None:
    assert words('<content thesys="true">a &lt;b&gt;</content><context>[]</context>') == "a <b>"
    assert words("plain") == "plain"


def test_a_long_answer_is_not_read_anew_for_every_piece() -> None:
    assert sum(1 for _ in grown("x" for _ in range(100_000))) < 1000


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def served(store: MemoryStore, *rounds: list[Step], identify: Identify = anybody) -> Any:
    model = ScriptedModel(*rounds)
    return build_app(
        lambda: Chat(store, model, Tools(), LIMITS, to_nobody), max_body=10_000, identify=identify
    )


def typed(monkeypatch: pytest.MonkeyPatch, text: str | bytes) -> None:
    data = text.encode() if isinstance(text, str) else text
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), "utf-8"))


def test_what_is_piped_in_is_one_prompt(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], store: MemoryStore
) -> None:
    typed(monkeypatch, "two\nlines\n")
    with serving(served(store, says("a", "b"))) as url, Endpoint(url) as endpoint:
        assert converse(endpoint) == 0
        assert capsys.readouterr().out == "ab\n"
        assert endpoint.messages(endpoint.threads()[0]["threadId"])[0]["content"] == "two\nlines"


@pytest.mark.parametrize(
    ("data", "prompt"),
    [
        ("grün".encode("utf-16"), "grün"),
        ("grün".encode("utf-8-sig"), "grün"),
        ("grün".encode("latin-1"), "gr\ufffdn"),
        (b"a\x00\xff\xed\xa0\x80b", "a\x00\ufffd\ufffd\ufffd\ufffdb"),
    ],
)
def test_no_byte_in_a_pipe_is_a_traceback(
    data: bytes, prompt: str, monkeypatch: pytest.MonkeyPatch, store: MemoryStore
) -> None:
    typed(monkeypatch, data)
    with serving(served(store, says("a"))) as url, Endpoint(url) as endpoint:
        assert converse(endpoint, thread_id="t") == 0
        assert endpoint.messages("t")[0]["content"] == prompt


def test_an_empty_pipe_asks_nothing(monkeypatch: pytest.MonkeyPatch, store: MemoryStore) -> None:
    typed(monkeypatch, " \n")
    with serving(served(store)) as url, Endpoint(url) as endpoint:
        assert (converse(endpoint), endpoint.threads()) == (0, [])


def test_a_failure_midway_is_shown_and_told_by_the_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], store: MemoryStore
) -> None:
    typed(monkeypatch, "one")
    with serving(served(store, [Delta("a"), AnswerCut()])) as url, Endpoint(url) as endpoint:
        assert converse(endpoint) == 1
    assert "The answer was cut off" in capsys.readouterr().out


def test_json_is_one_object_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], store: MemoryStore
) -> None:
    typed(monkeypatch, "one")
    with serving(served(store, [Delta("a"), AnswerCut()])) as url, Endpoint(url) as endpoint:
        assert converse(endpoint, as_json=True, thread_id="t") == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (lines[0]["event"], lines[0]["threadId"], lines[0]["prompt"]) == ("turn", "t", "one")
    assert "".join(line["text"] for line in lines[1:-1]) == "a" + error_card(AnswerCut())
    assert (lines[-1]["event"], lines[-1]["status"]) == ("end", "failed")
    assert lines[-1]["error"].startswith("The answer was cut off.")


class Typed:
    """A person who types these lines, then Ctrl-D; ``asked``: the words before each."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = iter(lines)
        self.asked: list[str] = []

    def __call__(self, question: str) -> str:
        self.asked.append(question)
        for line in self._lines:
            if line == CTRL_C:
                raise KeyboardInterrupt
            return line
        raise EOFError


CTRL_C = "\x03"


def dialogue(endpoint: Endpoint, lines: Sequence[str]) -> Dialogue:
    talk = Dialogue(endpoint, Readable(), Typed(lines))
    talk.run()
    return talk


def test_the_commands(capsys: pytest.CaptureFixture[str], store: MemoryStore) -> None:
    offers = c1({"component": "FollowUpBlock", "props": {"followUpText": ["More", "Less"]}})
    app = served(store, says(offers), says("b"), says("c"), says("d"))
    with serving(app) as url, Endpoint(url) as endpoint:
        talk = dialogue(endpoint, ["first", "2", "/new", "second", "/threads", "/open 2"])
        out = capsys.readouterr().out
        assert re.search(r"\*  1\. second\n   2\. first\n> first\n\n1\. More\n2\. Less\n> Less\n\nb\n", out)
        first = talk.thread_id
        dialogue(endpoint, [f"/open {first}", "third", "/stop", "/help", "/what", "/open", "/open nowhere"])
        assert [m["content"] for m in endpoint.messages(first)][-2:] == ["third", "d"]
    told = capsys.readouterr()
    assert "Ctrl-D" in told.out
    assert "/what is no command" in told.err
    assert "Nothing is being written." in told.err


FORM = c1(
    {
        "component": "Form",
        "props": {
            "name": "trip",
            "children": [
                {
                    "label": "Your name",
                    "children": {"component": "Input", "props": {"name": "who", "rules": {"required": True}}},
                },
                {
                    "label": "Class",
                    "children": {
                        "component": "Select",
                        "props": {
                            "name": "class",
                            "children": [
                                {"component": "SelectItem", "props": {"value": "1", "children": "First"}},
                                {"component": "SelectItem", "props": {"value": "2", "children": "Second"}},
                            ],
                        },
                    },
                },
                {
                    "label": "Extras",
                    "children": {
                        "component": "CheckBoxGroup",
                        "props": {
                            "name": "extras",
                            "children": [
                                {"component": "CheckBoxItem", "props": {"name": "meal", "label": "A meal"}},
                                {
                                    "component": "CheckBoxItem",
                                    "props": {"name": "seat", "label": "A seat", "defaultChecked": True},
                                },
                            ],
                        },
                    },
                },
                {
                    "component": "FormControl",
                    "props": {
                        "label": "Day",
                        "children": {"component": "DatePicker", "props": {"name": "day"}},
                    },
                },
                {
                    "label": "Bags",
                    "children": {"component": "Slider", "props": {"name": "bags", "defaultValue": [1]}},
                },
            ],
            "buttons": {
                "component": "ButtonGroup",
                "props": {
                    "children": [
                        {"component": "Button", "props": {"children": "Cancel", "name": "cancel"}},
                        {"component": "Button", "props": {"children": "Submit <now>", "name": "submit"}},
                        {
                            "component": "Button",
                            "props": {
                                "children": "Terms",
                                "action": {"type": "open_url", "props": {"url": "https://example.com/t"}},
                            },
                        },
                    ]
                },
            },
        },
    }
)


RECORDED: dict[str, dict[str, str]] = json.loads(
    (Path(__file__).parents[1] / "models/forms.json").read_text()
)
"""What each version of the official client sends for the forms of the offline model."""


def last_prompt(endpoint: Endpoint, thread_id: str) -> str:
    return str([m["content"] for m in endpoint.messages(thread_id) if m["role"] == "user"][-1])


def test_a_form_is_filled_in_field_by_field_and_sent_as_the_official_client_sends_it(
    capsys: pytest.CaptureFixture[str], store: MemoryStore
) -> None:
    """The shape is the one recorded in docs/clients.md."""
    filled = ["book", "2", "", "Ada", "9", "second", "1,2", "tomorrow", "2026-12-24", ""]
    with serving(served(store, says(FORM), says("Thank you"))) as url, Endpoint(url) as endpoint:
        person = Typed(filled)
        talk = Dialogue(endpoint, Readable(), person)
        assert talk.run() == 0
        sent = last_prompt(endpoint, talk.thread_id)
    assert sent.startswith('<content thesys="true">Submit &lt;now&gt;</content><context>[')
    assert json.loads(unescape(sent.partition("<context>")[2].removesuffix("</context>"))) == [
        "User clicked on Button: submit",
        [
            {
                "trip": {
                    "who": {"value": "Ada", "componentType": "Input"},
                    "class": {"value": "2", "componentType": "Select"},
                    "meal": {"value": True, "componentType": "CheckBoxItem"},
                    "seat": {"value": True, "componentType": "CheckBoxItem"},
                    "day": {"value": "2026-12-24", "componentType": "DatePicker"},
                    "bags": {"value": [1], "componentType": "Slider"},
                }
            }
        ],
    ]
    assert person.asked[2] == person.asked[3] == "Your name *: "  # an empty one is asked for again
    assert "Extras (1. A meal, 2. A seat) [2]: " in person.asked
    told = capsys.readouterr()
    assert "1. [Cancel]  2. [Submit <now>]  [Terms] https://example.com/t" in told.out
    for sentence in ("This field is required.", "Type a number from 1 to 2", "Type a date as YYYY-MM-DD."):
        assert sentence in told.err


def test_a_field_tells_what_can_be_typed_and_takes_nothing_else() -> None:
    """The booking form of the offline model: numbers of options beside options that begin with a number."""
    (form,) = (
        part for part in read(card_of("a booking form"), ended=True).settled if "buttons" in part["props"]
    )
    name, day, time, people = form_fields(form["props"])
    assert name.question == "Your name * (Jane Doe): "
    assert day.question == "Day * (YYYY-MM-DD): "
    assert time.question == "Time (1. 9 in the morning, 2. 2 in the afternoon): "
    assert people.question == "People (1 to 12) [1]: "
    assert people.values("12") == {"people": {"value": [12], "componentType": "Slider"}}
    for wrong in ("0", "13", "nan", "inf", "-1", "many"):
        with pytest.raises(ValueError, match=r"^Type a number from 1 to 12\.$"):
            people.values(wrong)


@pytest.mark.parametrize("own", [{}, {"min": 3}, {"min": 3, "max": 1}, {"min": "a", "max": []}])
def test_a_slider_without_limits_takes_any_number_but_no_infinity(own: dict[str, Any]) -> None:
    slider = {"component": "Slider", "props": {"name": "n", **own}}
    (field,) = form_fields({"children": [{"label": "N", "children": slider}]})
    assert field.question == "N: "
    assert field.values("-7.5") == {"n": {"value": [-7.5], "componentType": "Slider"}}
    for wrong in ("nan", "inf", "x"):
        with pytest.raises(ValueError, match=r"^Type a number\.$"):
            field.values(wrong)


def test_a_form_that_was_sent_is_shown_with_its_labels_when_its_thread_is_opened(
    capsys: pytest.CaptureFixture[str], store: MemoryStore
) -> None:
    lines = ["book", "2", "Ada", "second", "1", "2026-12-24", "3"]
    with serving(served(store, says(FORM), says("Thank you"))) as url, Endpoint(url) as endpoint:
        first = dialogue(endpoint, lines)
        capsys.readouterr()
        dialogue(endpoint, [f"/open {first.thread_id}"])
    told = capsys.readouterr().out.partition("> Submit <now>\n")[2].partition("\n\n")[0]
    assert [re.split(r" {2,}", line.strip()) for line in told.splitlines()] == [
        ["Your name", "Ada"],
        ["Class", "Second"],
        ["A meal", "yes"],
        ["A seat", "no"],
        ["Day", "2026-12-24"],
        ["Bags", "3"],
    ]


@pytest.mark.parametrize("version", RECORDED)
def test_what_each_version_of_the_official_client_sends_is_shown_with_its_labels(version: str) -> None:
    fields = [
        field
        for form in ("contact", "feedback", "booking")
        for part in read(card_of(f"{form} form"), ended=True).settled
        for field in form_fields(part["props"])
    ]
    told = {form: dict(sent(content, fields)) for form, content in RECORDED[version].items()}
    assert told["contact"]["Your name"] == "Ada <Lovelace> & “Co”"
    assert told["feedback"] == {"How was it?": "Fair", "The speed": "yes", "The answers": "yes"}
    assert told["booking"]["Time"] == "2 in the afternoon"
    assert told["booking"]["Day"] == "Sun Nov 15 2026"
    assert told["booking"]["People"] == "3"
    assert {label for labels in told.values() for label in labels} <= {field.label for field in fields} | {
        option.label for field in fields for option in field.options
    }


@pytest.mark.parametrize(
    "context",
    ["", "{", "3", "[" * 100_000, '["a", 3, [[3]], {"f": 3}, {"f": {"n": 3, "m": {"value": {"a": [[]]}}}}]'],
)
def test_a_context_that_is_no_form_shows_nothing(context: str) -> None:
    assert sent(f"<content>a</content><context>{escape(context)}</context>", ()) == []


def test_a_field_whose_form_is_not_there_keeps_its_name() -> None:
    content = '<content>a</content><context>["a", {"f": {"who": {"value": ["x", "y"]}}}]</context>'
    assert sent(content, ()) == [("who", "x, y")]


def test_a_form_can_be_left_and_a_button_needs_no_fields(store: MemoryStore) -> None:
    with serving(served(store, says(FORM), says("b"))) as url, Endpoint(url) as endpoint:
        talk = dialogue(endpoint, ["book", "2", CTRL_C, "1"])
        sent = last_prompt(endpoint, talk.thread_id)
        assert len(endpoint.messages(talk.thread_id)) == 4  # nothing was sent of the form that was left
    assert sent == (
        '<content thesys="true">Cancel</content>'
        "<context>[&quot;User clicked on Button: cancel&quot;, {}]</context>"
    )


def test_a_conversation_is_renamed_exported_and_deleted(
    capsys: pytest.CaptureFixture[str], store: MemoryStore, tmp_path: Path
) -> None:
    file = tmp_path / "talk.json"
    with serving(served(store, says("b"))) as url, Endpoint(url) as endpoint:
        lines = [
            "a",
            "/rename Ours",
            f"/export {file}",
            f"/export {file}",
            "/export",
            "/rename",
            "/delete",
            "no",
        ]
        talk = dialogue(endpoint, lines)
        assert [thread["title"] for thread in endpoint.threads()] == ["Ours"]
        assert [m["content"] for m in json.loads(file.read_text())["messages"]] == ["a", "b"]
        dialogue(endpoint, [f"/open {talk.thread_id}", "/delete", "yes", "/quit", "never asked"])
        assert endpoint.threads() == []
    assert "was not written: File exists." in capsys.readouterr().err


def test_a_conversation_is_shared_and_its_answer_rated(
    capsys: pytest.CaptureFixture[str], store: MemoryStore
) -> None:
    with serving(served(store, says("an answer"))) as url, Endpoint(url) as endpoint:
        lines = ["/share", "/rate up", "a", "/rate", "/rate down not what I asked", "/share"]
        talk = dialogue(endpoint, lines)
        told = capsys.readouterr()
        (link,) = re.findall(r"^http\S+$", told.out, re.MULTILINE)
        with Endpoint(url) as anybody_else:
            shown = anybody_else._json(dict, "GET", link.removeprefix(url))
        assert [message["content"] for message in shown["messages"]] == ["a", "an answer"]
        assert endpoint.messages(talk.thread_id)[1]["feedback"] == {
            "value": "down",
            "comment": "not what I asked",
        }
    assert re.search(r"as it is now, until \d{4}-\d\d-\d\d\.", told.err)
    assert told.err.count("/rate takes up or down") == 2


@pytest.mark.parametrize("thread", ["\udcff", "a\ud800b"])
def test_half_a_character_in_an_id_is_one_sentence(
    thread: str, capsys: pytest.CaptureFixture[str], store: MemoryStore
) -> None:
    with serving(served(store)) as url, Endpoint(url) as endpoint:
        dialogue(endpoint, [f"/open {thread}"])
        talk = Dialogue(endpoint, Readable(), Typed(["hello", "/rename x"]), thread)
        assert talk.run() == 1
    assert "Traceback" not in capsys.readouterr().err


def test_what_was_not_answered_is_asked_again_as_the_same_turn(store: MemoryStore) -> None:
    with serving(served(store, [Delta("a"), AnswerCut()], says("b"))) as url, Endpoint(url) as endpoint:
        talk = dialogue(endpoint, ["first", "/retry"])
        assert [m["content"] for m in endpoint.messages(talk.thread_id)] == ["first", "b"]
        assert len(endpoint.threads()) == 1


def test_an_answer_is_tried_again_or_its_prompt_edited_in_a_branch(store: MemoryStore) -> None:
    with serving(served(store, *map(says, "abcde"))) as url, Endpoint(url) as endpoint:
        first = dialogue(endpoint, ["/retry", "/edit x", "one", "two"])
        second = dialogue(endpoint, [f"/open {first.thread_id}", "/retry", "/edit", "/edit other"])
        told = [[m["content"] for m in endpoint.messages(t.thread_id)] for t in (first, second)]
        assert told == [["one", "a", "two", "b"], ["one", "a", "other", "d"]]
        assert len(endpoint.threads()) == 3


def signed_with(secret: str) -> Identify:
    """Verifies Signature Version 4 by its own reading of the specification:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
    """

    async def identify(scope: Scope) -> Caller:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        found = re.fullmatch(
            r"AWS4-HMAC-SHA256 Credential=([^,]+), SignedHeaders=([^,]+), Signature=(\w+)",
            headers.get("authorization", ""),
        )
        if not found:
            raise Unauthorized
        access, day, region, service, end = found[1].split("/")
        assert (access, region, service) == ("AKIDEXAMPLE", "eu-west-1", "lambda")
        names = found[2].split(";")
        canonical = "\n".join(
            [
                scope["method"],
                scope["path"],
                scope["query_string"].decode(),
                *(f"{name}:{headers[name]}" for name in names),
                "",
                found[2],
                BODY_HASHES[scope["method"]],
            ]
        )
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{headers['x-amz-date']}\n{day}/{region}/{service}/{end}\n{digest}"
        key = f"AWS4{secret}".encode()
        for part in (day, region, service, end):
            key = hmac.digest(key, part.encode(), "sha256")
        if not hmac.compare_digest(hmac.new(key, text.encode(), "sha256").hexdigest(), found[3]):
            raise Unauthorized
        return ANYBODY

    return identify


BODY_HASHES = {"GET": hashlib.sha256(b"").hexdigest(), "POST": hashlib.sha256(b"{}").hexdigest()}


def test_a_function_url_gets_signed_requests(monkeypatch: pytest.MonkeyPatch, store: MemoryStore) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with serving(served(store, identify=signed_with("secret-of-the-test"))) as url:
        with Endpoint(url, signed=True) as endpoint:
            assert endpoint.threads() == []
            assert endpoint.stop("nowhere") is False
        with Endpoint(url) as endpoint, pytest.raises(EndpointError, match="Not signed in"):
            endpoint.threads()
    assert is_function_url("https://abc.lambda-url.eu-west-1.on.aws/")
    assert not is_function_url("http://127.0.0.1:8000")


def test_a_key_is_sent_as_api_gateway_takes_it(store: MemoryStore) -> None:
    keyed = by_key({"me": "k" * 16})
    with serving(served(store, identify=keyed)) as url:
        with Endpoint(url, key="k" * 16) as endpoint:
            assert endpoint.threads() == []
        with Endpoint(url, key="wrong") as endpoint, pytest.raises(EndpointError, match="Not signed in"):
            endpoint.threads()


def test_a_token_is_sent_as_a_bearer_token_and_not_beside_a_signature(store: MemoryStore) -> None:
    keyed = by_key({"me": "k" * 16})
    with serving(served(store, identify=keyed)) as url:
        with Endpoint(url, token="k" * 16) as endpoint:
            assert endpoint.threads() == []
        with Endpoint(url, token="wrong") as endpoint, pytest.raises(EndpointError, match="Not signed in"):
            endpoint.threads()
    with pytest.raises(EndpointError, match="signed or carries a token"):
        Endpoint("http://127.0.0.1", token="t", signed=True)


@pytest.mark.parametrize("url", ["", "127.0.0.1:8000", "ftp://x", "http://", "http://x:99999", "http://[x"])
def test_a_url_that_cannot_be_is_one_sentence(url: str) -> None:
    with pytest.raises(EndpointError, match="must begin with"):
        Endpoint(url)


def test_a_key_that_no_header_carries_is_refused_without_being_told() -> None:
    with pytest.raises(EndpointError) as told:
        Endpoint("http://127.0.0.1", key="schlüssel\n")
    assert "schl" not in str(told.value)
    with pytest.raises(EndpointError) as told:
        Endpoint("http://127.0.0.1", token="schlüssel\n")
    assert "schl" not in str(told.value)


@pytest.mark.parametrize("told", ["[]", "{}", "3", '{"threads": 3}', '["x"]'])
def test_a_service_that_is_no_chat_is_one_sentence_and_no_traceback(
    told: str, capsys: pytest.CaptureFixture[str], store: MemoryStore
) -> None:
    """Also where it answers every path with JSON, as many gateways do."""
    app = FastAPI()
    app.state.chat = Chat(
        store, ScriptedModel(), Tools(), LIMITS, to_nobody
    )  # the server drains it at its end

    @app.api_route("/{path:path}", methods=["GET", "POST", "PUT", "DELETE"])
    def any_path() -> Response:
        return Response(told, media_type="application/json")

    with serving(app) as url, Endpoint(url) as endpoint:
        lines = ["/threads", "/open x", "/rename a", "/stop", "/export /nowhere/x", "hello", "/edit b"]
        talk = Dialogue(endpoint, Readable(), Typed(lines))
        talk.run()
    assert f"{url} is not a chat service." in capsys.readouterr().err


def test_a_page_is_not_a_chat_service(store: MemoryStore) -> None:
    with serving(served(store)) as url, Endpoint(f"{url}/?") as endpoint:
        with pytest.raises(EndpointError):
            endpoint.threads()
        with pytest.raises(EndpointError):
            list(endpoint.answer("t", "r", "x"))
