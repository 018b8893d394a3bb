"""The offline model: what it says is a card the official client can render, for any prompt."""

import io
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from html import escape, unescape
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from c1fn.events import Called, Delta, Ended
from c1fn.local.terminal.answer import read
from c1fn.local.terminal.cards import render
from c1fn.local.terminal.choices import Choices
from c1fn.local.terminal.screen import plain
from c1fn.models.offline import DELTA, OfflineModel
from c1fn.models.offline.answers import ROWS
from c1fn.models.offline.cards import card
from c1fn.models.offline.figures import TOPIC, topic
from c1fn.models.offline.programs import program
from c1fn.models.offline.prompts import QUOTED, Heard, hear
from c1fn.turn import Message, ToolCall
from tests.models.contract import GET_TIME, PROMPTS, Contract, heard, user

PROPS: dict[str, tuple[set[str], set[str]]] = {
    "Card": ({"children"}, set()),
    "Header": ({"title"}, {"subtitle"}),
    "InlineHeader": ({"heading"}, {"description"}),
    "TextContent": ({"textMarkdown"}, set()),
    **{
        f"{kind}ChartV2": ({"chartData"}, set()) for kind in ("Bar", "Line", "Area", "Radar", "Pie", "Radial")
    },
    "Table": ({"tableHeader", "tableBody"}, set()),
    "Form": ({"name", "children", "buttons"}, set()),
    "Input": ({"name"}, {"placeholder", "rules"}),
    "Select": ({"name", "children"}, {"placeholder", "rules"}),
    "SelectItem": ({"value", "children"}, set()),
    "RadioGroup": ({"name", "children"}, {"rules"}),
    "RadioItem": ({"value", "label"}, set()),
    "CheckBoxGroup": ({"name", "children"}, {"rules"}),
    "CheckBoxItem": ({"name", "label"}, set()),
    "DatePicker": ({"name"}, {"rules"}),
    "Slider": ({"name", "variant", "min", "max", "step", "defaultValue"}, set()),
    "TextArea": ({"name"}, {"placeholder", "rows", "rules"}),
    "ButtonGroup": ({"children"}, set()),
    "Button": ({"children", "name", "variant", "action"}, set()),
    "FollowUpBlock": ({"followUpText"}, set()),
}
"""The components that were seen to render, with the props they need and the ones they may have."""


class TestOffline(Contract):
    @pytest.fixture
    def model(self) -> OfflineModel:
        return OfflineModel()


class TestInOpenUI(Contract):
    @pytest.fixture
    def model(self) -> OfflineModel:
        return OfflineModel(openui=True)


def children(*messages: Message) -> list[Any]:
    """What stands in the card, after it was read as the client reads it."""
    answer = card(messages)
    inner = answer.removeprefix('<content thesys="true">').removesuffix("</content>")
    assert len(answer) - len(inner) == len('<content thesys="true"></content>')
    assert "<" not in inner
    document = json.loads(unescape(inner))
    assert document.keys() == {"component", "error"}
    assert document["error"] is None
    assert document["component"]["component"] == "Card"
    for component in components(document["component"]):
        needed, possible = PROPS[component["component"]]
        assert component.keys() == {"component", "props"}
        assert needed <= component["props"].keys() <= needed | possible
    return list(document["component"]["props"]["children"])


def components(node: object) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if "component" in node:
            yield node
        node = list(node.values())
    if isinstance(node, list):
        for part in node:
            yield from components(part)


def names(*messages: Message) -> list[str]:
    return [child["component"] for child in children(*messages)]


def props(name: str, *messages: Message) -> Any:
    (found,) = (child["props"] for child in children(*messages) if child["component"] == name)
    return found


def text(*messages: Message) -> str:
    return str(props("TextContent", *messages)["textMarkdown"])


def cells(*messages: Message) -> list[list[str]]:
    return [row["children"] for row in props("Table", *messages)["tableBody"]["rows"]]


def echoed(*messages: Message) -> dict[str, str]:
    """The names and values of a form, as a table in Markdown shows them."""
    lines = text(*messages).split("\n\n")[1].splitlines()
    assert lines[:2] == ["| Field | Value |", "| --- | --- |"]
    cells = (re.split(r"(?<!\\)\|", line)[1:-1] for line in lines[2:])
    return {unquoted(name): unquoted(value) for name, value in cells}


def unquoted(markdown: str) -> str:
    return re.sub(r"\\(.)", r"\1", markdown.strip())


