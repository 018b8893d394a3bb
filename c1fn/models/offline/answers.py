"""What the offline model answers: a chart, a table or a form, as the prompt's words ask for, or in turn."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from c1fn.models.offline.figures import Figures, figures, topic
from c1fn.models.offline.parts import (
    Answer,
    Buttons,
    Chart,
    Choice,
    Field,
    FollowUps,
    Form,
    Grid,
    Heading,
    Part,
    Words,
)
from c1fn.models.offline.prompts import Heard, hear, plain
from c1fn.turn import Message

ROWS = 50
"""Rows of a table that echoes a form: a form may have a thousand fields, a card should not."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A prompt's words, and what it is about."""

    text: str
    about: str
    figures: Figures

    @property
    def with_last_year(self) -> bool:
        return _LAST_YEAR.search(self.text) is not None

    def offer(self, *texts: str) -> FollowUps:
        """Three of these, and not what was just asked."""
        return FollowUps(tuple(text for text in texts if text != self.text)[:3])

    def told(self, sentence: str) -> Words:
        return Words(f"On “{quoted(self.text)}”: {sentence}")


Kind = Callable[[Asked], Answer]
"""What follows the heading."""


def answer(messages: Sequence[Message]) -> Answer:
    """The answer to a history. Its last message is a prompt or a tool's result."""
    said = [hear(message.content) for message in messages if message.role == "user"]
    heard = said[-1] if said else Heard("")
    if messages and messages[-1].role == "tool":
        told = f"The tool answered: {quoted(plain(messages[-1].content))}"
        return _card("Tool", len(said), Words(told), Buttons(("Show another chart",)), FollowUps(_ASKS))
    if heard.fields:
        return _echo(heard, len(said))
    if not heard.text:
        told = "Your message has no words in it. Ask for a chart, a table or a form."
        return _card("Hello", len(said), Words(told), Buttons(("Show a chart",)), FollowUps(_ASKS))
    return _shown(heard.text, [earlier.text for earlier in said])


def quoted(text: str) -> str:
    """Markdown that shows the text as it is. The official client hides a number in brackets, even an escaped
    one, as a citation: so an invisible character stands before the number.
    """
    return re.sub(r"([\\`*_\[\]<>~$|&])", r"\\\1", re.sub(r"\[(?=\d+\])", "[\u2060", text))


OF_ONE_SERIES = ("Pie", "Radial")

_ASKS = ("Show a chart", "Show a table", "Make a contact form")

_LAST_YEAR = re.compile(r"\b(?:last|previous) year\b", re.IGNORECASE)


def _card(title: str, turn: int, *parts: Part) -> Answer:
    return Heading(title, f"Turn {turn} of this conversation"), *parts


def _shown(text: str, said: Sequence[str]) -> Answer:
    """A prompt that names nothing is about what was named before."""
    turn = len(said)
    about = next((found for found in map(topic, reversed(said)) if found), "Figures")
    named = next((kind for words, kind in _KINDS if words.search(text)), None)
    in_turn = _CHARTS if re.search(r"\banother chart\b", text, re.IGNORECASE) else _IN_TURN
    kind = named if named and in_turn is _IN_TURN else in_turn[(turn - 1) % len(in_turn)]
    return _card(about, turn, *kind(Asked(text, about, figures(about, text))))


def _summary(found: Figures) -> str:
    (top, most), (low, least) = found.highest, found.lowest
    more = round(100 * (most - least) / least)
    return f"{top} is the highest with {most}, {more} % above {low}. The figures are invented."


def _chart(kind: str) -> Kind:
    def chart(asked: Asked) -> Answer:
        found, about = asked.figures, asked.about
        several = {"This year": found.values, "Last year": found.before}
        series = several if asked.with_last_year and kind not in OF_ONE_SERIES else {about: found.values}
        return (
            asked.told(_summary(found)),
            Chart(kind, f"By {found.by.lower()}", found.labels, series),
            Buttons(("Show another chart",)),
            asked.offer(
                "Compare with last year", "Show as a table", "Show as a line chart", "Make a contact form"
            ),
        )

    return chart


def _table(asked: Asked) -> Answer:
    found = asked.figures
    rows = list(zip(found.labels, found.values, found.before, strict=True))
    if asked.with_last_year:
        compared = ((at, str(now), str(was), f"{100 * (now - was) / was:+.0f} %") for at, now, was in rows)
        grid = Grid((found.by, "This year", "Last year", "Change"), tuple(compared))
    else:
        grid = Grid((found.by, "Figure"), tuple((at, str(now)) for at, now, _ in rows))
    return (
        asked.told(_summary(found)),
        grid,
        Buttons(("Show another chart",)),
        asked.offer(
            "Show as a pie chart", "Compare with last year", "Show as a table", "Make a feedback form"
        ),
    )


