"""OpenUI Lang in the terminal: read as its own parser reads it, shown as C1's cards are.

What its own parser (npm) makes of some programs is recorded in `openui.json`, by ``record()``. `make openui`
installs that parser and compares random programs.
"""

import json
import os
import shutil
import subprocess
from html import escape
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from c1fn.local.terminal import openui
from c1fn.local.terminal.answer import read
from c1fn.local.terminal.cards import render
from c1fn.local.terminal.choices import Choices
from c1fn.local.terminal.openui.language import DEPTH, statements
from c1fn.local.terminal.openui.libraries import LIBRARIES
from c1fn.local.terminal.openui.program import Program
from tests.local.test_terminal import c1, shown

RECORDED = Path(__file__).parent / "openui.json"
NPM = Path(__file__).parent / "npm"
IS_INSTALLED = shutil.which("node") is not None and (NPM / "node_modules/@openuidev").is_dir()
PROGRAMS = int(os.environ.get("C1FN_PROGRAMS", "60"))
"""Random programs that are compared where the npm package is installed."""


def tree(text: str) -> Any:
    """What a text stands for, as the npm parser's results are recorded."""
    root = Program(statements(text), LIBRARIES["openui"], ended=True).root()
    return root if isinstance(root, dict) and "component" in root else None


def theirs(texts: list[str]) -> list[Any]:
    """The same, of OpenUI's own parser."""
    asked = json.dumps({"library": LIBRARIES["openui"], "texts": texts})
    done = subprocess.run(["node", NPM / "parse.mjs"], input=asked.encode(), capture_output=True, check=True)
    told: list[Any] = json.loads(done.stdout)
    return told


def c1_code(code: str, *, escaped: bool = False) -> str:
    """In the wrapping of C1's models; OpenUI's own library where it is escaped, as nobody sends it."""
    version = "" if escaped else ' version="2"'
    return f'<content thesys="true"{version}>{escape(code) if escaped else code}</content>'


def shown_as_markdown(text: str) -> str:
    return shown(c1({"component": "TextContent", "props": {"textMarkdown": text}}))


PROGRAM = """\
root = Card([head, note, chart, pie, table, form, offers], "card")
head = CardHeader("Revenue", "2026")
note = TextContent("Rose **8.4 %** # not a comment // nor this")
labels = ["Q1", "Q2"]
chart = BarChart(labels, [Series("Here", [120, 132.5]), Series("There", [-1, 2e3])], "grouped")
pie = PieChart(["a", "b"], [0.25, 0.75])
table = Table([Col("Name", ["Ada", "Bob"]), Col("Age", [36, null], "number")])
form = Form("contact", Buttons([Button("Send", Action([@ToAssistant("sent")]), "primary")]), [name, kind])
name = FormControl("Your name", Input("fullname", "Jane Doe", "text", {required: true}))
kind = FormControl("Kind", Select("kind", [SelectItem("a", "First"), SelectItem("b", "Second")]))
offers = FollowUpBlock([FollowUpItem("Compare"), FollowUpItem("Show a table")])
"""

HAND_WRITTEN = [
    PROGRAM,
    PROGRAM.replace("\n", "\r\n"),
    f"Here it is:\n\n```openui-lang\n{PROGRAM}```\nand that was it.",
    '```\nroot = Card([a])\n```\ntext\n```\na = Label("x")\n```',
    'root = Card([Label("it``` is")])',
    'root = Card([\n  a, // one\n  b  # two\n])\na = Label("1")\nb = Label(\'it\\\'s\\n"2"\')',
    "root = Card([a, a])\na = Label(b)\nb = Label(a)",  # in a circle
    'root = Card([missing, Unknown(1), [Label(null)], {a: Label(1), "b c": 2, 3: true}])',
    "chart = PieChart([], [])\nMore = Card([chart])",
    'a = Label("first")\nb = Label("second")',
    'Card = Label("named as the root")\nx = Label("other")',
    'a = Label("one")\na = Label("two")\nroot = Card([a])',
    'no statement\nroot: Card()\n= 3\nroot = Card([x])\nx =\nx = Label("x")',
    'root = Card([Label("a\\u00e9\\ud83d\\ude00\\n\\t\\\\"), Label("line\nbreak")])',
    'root = Card([Button("Go", Action([@OpenUrl("https://a.example"), @Set($x, 1)])), Button("b", act)])',
    'root = Card([Button("b", act)])\nact = Action([@ToAssistant("hi")])',
    "root = Card([Label(Count), Label(Count(1)), Label(@Count([1, 2])), Label(Action)])",
    'root = Card([Label("a" "b" 3)]) ]\nx = 1',
    "root = Card((Label((1))))",
    "root = Card([1.5.2, -3, 1e3, 0.5])",
    'data = {rows: [{n: 1}, {n: 2}]}\nroot = Card([Label("x")], data)',
    "",
    "   \n\n",
    "just words, and no program",
    "# a comment",
    "root = 5",
    "root = Card(",
    "root",
    "root =",
]


