"""Lazy imports of packages, for a dependency that imports far more than c1fn uses.

``import openai`` loads every type of every API it knows, and every way to reach it; a chat completion read as
raw events needs almost none of them. Inside ``with lazy("openai"):`` each *package* of that tree is imported
as a module that knows its name and its path, and runs its own ``__init__`` later. Such a package is in one of
three states:

=========  ==================================================================================================
waiting    imported, its code has not run: what is asked of it decides
running    its code runs now, in this thread; another thread waits, as for any import
loaded     its code has run: a module like any other
=========  ==================================================================================================

For example, with ``openai/types/__init__.py`` holding ``from .model import Model`` and ``KINDS = [1]``::

    with lazy("openai"):
        import openai.types     # waiting: neither line has run
    openai.types.Model          # still waiting: it comes from one module, and that module alone is imported
    openai.types.KINDS          # the package's own name: now its code runs, and it is loaded

Which names a package takes from which module is read from its bytecode, since a deployed package has no
sources. So nothing is missing and nothing is replaced: what is used is loaded as ever, only later. Plain
modules, and packages that were imported before, are left alone.

Bytecode is another for each version of Python. What is read of it is tried on a known text first
(``reads_bytecode``): where it is not understood, or ``importlib`` has no such locks (``TOUCHED``), or with
C1FN_PLAIN_START=1, imports are as ever.

Without it a start takes 61 % more CPU (least of 10 interleaved starts on a busy machine: 489 → 790 ms).

https://docs.python.org/3/reference/import.html#the-meta-path (`importlib.util.LazyLoader` does not fit: there
the import of a submodule already loads its package.)
"""

import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib import import_module
from importlib.abc import InspectLoader, Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from opcode import opmap
from threading import local
from types import CodeType, ModuleType
from typing import Any

from c1fn.startup import is_plain

_BOOTSTRAP: Any = import_module("importlib._bootstrap")
"""Its locks have no public name. They notice when threads wait for each other in a circle."""

TOUCHED = ("_get_module_lock", "_DeadlockError")
"""Names of ``_BOOTSTRAP`` that are used here."""

_WAITING: dict[str, "_Loader"] = {}  # by the name of a module that has not run yet
_BESIDE = ""
"""In ``from . import module``, what stands for the module that a name is taken from."""


@contextmanager
def lazy(*trees: str) -> Generator[None]:
    """What this thread imports of these trees within the block is loaded when it is first used."""
    if is_plain() or not USABLE:
        yield
        return
    before, _HERE.trees = _HERE.trees, (*_HERE.trees, *trees)
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)  # it stays: another thread may be going through the list
    try:
        yield
    finally:
        _HERE.trees = before


class _Here(local):
    """Of this thread."""

    trees: tuple[str, ...] = ()


_HERE = _Here()


class _Module(ModuleType):
    """Asked for what it does not have, it runs its own code, once."""

    def __getattr__(self, name: str) -> object:
        if (found := self._from_its_module(name)) is not None:
            vars(self)[name] = found  # each prompt asks for seventeen of openai's
            return found
        self._run()
        try:
            return super().__getattribute__(name)  # which asks the package's own __getattr__
        except AttributeError:
            # Usually there because a package that has not run yet imports it.
            if (found := self._beside(name)) is None:
                raise
            return found

    def __dir__(self) -> list[str]:
        self._run()
        return sorted(super().__dir__())

    def _beside(self, name: str) -> ModuleType | None:
        path = f"{self.__name__}.{name}"
        return import_module(path) if not name.startswith("__") and find_spec(path) else None

    def _from_its_module(self, name: str) -> object:
        """A module of the package, or a name that it takes from one, without running the package. No lock is
        held meanwhile but those of the imports themselves, which notice when they wait in a circle.
        """
        waiting = _WAITING.get(self.__name__)
        if waiting is None or name.startswith("__"):
            return None
        module = waiting.names.get(name, _BESIDE)
        try:
            with lazy(*waiting.trees):
                if module == _BESIDE:
                    return self._beside(name)
                if module:
                    return getattr(import_module(f"{self.__name__}.{module}"), name, None)
        except ImportError:  # the module needs something of the package's own, and that needs the module
            return None
        return None

    def _run(self) -> None:
        lock = _BOOTSTRAP._get_module_lock(self.__name__)
        try:
            lock.acquire()
        except _BOOTSTRAP._DeadlockError:  # another thread runs it and waits for us
            return  # what it has so far must do, as in any circle of imports
        try:
            self._run_once()
        finally:
            lock.release()

    def _run_once(self) -> None:
        waiting = _WAITING.pop(self.__name__, None)
        if waiting is None:
            return  # it has run, or it is running and asks itself
        before = dict(vars(self))
        try:
            with lazy(*waiting.trees):
                waiting.loader.exec_module(self)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            _WAITING[self.__name__] = waiting  # as an import that failed is tried again
            raise
        # What somebody has set meanwhile (`openai.api_key = ...`) stays set.
        vars(self).update((name, value) for name, value in before.items() if self._was_set(name, value))

    def _was_set(self, name: str, value: object) -> bool:
        return not name.startswith("__") and value is not sys.modules.get(f"{self.__name__}.{name}")