def wrapped(words: str, context: object = None) -> Message:
    """A prompt as C1Chat sends it."""
    content = f'<content thesys="true">{escape(words)}</content>'
    if context is None:
        return user(content)
    return user(f"{content}<context>{escape(json.dumps(context))}</context>")


# What a card shows


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS.keys())
def test_any_prompt_gets_a_valid_card(prompt: str) -> None:
    assert names(user(prompt))[:2] == ["Header", "TextContent"]
    assert names(wrapped(prompt))[-1] == "FollowUpBlock"


@pytest.mark.parametrize(
    ("prompt", "shown"),
    [
        ("hello", ["BarChartV2", "ButtonGroup"]),
        ("show me a chart of sales", ["BarChartV2", "ButtonGroup"]),
        ("Show as a TABLE", ["Table", "ButtonGroup"]),
        ("compare the two", ["Table", "ButtonGroup"]),
        ("make a contact form", ["Form"]),
        ("let me sign up", ["Form"]),
        ("Make a feedback form", ["Form"]),
        ("Book a meeting", ["Form"]),
        ("the trend of sales", ["LineChartV2", "ButtonGroup"]),
        ("sales as an area chart", ["AreaChartV2", "ButtonGroup"]),
        ("Show as a pie chart", ["PieChartV2", "ButtonGroup"]),
        ("a radar chart of skills", ["RadarChartV2", "ButtonGroup"]),
        ("a radial chart", ["RadialChartV2", "ButtonGroup"]),
        ("Compare with last year", ["BarChartV2", "ButtonGroup"]),
        ("information about formats", ["BarChartV2", "ButtonGroup"]),
        ("   ", ["ButtonGroup"]),
    ],
)
def test_the_words_of_the_prompt_choose_what_is_shown(prompt: str, shown: list[str]) -> None:
    assert names(wrapped(prompt)) == ["Header", "TextContent", *shown, "FollowUpBlock"]
    assert names(user(prompt)) == names(wrapped(prompt))


def test_the_prompt_is_taken_up_as_it_was_written() -> None:
    assert "“hello &amp; <b>”" in text(wrapped("hello &amp; <b>")).replace("\\", "")
    assert "“مرحبا، كيف الحال؟”" in text(wrapped("مرحبا، كيف الحال؟"))
    assert "“👨‍👩‍👧 and 🇺🇳”" in text(wrapped("👨‍👩‍👧 and 🇺🇳"))


@pytest.mark.parametrize(
    "active", ["**b**", "`c`", "_d_", "[e](javascript:f)", "<script>", "~s~", "$x$", "a|b", "&amp;", "\\"]
)
def test_what_a_person_wrote_is_quoted_and_not_rendered(active: str) -> None:
    quoted = text(wrapped(active))
    assert re.sub(r"\\([^a-z0-9\s])", r"\1", quoted).count(active) == 1
    assert not re.search(r"(?<!\\)(?:\\\\)*[*`_\[\]<>~$|&]", quoted)


def test_a_long_prompt_is_shortened() -> None:
    quoted = text(wrapped("x" * 100_000))
    assert "x" * QUOTED + "…”" in quoted
    assert len(card([wrapped("x" * 100_000)])) < 4_000


def test_control_characters_and_line_breaks_become_spaces() -> None:
    assert "“a b [31mc d”".replace("[", "\\[") in text(wrapped("a\x00b\x1b[31mc\r\n\td"))


def test_a_prompt_without_words_gets_a_kind_answer() -> None:
    assert text(wrapped(" \n ")) == "Your message has no words in it. Ask for a chart, a table or a form."


def test_the_header_tells_the_number_of_the_turn() -> None:
    history = [user("a"), Message("assistant", "b"), user("c"), Message("assistant", "d")]
    assert props("Header", user("a"))["subtitle"] == "Turn 1 of this conversation"
    assert props("Header", *history, user("e"))["subtitle"] == "Turn 3 of this conversation"


def test_a_table_has_as_many_cells_as_columns_and_all_are_text() -> None:
    header = props("Table", wrapped("a table"))["tableHeader"]["rows"]
    assert [cell["children"] for cell in header] == ["Quarter", "Figure"]
    assert [len(row) for row in cells(wrapped("a table"))] == [2] * 4
    assert all(isinstance(cell, str) for row in cells(wrapped("a table")) for cell in row)


def test_a_chart_has_a_value_for_each_label() -> None:
    data = props("BarChartV2", wrapped("a chart"))["chartData"]["data"]
    assert data["labels"] == ["Q1", "Q2", "Q3", "Q4"]
    assert [len(series["values"]) for series in data["series"]] == [4]