def cut(text: str) -> list[str]:
    """As a stream has brought it at some moments."""
    return [text[: len(text) * part // 23] for part in range(1, 23)]


def record() -> None:
    """Write what the npm parser makes of the programs: by hand, when its version changes."""
    texts = [*HAND_WRITTEN, *(piece for text in (PROGRAM, HAND_WRITTEN[5]) for piece in cut(text))]
    told = [{"text": text, "tree": found} for text, found in zip(texts, theirs(texts), strict=True)]
    RECORDED.write_text(json.dumps(told, ensure_ascii=True, indent=1) + "\n", "utf-8")


@pytest.mark.parametrize("number", range(len(json.loads(RECORDED.read_text("utf-8")))))
def test_a_program_is_read_as_its_own_parser_reads_it(number: int) -> None:
    """Whole or cut anywhere, well written or not."""
    recorded = json.loads(RECORDED.read_text("utf-8"))[number]
    assert tree(recorded["text"]) == recorded["tree"]


names = st.sampled_from(["a", "b", "c", "Data", "root", "x_1", "missing"])
keys = st.one_of(st.sampled_from(["n", "label", "Kind"]), st.sampled_from(["a b", "é", "0"]).map(json.dumps))
leaves = st.one_of(
    st.text(max_size=12).map(lambda text: json.dumps(text, ensure_ascii=False)),
    st.text("abc 'x", max_size=5).map(lambda text: "'" + text.replace("'", "\\'") + "'"),
    st.integers(-999, 10**6).map(str),
    st.floats(-1e6, 1e6, allow_nan=False).map(lambda number: repr(round(number, 3))),
    st.sampled_from(["true", "false", "null"]),
    names,
)


def joined(parts: list[str], start: str, end: str) -> str:
    return f"{start}{', '.join(parts)}{end}"


def compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    several = st.lists(inner, max_size=4)
    calls = st.sampled_from([*LIBRARIES["openui"], "Unknown", "@ToAssistant", "Action"])
    return st.one_of(
        several.map(lambda parts: joined(parts, "[", "]")),
        several.map(lambda parts: joined(parts, "[\n  ", "\n]")),
        st.lists(st.tuples(keys, inner).map(": ".join), max_size=3).map(
            lambda parts: joined(parts, "{", "}")
        ),
        st.tuples(calls, several).map(lambda call: joined(call[1], f"{call[0]}(", ")")),
    )


expressions = st.recursive(leaves, compound, max_leaves=12)
programs = st.tuples(
    st.lists(st.tuples(names, expressions).map(" = ".join), min_size=1, max_size=6),
    st.sampled_from(["\n", "\n\n", "\r\n", " // a note\n", " # a note\n"]),
).map(lambda told: told[1].join([*told[0], ""]))


@pytest.mark.skipif(not IS_INSTALLED, reason="make openui installs OpenUI's own parser")
def test_any_program_is_read_as_its_own_parser_reads_it() -> None:
    """Random ones, whole and cut at a random place. One process of node reads them all."""
    texts: list[str] = []

    @settings(max_examples=PROGRAMS, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(programs, st.floats(0, 1))
    def collect(program: str, part: float) -> None:
        texts.extend((program, program[: int(len(program) * part)]))

    collect()
    for text, found in zip(texts, theirs(texts), strict=True):
        assert without_gaps(tree(text)) == without_gaps(found), text


def without_gaps(value: Any) -> Any:
    """Their parser takes a closing bracket for the value of a key that a cut left without one, and the next
    for a key, which it calls "?".
    """
    if isinstance(value, list):
        return [without_gaps(item) for item in value]
    if isinstance(value, dict):
        return {key: without_gaps(part) for key, part in value.items() if key != "?"}
    return value


# ---- shown

SHOWN = """\
Revenue
2026
Rose 8.4 % # not a comment // nor this
Q1 Here  ██                             120
Q1 There ▏                              -1
Q2 Here  ██                             132.5
Q2 There ██████████████████████████████ 2000
a  ██████████                     0.25
b  ██████████████████████████████ 0.75
Name   Age
──────────
Ada    36
Bob
Your name * [ Jane Doe ]
Kind        [ First / Second ]
1. [Send]
2. Compare
3. Show a table"""


@pytest.mark.parametrize(
    "text",
    [PROGRAM, f"```openui-lang\n{PROGRAM}```", f"```openui\n{PROGRAM}", c1_code(PROGRAM, escaped=True)],
)
def test_a_program_is_shown_as_a_card(text: str) -> None:
    """Alone, in a fence, in one that was not closed, in C1's wrapping."""
    assert shown(text) == SHOWN


def test_text_around_a_program_is_shown_too() -> None:
    told = shown('Before\n\n```openui-lang\nroot = Card([Label("x"), Label("y")])\n```\nAfter')
    assert told.split() == ["Before", "x", "y", "After"]


SECOND_DIALECT = """\
```openui-lang
root = Card([head, chart, pie, table, points, steps, tabs, metric, tags, form, links, offers])
head = Header("Revenue", "2026")
chart = BarChart(["Q1", "Q2"], [{category: "Here", values: [1, 2]}], "grouped", null, "By quarter")
pie = PieChart([{category: "a", value: 3}, {category: "b", value: 1}], "pie", "Shares")
table = Table([Col("Name"), Col("Age")], [["Ada", 36], ["Bob", 3]])
points = ScatterChart([{name: "m", points: [{x: 1, y: 2}]}])
steps = Steps([StepsItem("One", "do this")])
tabs = Tabs([TabItem("id", "First", [TextContent("inside")])])
metric = MetricIndicatorInline("5", "units", "up")
tags = TagBlock([Tag("new"), Tag("hot")])
form = Form("contact", ButtonGroup([Button("Send", {type: "continue_conversation"})]), [name])
name = FormControl("Name", Input("n", {required: true}, "Jane"))
links = ButtonGroup([Button("Open", {type: "open_url", url: "https://a.example"})])
offers = FollowUpBlock(["More", "Less"])
```"""


def test_the_second_dialect_of_c1s_models_has_names_of_its_own() -> None:
    lines = shown(f'<content thesys="true" version="2">{SECOND_DIALECT}</content>').splitlines()
    assert [line.split("█")[0].rstrip() for line in lines] == [
        *("Revenue", "2026", "By quarter", "Q1", "Q2", "Shares", "a", "b"),
        *("Name   Age", "──────────", "Ada    36", "Bob    3", "    x   y", "─────────", "m   1   2"),
        *("One", "do this", "First", "inside", "5", "units", "new · hot"),
        *("Name * [ Jane ]", "1. [Send]", "[Open] https://a.example", "2. More", "3. Less"),
    ]


def test_what_can_be_pressed_is_sent_as_the_official_client_sends_it() -> None:
    """The button of a form asks for its fields; a step that says something says that."""
    choices = Choices()
    text = PROGRAM.replace(
        "[head,", '[Buttons([Button("More", Action([@ToAssistant("tell me more")]))]), head,'
    )
    for component in read(text, ended=True).settled:
        list(render(component, choices))
    more, send, *offers = choices
    assert (more.label, more.button, more.fields) == ("More", "tell me more", ())
    assert (send.label, send.form, [field.name for field in send.fields]) == (
        "Send",
        "contact",
        ["fullname", "kind"],
    )
    assert [(offer.label, offer.button) for offer in offers] == [("Compare", None), ("Show a table", None)]


@pytest.mark.parametrize(
    "text", [PROGRAM, f"Hi\n\n```openui-lang\n{PROGRAM}```\n\nBye", c1_code(SECOND_DIALECT)]
)
def test_what_is_settled_never_changes_wherever_a_program_is_cut(text: str) -> None:
    """Names are used before they are told: a component is printed when all of it has come."""
    whole, before = read(text, ended=True).settled, 0
    for end in range(0, len(text), 4):
        settled = read(text[:end], ended=False).settled
        assert settled == whole[: len(settled)]
        assert len(settled) >= before
        before = len(settled)
    assert before >= len(whole) - 1


def test_a_program_appears_while_it_is_written() -> None:
    """The first component is there when its own line has ended."""
    end = PROGRAM.index("note = ")
    answer = read(PROGRAM[:end], ended=False)
    assert [part["component"] for part in answer.settled] == ["Header"]
    half = read(PROGRAM[: PROGRAM.index("Rose") + 8], ended=False)
    assert half.growing == {"component": "TextContent", "props": {"textMarkdown": "Rose **8"}}


# ---- what nobody should write


@pytest.mark.parametrize("opening", ["[", "(", "{a: ", "Card(", "!", "-", "a ? ", "@First("])
def test_a_program_without_end_is_shown_as_it_is(opening: str) -> None:
    deep = f"root = Card({opening * (DEPTH + 1)}"
    assert openui.components(deep, ended=True) is None
    assert "root" in shown(f"```openui-lang\n{deep}\n```")


@pytest.mark.timeout(10)
def test_a_few_lines_cannot_stand_for_billions() -> None:
    lines = [f"a{n} = [a{n + 1}, a{n + 1}, a{n + 1}, a{n + 1}]" for n in range(40)]
    bomb = "\n".join(["root = Card([Table([Col(a0, a0)])])", *lines, 'a40 = "x"'])
    assert read(bomb, ended=True).settled


def test_a_number_does_not_make_a_long_text() -> None:
    assert (
        tree('root = Card(["ab" * 999999999, "%9999999999d" % 1, 2 / 0])')["props"]["children"] == [None] * 3
    )


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ('"a" + 1 + true + null', "a1true"),
        ("1 + 2 * 3 - 4 / 2", 5),
        ("(1 + 2) % 2 == 1 && !false", True),
        ('false || 2 > 1 ? "yes" : "no"', "yes"),
        ("data.rows.n", [1, 2]),
        ('data.rows[1].n + data["rows"][0].n', 3),
        ('data.none + "x"', "x"),
        ("data.rows[9]", None),
        ("$n + 1", 3),
        ("$n = 5", 5),
        ("-$n", -2),
        ("-data", None),
        ('1 < "a"', None),
        ('Query("tool", {}, {n: 7}).n', 7),
        ('Query("tool")', None),
    ],
)
def test_what_can_be_known_without_the_page_is_computed(code: str, value: object) -> None:
    """A query's answer cannot: what stands in for it until it comes, does here."""
    program = f"root = Card([{{x: {code}}}])\ndata = {{rows: [{{n: 1}}, {{n: 2}}]}}\n$n = 2"
    assert tree(program)["props"]["children"] == [{"x": value}]


WRONG = ["null", "1", "[1, null, [1]]", "{a: [null]}", "[Card([])]"]


@pytest.mark.parametrize("library", LIBRARIES)
def test_arguments_of_a_wrong_shape_are_no_traceback(library: str) -> None:
    """Each component with each wrong value in each place."""
    for name, arguments in LIBRARIES[library].items():
        for wrong in WRONG:
            text = f"root = Card([{name}({', '.join([wrong] * len(arguments))})])"
            shown(
                f'<content thesys="true" version="2">```\n{text}\n```</content>' if library == "c1" else text
            )


@pytest.mark.parametrize("text", ["x = Foo(1)\n\nand more", "df = DataFrame(rows)", "```openui-lang\n\n```"])
def test_code_of_another_language_is_shown_as_it_is(text: str) -> None:
    assert shown(text).split() == shown_as_markdown(text).split()
