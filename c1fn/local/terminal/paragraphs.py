"""Markdown without the blank lines that rich puts around a table, a list or code: one stands between two
parts of an answer already. Its empty lines for an empty cell or a `<kbd>` go as well.

https://rich.readthedocs.io/en/stable/markdown.html
"""

from collections.abc import Sequence
from itertools import dropwhile, pairwise
from typing import ClassVar

from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import Markdown, TableElement
from rich.segment import Segment
from rich.table import Table


class _Rows(TableElement):
    """Without an edge, which would be a blank line above and one below it."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for part in super().__rich_console__(console, options):
            if isinstance(part, Table):
                part.show_edge = False
            yield part


class _Markdown(Markdown):
    elements: ClassVar = {**Markdown.elements, "table_open": _Rows}


class Paragraphs:
    """Without backgrounds: the terminal's own may be light or dark."""

    def __init__(self, text: str) -> None:
        self._markdown = _Markdown(text, hyperlinks=False, code_theme="ansi_dark")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = console.render_lines(self._markdown, options, pad=False)
        for _ in range(2):  # from the beginning, and from the end
            lines = list(dropwhile(_is_blank, lines))[::-1]
        for before, line in pairwise([[], *lines]):
            both = _is_blank(before) and _is_blank(line)
            if not both or (before and line):  # in code: it has blanks in them, rich's own have none
                yield from line
                yield Segment.line()


def _is_blank(line: Sequence[Segment]) -> bool:
    return not any(segment.text.strip() for segment in line)