def test_each_field_of_the_form_has_a_label_and_a_name_of_its_own() -> None:
    form = props("Form", wrapped("a form"))
    fields = [(field["label"], field["children"]["props"]["name"]) for field in form["children"]]
    assert fields == [("Your name", "fullname"), ("E-mail", "email"), ("Message", "message")]
    (button,) = form["buttons"]["props"]["children"]
    assert (button["props"]["children"], button["props"]["name"]) == ("Submit", "submit")


def conversation(*prompts: str) -> list[Message]:
    history = [message for prompt in prompts for message in (user(prompt), Message("assistant", "said"))]
    return history[:-1]


def test_what_asks_for_nothing_is_answered_in_turn() -> None:
    """Nobody sees the same card over and over."""
    prompts = ["Hello", "And?", "Go on", "More", "Really?", "Go on", "Go on", "Go on"]
    kinds = [names(*conversation(*prompts[: turn + 1]))[2] for turn in range(len(prompts))]
    charts = [f"{kind}ChartV2" for kind in ("Line", "Pie", "Area", "Radar", "Radial")]
    assert kinds == ["BarChartV2", "Table", charts[0], "Form", *charts[1:]]


def test_another_chart_is_another_kind() -> None:
    asked = ["Sales"] + ["Show another chart"] * 6
    kinds = {names(*conversation(*asked[: turn + 1]))[2] for turn in range(1, 7)}
    assert len(kinds) == 6


def test_a_prompt_that_names_nothing_is_about_what_was_named_before() -> None:
    """With the same figures: a table shows what the chart showed."""
    history = conversation("Show me the revenue by region", "Show as a table")
    assert props("Header", *history)["title"] == "Revenue by region"
    series = props("BarChartV2", *history[:1])["chartData"]["data"]
    (values,) = [one["values"] for one in series["series"]]
    assert cells(*history) == [
        [label, str(value)] for label, value in zip(series["labels"], values, strict=True)
    ]
    assert series["labels"] == ["North", "East", "South", "West"]


def test_last_year_is_a_series_and_a_column_of_its_own() -> None:
    history = conversation("Revenue", "Compare with last year", "As a table with last year")
    data = props("BarChartV2", *history[:3])["chartData"]["data"]
    assert [series["category"] for series in data["series"]] == ["This year", "Last year"]
    assert [row[1:3] for row in cells(*history)] == [
        [str(now), str(then)]
        for now, then in zip(*(series["values"] for series in data["series"]), strict=True)
    ]
    assert all(re.fullmatch(r"[+-]\d+ %", row[3]) for row in cells(*history))


def test_what_was_just_asked_is_not_offered() -> None:
    for asked in ("Compare with last year", "Make a contact form", "Show as a table"):
        offered = props("FollowUpBlock", user(asked))["followUpText"]
        assert asked not in offered
        assert len(offered) == 3


TOPICS = {
    "Show me the revenue by quarter": "Revenue by quarter",
    "can you please draw a pie chart of our sales?": "Sales",
    "traffic this week as a line chart": "Traffic this week",
    "Compare with last year": "",
    "Make a contact form": "Contact",
    "hello": "Hello",
    "Wie ist das Wetter?": "Wie ist das Wetter",
    "مرحبا": "مرحبا",
    "👋": "",
    "?!": "",
    "show me": "",
    "word " * 99: "Word word word word word word word word word word word word",
    "x" * 999: "X" + "x" * (TOPIC - 1),
}


@pytest.mark.parametrize("prompt", TOPICS)
def test_a_heading_is_what_the_prompt_is_about(prompt: str) -> None:
    assert topic(prompt) == TOPICS[prompt]


@pytest.mark.timeout(10)
def test_a_heading_is_found_in_time() -> None:
    for part in ("a ", "show me ", "as a chart ", "?", "   ", "by by "):
        topic(part * 20_000)


PROMPTS_OF_ALL_KINDS = [
    *(
        "Revenue by month",
        "A table",
        "Compare with last year",
        "a line chart",
        "pie",
        "area",
        "radar",
        "radial",
    ),
    *("contact form", "feedback form", "booking form", 'quotes " and \\ and `', "a\nb", "   "),
]


