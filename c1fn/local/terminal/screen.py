"""Shows an answer while it is written, without changing what was printed.

Complete parts are printed once, above one line that shows what is being written. So long answers do not
flicker, and a pipe gets the same text without that line and without colours.

https://rich.readthedocs.io/en/stable/reference/status.html
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from rich.console import Console, RenderableType
from rich.text import Text
from rich.theme import Theme

from c1fn.local.terminal.answer import Answer, read
from c1fn.local.terminal.cards import clean, render
from c1fn.local.terminal.choices import Choices
from c1fn.local.terminal.parts import Component, props

PIPE_WIDTH = 100
"""Columns where there is no terminal to tell."""

THEME = Theme({"markdown.code": "bold"})
"""rich shows code in a line on black, also where all else is on white."""

GROWTH = 50
"""The text is read again once it has grown by a 50th: so a long answer is read 50 times over, not squared."""


class Screen(Protocol):
    """Where a turn is shown."""

    def begin(self, thread_id: str, response_id: str, prompt: str) -> None: ...

    def show(self, pieces: Iterable[str]) -> Answer:
        """The answer from its pieces, as they arrive. A KeyboardInterrupt passes through."""

    def fail(self, sentence: str) -> None: ...

    def end(self, answer: Answer, *, stopped: bool = False) -> None: ...


class Readable:
    """Text for people: with colours and a moving line on a terminal, plain in a pipe.

    :param aside: while something is shown; see `keyboard`.
    """

    def __init__(self, aside: Callable[[], AbstractContextManager[None]] = nullcontext) -> None:
        self._aside = aside
        self.console = Console(
            theme=THEME,
            markup=False,
            highlight=False,
            emoji=False,
            width=None if sys.stdout.isatty() else PIPE_WIDTH,
        )
        self._begun = False
        self.choices = Choices()  # of the newest answer
        self.errors = Console(
            stderr=True, markup=False, highlight=False, emoji=False, soft_wrap=not sys.stderr.isatty()
        )

    def begin(self, thread_id: str, response_id: str, prompt: str) -> None:
        """Whoever asked knows."""

    def show(self, pieces: Iterable[str]) -> Answer:
        printed, answer, self._begun = 0, Answer(), False
        self.choices = Choices()
        if not self.console.is_terminal:
            for answer in grown(pieces):
                printed = self._print(answer, printed)
            return answer
        with self._aside(), self.console.status("…", spinner_style="dim") as status:
            for answer in grown(pieces):
                status.update(self._line(answer))
                printed = self._print(answer, printed)
        return answer

    def fail(self, sentence: str) -> None:
        self.errors.print(Text(clean(sentence), "red"))

    def end(self, answer: Answer, *, stopped: bool = False) -> None:  # noqa: ARG002 - it has been shown
        if stopped:
            self.note("Stopped.")
        if self.console.is_terminal:
            self.console.print()

    def note(self, sentence: str) -> None:
        self.errors.print(Text(clean(sentence), "dim"))

    def _print(self, answer: Answer, printed: int) -> int:
        for component in answer.settled[printed:]:
            if self._begun:
                self._out("")
            self._begun = True
            for part in render(component, self.choices):
                self._out(part)
        return max(printed, len(answer.settled))

    def _out(self, part: RenderableType) -> None:
        if self.console.is_terminal:
            self.console.print(part)
            return
        sys.stdout.write(f"{plain(self.console, part)}\n")
        sys.stdout.flush()

    def _line(self, answer: Answer) -> Text:
        """The end of what is being written, as much as fits."""
        words = clean(_tail(answer.growing) if answer.growing else answer.working or "…").split()
        width = max(10, self.console.width - 10)
        return Text(" ".join(words)[-width:], "dim", no_wrap=True, overflow="crop")


class Lines:
    """One JSON object a line, for programs: `turn`, `delta`…, then `end`."""

    def begin(self, thread_id: str, response_id: str, prompt: str) -> None:
        _line(event="turn", threadId=thread_id, responseId=response_id, prompt=prompt)

    def show(self, pieces: Iterable[str]) -> Answer:
        text = ""
        for piece in pieces:
            text += piece
            _line(event="delta", text=piece)
        return read(text, ended=True)

    def fail(self, sentence: str) -> None:
        _line(event="end", status="failed", error=sentence)

    def end(self, answer: Answer, *, stopped: bool = False) -> None:
        console = Console(
            file=sys.stderr,
            markup=False,
            highlight=False,
            emoji=False,
            width=PIPE_WIDTH,
            no_color=True,
            force_terminal=False,
        )
        choices = Choices()
        parts = (part for component in answer.settled for part in render(component, choices))
        text = "\n".join(plain(console, part) for part in parts)
        status = "stopped" if stopped else "failed" if answer.failure else "finished"
        told = {"error": answer.failure} if answer.failure else {}
        offered = [choice.label for choice in choices if choice.button is None]
        _line(event="end", status=status, text=text, components=answer.settled, followUps=offered, **told)


def grown(pieces: Iterable[str]) -> Iterator[Answer]:
    """The answer after each piece that makes a difference, and at its end."""
    text, seen = "", 0
    for piece in pieces:
        text += piece
        if len(text) - seen > seen // GROWTH:
            seen = len(text)
            yield read(text, ended=False)
    yield read(text, ended=True)


def plain(console: Console, part: RenderableType) -> str:
    """A part as lines without colours and without blanks at their ends."""
    with console.capture() as captured:
        console.print(part)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def _tail(component: Component) -> str:
    """The text a growing component has so far, else its kind: "bar chart" for BarChartV2."""
    text = props(component).get("textMarkdown")
    kind = str(component.get("component", "")).removesuffix("V2")
    return text if isinstance(text, str) else re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind).lower()


def _line(**fields: Any) -> None:
    sys.stdout.write(f"{json.dumps(fields)}\n")
    sys.stdout.flush()