_CONST, _IMPORT, _FROM, _STORE, _MORE = (
    opmap.get(name, -1) for name in ("LOAD_CONST", "IMPORT_NAME", "IMPORT_FROM", "STORE_NAME", "EXTENDED_ARG")
)


def names(code: CodeType) -> dict[str, str | None]:
    """Where a package's code has its names from.

    :returns: by name, the module of the package that it is taken from; ``_BESIDE`` for such a module itself,
        None for what only running the code tells.
    """
    found: dict[str, str | None] = {}
    module = taken = None
    level = listed = (_CONST, 0)  # what was pushed last: an import takes its level and its list of names
    for operation, argument in _operations(code.co_code):
        if operation == _IMPORT:
            # Some versions push a constant's number, some the level itself.
            above = code.co_consts[level[1]] if level[0] == _CONST else level[1]
            module = code.co_names[argument] if above == 1 else None
        elif operation == _FROM:
            taken = code.co_names[argument]
        elif operation == _STORE:
            name = code.co_names[argument]
            source = module if taken == name else None
            found[name] = source if found.get(name, source) == source else None
            taken = None
        level, listed = listed, (operation, argument)
    return found


def _operations(code: bytes) -> Iterator[tuple[int, int]]:
    """https://docs.python.org/3/library/dis.html#opcode-EXTENDED_ARG"""
    more = 0
    for operation, argument in zip(code[::2], code[1::2], strict=True):
        whole = more << 8 | argument
        if operation == _MORE:
            more = whole
        else:
            more = 0
            yield operation, whole


_KNOWN = "import a\nfrom .b import c, d as e\nfrom . import f\nfrom ..g import h\nfrom i import j\nk = 1\n"
_READ = {"a": None, "c": "b", "e": None, "f": _BESIDE, "h": None, "j": None, "k": None}


def reads_bytecode() -> bool:
    """``names`` understands what this Python makes of a text."""
    return names(compile(_KNOWN, "<string>", "exec")) == _READ


USABLE = all(hasattr(_BOOTSTRAP, name) for name in TOUCHED) and reads_bytecode()


class _Loader(Loader):
    def __init__(self, loader: Loader, name: str, trees: tuple[str, ...]) -> None:
        self.loader = loader
        self.name = name
        self.trees = trees
        """What its code imports is late as well."""

    @cached_property
    def names(self) -> dict[str, str | None]:
        code = self.loader.get_code(self.name) if isinstance(self.loader, InspectLoader) else None
        return names(code) if code else {}

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        _WAITING.pop(spec.name, None)  # of one that was imported before, and never asked for anything
        return _Module(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        _WAITING[module.__name__] = self
        # It is asked for the package's data: https://docs.python.org/3/library/importlib.resources.html
        module.__loader__ = self.loader
        if module.__spec__:
            module.__spec__.loader = self.loader


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        trees = _HERE.trees
        if not any(fullname == tree or fullname.startswith(f"{tree}.") for tree in trees):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None and spec.submodule_search_locations:
            spec.loader = _Loader(spec.loader, fullname, trees)
        return spec


_FINDER = _Finder()