@pytest.mark.parametrize("prompt", PROMPTS_OF_ALL_KINDS)
def test_both_dialects_show_the_same(prompt: str) -> None:
    """But for the heading of a chart, which OpenUI's charts do not have."""
    in_c1 = without_headings(read(card([user(prompt)]), ended=True).settled)
    in_openui = without_headings(read(program([user(prompt)]), ended=True).settled)
    assert in_openui == in_c1


def without_headings(shown: Sequence[Any]) -> str:
    console, choices = Console(file=io.StringIO(), width=80), Choices()
    for component in shown:
        if "chartData" in component["props"]:
            component["props"]["chartData"]["header"] = None
    parts = (part for component in shown for part in render(component, choices))
    return "\n".join(plain(console, part) for part in parts)


# What a form sent


def submitted(fields: dict[str, Any]) -> Message:
    return wrapped("Submit", ["User clicked on Button: submit", {"contact": fields}])


def test_the_values_of_a_submitted_form_are_shown() -> None:
    sent = submitted({"fullname": {"value": "Jané <b>", "componentType": "Input"}, "email": "j@example.com"})
    assert echoed(sent) == {"Your name": "Jané <b>", "E-mail": "j@example.com"}


RECORDED: dict[str, dict[str, str]] = json.loads(Path(__file__).with_name("forms.json").read_text("utf-8"))
"""What each version of the official client sends of the model's forms; `make e2e-clients` compares."""

ECHOES = {
    "contact": {
        "Your name": "Ada <Lovelace> & “Co”",
        "E-mail": "ada@example.com",
        "Message": "one two [\u20603]",
    },
    "feedback": {"How was it?": "Fair", "The speed": "yes", "The answers": "yes"},
    "booking": {"People": "3", "Your name": "Ada", "Day": "Sun Nov 15 2026", "Time": "2 in the afternoon"},
}


@pytest.mark.parametrize("form", ECHOES)
@pytest.mark.parametrize("version", RECORDED)
def test_a_form_is_read_as_each_version_of_the_official_client_sends_it(version: str, form: str) -> None:
    assert echoed(user(RECORDED[version][form])) == ECHOES[form]


def test_a_form_is_read_as_openuis_client_sends_it() -> None:
    """Recorded of OpenUI's page in Chromium (npm `@openuidev/react-ui` 0.12.1)."""
    values = {"rating": {"value": "fair"}, "liked": {"value": {"speed": True, "looks": False}}}
    context = json.dumps(["User clicked: Submit", {"feedback": values}])
    sent = f"]]>openui:content\nSubmit\n]]>openui:context\n{context}"
    assert hear(sent) == Heard("Submit", (("rating", "fair"), ("speed", "yes"), ("looks", "no")))
    assert all(words in program([user(sent)]) for words in ("Fair", "The speed", "The looks"))
    assert hear("]]>openui:content\nShow a chart\n]]>openui:context\n[3") == Heard("Show a chart")
    assert hear(f"]]>openui:content\na\n]]>openui:context\n{'[' * 100_000}") == Heard("a")


def test_a_form_in_the_list_itself_is_read_too() -> None:
    fields = {"fullname": {"value": "Ada", "componentType": "Input"}}
    assert echoed(wrapped("Submit", ["User clicked on Button: submit", {"contact": fields}])) == {
        "Your name": "Ada"
    }


def test_values_that_are_no_text_are_shown_in_words_where_there_are_any() -> None:
    values = {"a": {"value": True}, "b": {"value": [1, "x", False]}, "c": None, "d": 1.5, "e": {"x": "é"}}
    shown = {"a": "yes", "b": "1, x, no", "c": "null", "d": "1.5", "e": '{"x": "é"}', "f": '[["x"]]'}
    assert echoed(submitted({**values, "f": [["x"]]})) == shown


def test_a_value_is_shown_as_it_is_and_is_no_markdown() -> None:
    sent = "![p](http://a.example/b.png) | *x* `c` <b> # [4] \\"
    told = text(submitted({"a": sent})).splitlines()[-1]
    assert told.startswith("| a | !\\[p\\](http://a.example/b.png) \\| \\*x\\* ")
    assert echoed(submitted({"a": sent})) == {"a": sent.replace("[4]", "[\u20604]")}


def test_a_form_with_a_thousand_fields_is_shown_in_part() -> None:
    rows = echoed(submitted({f"field {n}": {"value": str(n)} for n in range(1000)}))
    assert len(rows) == ROWS + 1
    assert rows["…"] == "and 950 more"


