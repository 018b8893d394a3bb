"""A chart as bars, which are shorter where the terminal is narrow.

https://rich.readthedocs.io/en/stable/protocol.html
"""

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

BAR = 30
"""Characters of the longest bar: labels and figures fit beside it in a narrow terminal."""

SHORT = 5
"""Characters that it has at least."""


class Bars:
    """:param bars: label, series and value of each."""

    def __init__(self, bars: list[tuple[str, str, float]]) -> None:
        self._bars = bars

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        longest = max((abs(value) for *_, value in self._bars), default=0) or 1
        words = (max(map(cell_len, column), default=0) for column in zip(*self._words(), strict=True))
        room = max(SHORT, min(BAR, options.max_width - sum(words) - len("   ")))
        table = Table.grid(padding=(0, 1))
        for (name, series, value), (*_, figure) in zip(self._bars, self._words(), strict=True):
            bar = "█" * round(room * abs(value) / longest) or "▏"
            table.add_row(
                Text(name), Text(series, "dim"), Text(bar, "red" if value < 0 else "cyan"), Text(figure)
            )
        yield table

    def _words(self) -> list[tuple[str, str, str]]:
        return [(name, series, f"{value:g}") for name, series, value in self._bars]
