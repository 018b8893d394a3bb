"""Records what a start compiles from text, and writes it compiled for c1fn/startup/compiled.py.

Runs in a process of its own with the package on its path, starts the function as it is usually set up (C1 and
DynamoDB), and sends nothing. What a text becomes does not depend on the processor, so any machine that can
import the packages makes the file for all.

    python3.13 -P record.py FILE HANDLER
"""

import asyncio
import builtins
import marshal
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from c1fn.startup import compiled

if TYPE_CHECKING:
    from c1fn.runtime.lifespan import Lifespan

SETTINGS = {
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_SECRET_ACCESS_KEY": "none",
    "C1FN_AUTH": "none",
    "C1FN_STORE": "dynamodb",
    "THESYS_API_KEY": "none",
}

CHANGING = re.DEBUG | re.LOCALE
"""Flags of patterns that do something else each time."""


class Recorder:
    """Notes each text that is compiled, and what it becomes."""

    def __init__(self) -> None:
        self.texts: set[tuple[str, str]] = set()
        self.patterns: compiled.Patterns = {}
        self._made: tuple[Any, ...] = ()

    def begin(self) -> None:
        for module, name, kind in compiled.PLACES:
            setattr(module, name, self._noting(getattr(builtins, name), kind))
        compiled.SRE.compile = self._make  # what a pattern becomes is seen here alone
        compiled.COMPILER.compile = self._compile

    def end(self) -> None:
        compiled.SRE.compile = compiled.make_pattern
        compiled.uninstall()

    def data(self) -> bytes:
        texts = {(kind, text): compile(text, "<string>", kind) for kind, text in sorted(self.texts)}
        patterns = dict(sorted(self.patterns.items(), key=repr))
        return compiled.VERSION + marshal.dumps((texts, patterns))

    def _noting(self, usual: Callable[..., Any], kind: str) -> Callable[..., Any]:
        def note(text: Any, *more: Any, **options: Any) -> Any:
            if isinstance(text, str):
                self.texts.add((kind, text))
            return usual(text, *more, **options)

        return note

    def _make(self, pattern: Any, *made: Any) -> Any:
        self._made = made
        return compiled.make_pattern(pattern, *made)

    def _compile(self, pattern: Any, flags: int = 0) -> Any:
        found = compiled.compile_pattern(pattern, flags)
        if isinstance(pattern, str | bytes) and not int(flags) & CHANGING:
            final, code, *rest = self._made
            self.patterns[pattern, int(flags)] = (int(final), [int(part) for part in code], *rest)
        return found


async def start(handler: str) -> None:
    """As on Lambda, up to where it would ask for its first event."""
    import c1fn.runtime.start  # noqa: F401 - it is loaded before the handler
    from c1fn.runtime.load_handler import load

    app = cast("Lifespan", load(handler).app)
    await app.startup()
    await app.shutdown()


def main() -> None:
    """Record one start, and write the file."""
    os.environ |= SETTINGS
    recorder = Recorder()
    recorder.begin()
    asyncio.run(start(sys.argv[2]))
    recorder.end()
    Path(sys.argv[1]).write_bytes(recorder.data())


if __name__ == "__main__":
    main()
