"""Compiles at build time what Python compiles from text at import: dataclasses, named tuples, annotations,
patterns.

The dataclass decorator generates its methods as text and compiles it; patterns are parsed by Python code. The
packages that a start imports do this about 700 times, always for the same texts, which takes a quarter of the
start's CPU. So the package has a file with the results (local/package/record.py), and in the modules of the
standard library that do this work, ``exec`` and similar functions look there first. The text itself is the
key, so a wrong result cannot be found; a text that is not in the file is compiled as usual. The file is not
used if it was made by another version of Python, if Python lacks the private names (``TOUCHED``), or with
C1FN_PLAIN_START=1.

Without it a start takes 20 % more CPU (least of 10 interleaved starts on a busy machine: 489 → 585 ms).

https://docs.python.org/3/library/marshal.html (it is our own file, beside our own code)
"""

import builtins
import collections
import dataclasses
import importlib.util
import marshal
import typing
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from types import CodeType
from typing import Any

from c1fn.startup import is_plain

FILE = Path(__file__).with_name("compiled.bin")


def _internal(name: str) -> Any:
    """A module of Python's that has no other name, and no types; None where it is gone."""
    try:
        return import_module(name)
    except ImportError:
        return None


SRE = _internal("_sre")
COMPILER = _internal("re._compiler")

TOUCHED: tuple[tuple[Any, str], ...] = ((SRE, "MAGIC"), (SRE, "compile"), (COMPILER, "compile"))
"""What makes a pattern, by module and name."""

USABLE = all(hasattr(module, name) for module, name in TOUCHED)

VERSION = importlib.util.MAGIC_NUMBER + getattr(SRE, "MAGIC", 0).to_bytes(4, "little")
"""Of Python's bytecode, and of what a pattern becomes; the file begins with it."""

ANNOTATIONS: Any = _internal("annotationlib") or typing
"""Where annotations that are texts are read: since Python 3.14 in a module of its own."""

PLACES: tuple[tuple[Any, str, str], ...] = (
    (dataclasses, "exec", "exec"),
    (collections, "eval", "eval"),
    (ANNOTATIONS, "compile", "eval"),
)
"""Where texts are compiled: the module, the function it calls, and the kind of text."""

Texts = dict[tuple[str, str], CodeType]
"""By kind and text."""

Patterns = dict[tuple[Any, int], tuple[Any, ...]]
"""What `_sre.compile` takes after the pattern, by pattern and flags."""

compile_pattern: Any = getattr(COMPILER, "compile", None)
make_pattern: Any = getattr(SRE, "compile", None)


def install(path: Path = FILE) -> bool:
    """Use the file. Returns whether it is used: there is one, and it is for this Python."""
    if is_plain() or not USABLE:
        return False
    try:
        data = path.read_bytes()
        if not data.startswith(VERSION):
            return False
        texts, patterns = marshal.loads(data[len(VERSION) :])  # noqa: S302 - ours, as our code is
    except (OSError, ValueError, EOFError, TypeError):
        return False
    for module, name, kind in PLACES:
        setattr(module, name, _looking(name, kind, texts))
    COMPILER.compile = _looking_for_patterns(patterns)
    return True


def uninstall() -> None:
    """Compile as usual again."""
    for module, name, _ in PLACES:
        vars(module).pop(name, None)
    if USABLE:
        COMPILER.compile = compile_pattern


def _looking(name: str, kind: str, texts: Mapping[tuple[str, str], CodeType]) -> Callable[..., Any]:
    """The built-in function of this name, which is told the code instead of the text where it is known."""
    usual = getattr(builtins, name)

    def run(text: Any, *spaces: Any, **more: Any) -> Any:
        return usual(texts.get((kind, text), text), *spaces, **more)

    def compiled(text: Any, filename: str, mode: str, **more: Any) -> Any:
        known = texts.get((mode, text)) if filename == "<string>" and not more else None
        return known or usual(text, filename, mode, **more)

    return compiled if name == "compile" else run


def _looking_for_patterns(patterns: Patterns) -> Callable[..., Any]:
    def compiled(pattern: Any, flags: int = 0) -> Any:
        known = patterns.get((pattern, int(flags))) if isinstance(pattern, str | bytes) else None
        return make_pattern(pattern, *known) if known else compile_pattern(pattern, flags)

    return compiled