@pytest.mark.parametrize(
    "context",
    ["", "{", "null", "1", "[]", "{}", '["x"]', '["x", {}]', '["x", {"a": 1}]', '["x", 1]', "[" * 99_999],
)
def test_a_context_without_values_is_a_plain_click(context: str) -> None:
    prompt = user(f'<content thesys="true">Show more</content><context>{escape(context)}</context>')
    assert names(prompt) == ["Header", "TextContent", "BarChartV2", "ButtonGroup", "FollowUpBlock"]
    assert "“Show more”" in text(prompt)


@pytest.mark.parametrize("number", [f"&#{'9' * 5000};", f"&#x{'f' * 5000};"])
def test_a_character_without_an_end_is_one_that_nobody_knows(number: str) -> None:
    """Python reads no number of so many digits."""
    assert "\ufffd" in text(user(f"<content>{number}</content><context>{number}</context>"))


@pytest.mark.parametrize("depth", [900, 3_000, 30_000])
@pytest.mark.parametrize(("opening", "closing"), [('{"value":', "}"), ("[", "]")])
def test_deeply_nested_values_do_not_break_the_card(depth: int, opening: str, closing: str) -> None:
    context = '["x", {"f": {"a": ' + opening * depth + "1" + closing * depth + "}}]"
    shown = names(user(f'<content thesys="true">Submit</content><context>{context}</context>'))
    assert shown[1] == "TextContent"


# How it is said


async def test_the_same_history_gives_the_same_answer() -> None:
    history = [user("a"), Message("assistant", "b"), user("a table")]
    assert await heard(OfflineModel(), *history) == await heard(OfflineModel(), *history)


def test_another_prompt_gives_other_figures() -> None:
    assert cells(user("a table of apples")) != cells(user("a table of pears"))


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS.keys())
async def test_deltas_are_small_and_cut_no_entity(prompt: str) -> None:
    async with aclosing(OfflineModel().stream([user(prompt)])) as events:
        deltas = [event.text async for event in events if isinstance(event, Delta)]
    assert "".join(deltas) == card([user(prompt)])
    for delta in deltas:
        assert re.fullmatch(r"(?:&(?:amp|lt|gt|quot|#x27);|[^&])+", delta)
        assert 1 <= len(unescape(delta)) <= DELTA


async def test_each_delta_waits_for_the_pace() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async with aclosing(OfflineModel(pace=0.02, sleep=sleep).stream([user("hello")])) as events:
        for count in (1, 2, 3):
            await anext(events)
            assert waits == [0.02] * count


WRAPPINGS = {
    "<content>a</content>": "a",
    ' <content thesys="true">a\nb</content> ': "a b",
    "<content>a</content> <context>[]</context> ": "a",
    "<content>a</content><context>[</context> b</content>": "a</content><context>[</context> b",
    "<content>a</content><context>[]</content><context>[]</context>": "a</content><context>[]",
    "<content>a</content> b": "<content>a</content> b",
    "<content>a</context>": "<content>a</context>",
    "<content></content>": "",
    "<content>": "<content>",
    "<contents>a</content>": "<contents>a</content>",
}


@pytest.mark.parametrize("prompt", WRAPPINGS)
def test_a_prompt_is_unwrapped_to_its_last_words(prompt: str) -> None:
    assert hear(prompt).text == WRAPPINGS[prompt]


@pytest.mark.timeout(10)  # read over and over, as by one pattern, it took 15 s of CPU
def test_a_prompt_of_tags_alone_is_read_once() -> None:
    assert hear("<content>" + "</content><context>" * 13_000).fields == ()


# Tools


async def test_a_tool_is_called_only_when_it_was_offered_and_named() -> None:
    for prompt, tools in [
        (wrapped("use the tool get_time"), []),
        (wrapped("what time is it"), [GET_TIME]),
        (wrapped("use the tool get_times"), [GET_TIME]),
    ]:
        said, (end,) = await heard(OfflineModel(), prompt, tools=tools)
        assert said
        assert isinstance(end, Ended)


async def test_a_call_without_arguments_has_an_empty_object() -> None:
    _, (called, _) = await heard(OfflineModel(), wrapped("please use the tool get_time"), tools=[GET_TIME])
    assert called == Called((ToolCall("call_1", "get_time", "{}"),))


def test_the_result_of_a_tool_is_taken_up() -> None:
    called = (ToolCall("call_1", "get_time", "{}"),)
    history = [user("use the tool get_time"), Message("assistant", "", tool_calls=called)]
    result = Message("tool", "*12:00*", tool_call_id="call_1")
    assert text(*history, result) == "The tool answered: \\*12:00\\*"