def _echo(heard: Heard, turn: int) -> Answer:
    name = next((value for field, value in heard.fields if "name" in field.lower() and value), "")
    thanks = f"Thank you, {quoted(name)}." if name else "Thank you."
    return _card(
        "Received",
        turn,
        Words(f"{thanks} This is what you sent:\n\n{_sent(heard.fields)}"),
        Buttons(("Show another chart",)),
        FollowUps(("Make a booking form", "Make a feedback form", "Show a table")),
    )


def _sent(fields: Sequence[tuple[str, str]]) -> str:
    """A table in Markdown, and not a table component: what a person typed can be quoted in Markdown, but the
    cells of a component are Markdown for some versions of the official client and plain text for others.
    """
    more = [("…", f"and {len(fields) - ROWS} more")] if len(fields) > ROWS else []
    rows = (
        f"| {quoted(_LABELS.get((name, ''), name))} | {quoted(_LABELS.get((name, value), value))} |"
        for name, value in (*fields[:ROWS], *more)
    )
    return "\n".join(("| Field | Value |", "| --- | --- |", *rows))


def _form(form: Form) -> Kind:
    def shown(asked: Asked) -> Answer:
        told = asked.told("what you send comes back in the next answer, and goes nowhere else.")
        return (
            told,
            form,
            asked.offer("Show a chart", "Make a booking form", "Show a table", "Make a contact form"),
        )

    return shown


_CONTACT = Form(
    "contact",
    (
        Field("Input", "fullname", "Your name", "Jane Doe", required=True),
        Field("Input", "email", "E-mail", "jane@example.com", required=True),
        Field("TextArea", "message", "Message", "What is it about?"),
    ),
)
_BOOKING = Form(
    "booking",
    (
        Field("Input", "fullname", "Your name", "Jane Doe", required=True),
        Field("DatePicker", "date", "Day", required=True),
        Field(
            "Select",
            "time",
            "Time",
            "Choose a time",
            choices=(Choice("09:00", "9 in the morning"), Choice("14:00", "2 in the afternoon")),
        ),
        Field("Slider", "people", "People", limits=(1, 12)),
    ),
)
_FEEDBACK = Form(
    "feedback",
    (
        Field(
            "RadioGroup",
            "rating",
            "How was it?",
            required=True,
            choices=(Choice("good", "Good"), Choice("fair", "Fair"), Choice("poor", "Poor")),
        ),
        Field(
            "CheckBoxGroup",
            "liked",
            "What did you like?",
            choices=(
                Choice("speed", "The speed"),
                Choice("looks", "The looks"),
                Choice("answers", "The answers"),
            ),
        ),
        Field("TextArea", "comment", "Comment", "Anything else?"),
    ),
)

_LABELS = {
    (field.name, ""): field.label for form in (_CONTACT, _BOOKING, _FEEDBACK) for field in form.fields
} | {
    (choice.value, "") if field.kind == "CheckBoxGroup" else (field.name, choice.value): choice.label
    for form in (_BOOKING, _FEEDBACK)
    for field in form.fields
    for choice in field.choices
}
"""The words of a field, or of one of its values. Each box that is checked is sent as a field of its own."""

_KINDS: tuple[tuple[re.Pattern[str], Kind], ...] = tuple(
    (re.compile(rf"\b(?:{words})\b", re.IGNORECASE), kind)
    for words, kind in (
        ("feedback|survey|rate|rating", _form(_FEEDBACK)),
        ("book|booking|reserve|reservation|appointment|meeting", _form(_BOOKING)),
        ("form|contact|sign.?up|register", _form(_CONTACT)),
        ("tables?", _table),
        ("pie|donut|share|shares|split|breakdown", _chart("Pie")),
        ("line|lines|trend|trends|over time|growth", _chart("Line")),
        ("area|cumulative", _chart("Area")),
        ("radar|spider", _chart("Radar")),
        ("radial|gauge", _chart("Radial")),
        ("with last year|with the previous year", _chart("Bar")),
        ("list|compare|rows?|columns?", _table),
        ("bar|bars|chart|graph|plot", _chart("Bar")),
    )
)
"""The first whose words are in the prompt. None: what is the turn's."""

_CHARTS = tuple(map(_chart, ("Bar", "Line", "Pie", "Area", "Radar", "Radial")))

_IN_TURN = (_CHARTS[0], _table, _CHARTS[1], _form(_CONTACT), *_CHARTS[2:])
