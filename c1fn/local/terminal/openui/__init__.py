"""OpenUI Lang: what newer models write in place of C1's JSON, as components that the terminal shows.

`tokens` and `language` read the text, `program` puts its statements together, `libraries` says what the
arguments are called, `components` gives each component C1's form. https://openui.com/docs/openui-lang/specification-v05
"""

from c1fn.local.terminal.openui.components import as_c1
from c1fn.local.terminal.openui.language import TooDeep, statements
from c1fn.local.terminal.openui.libraries import LIBRARIES
from c1fn.local.terminal.openui.program import Program

__all__ = ["components"]


def components(
    text: str, *, ended: bool, library: str = "openui"
) -> tuple[list[dict[str, object]], int] | None:
    """What the text shows so far, and how many of these will not change. None: it cannot be read.

    :param library: whose components: `openui`, or `c1`.
    """
    try:
        program = Program(statements(text), LIBRARIES[library], ended=ended)
    except TooDeep:
        return None
    shown, settled = program.shown()
    return [as_c1(component) for component in shown], settled
