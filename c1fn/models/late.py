"""Packages that are loaded when they are needed, for a dependency that imports far more than is used.

``import openai`` loads every type of every API it knows; a chat completion read as raw events needs almost
none of them. Inside ``with late("openai.types"):`` each *package* of that tree is imported as a module that
knows its name and its path, and runs its own ``__init__`` at the first attribute somebody asks it for; if
that is a name which the package only takes from one of its modules, that module alone. So nothing is missing
and nothing is replaced: what is used is loaded as ever, only later. Plain modules, and packages that were
imported before, are left alone.

Importing openai after fastapi and boto3 costs 92 instead of 306 ms of CPU (Python 3.13, openai 3.54, medians
of 9 interleaved runs on one core).

https://docs.python.org/3/reference/import.html#the-meta-path (`importlib.util.LazyLoader` does not fit: there
the import of a submodule already loads its package.)
"""

import re
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder, SourceLoader
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from threading import RLock
from types import ModuleType

_LOCK = RLock()
_WAITING: dict[str, Loader] = {}  # by the name of a module that has not run yet
_IMPORT = re.compile(r"^from \.(\w+) import (?:\(([^)]*)\)|(.+))$", re.MULTILINE)
_NAME = re.compile(r"(\w+)(?: as (\w+))?")


@contextmanager
def late(tree: str) -> Generator[None]:
    """Load the packages of this tree that are imported within the block when they are first used."""
    finder = _Finder(tree)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _Module(ModuleType):
    """Asked for what it does not have, it runs its own code, once."""

    def __getattr__(self, name: str) -> object:
        if (found := self._from_its_module(name)) is not None:
            return found
        self._run()
        try:
            return self.__dict__[name]
        except KeyError:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}") from None

    def __dir__(self) -> list[str]:
        self._run()
        return sorted(self.__dict__)

    def _from_its_module(self, name: str) -> object:
        """A module of the package, or a name that it takes from one, without running the package."""
        with _LOCK:
            loader = _WAITING.get(self.__name__)
            if not isinstance(loader, SourceLoader) or name.startswith("__"):
                return None
            if module := _imported(loader.get_source(self.__name__)).get(name):
                return getattr(import_module(f"{self.__name__}.{module}"), name, None)
            if find_spec(f"{self.__name__}.{name}"):
                return import_module(f"{self.__name__}.{name}")
            return None

    def _run(self) -> None:
        with _LOCK:
            loader = _WAITING.pop(self.__name__, None)
            if loader is None:
                return  # it has run, or it is running and asks itself
            try:
                loader.exec_module(self)
            except BaseException:
                _WAITING[self.__name__] = loader  # as an import that failed is tried again
                raise


@cache
def _imported(source: str | None) -> dict[str, str]:
    """The names that this text imports under their own names, by ``from .module import a as a, b``."""
    return {
        name: module
        for module, several, one in _IMPORT.findall(source or "")
        for name, other in _NAME.findall(several or one)
        if other in ("", name)
    }


class _Loader(Loader):
    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        _WAITING.pop(spec.name, None)  # of one that was imported before, and never asked for anything
        return _Module(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        _WAITING[module.__name__] = self._loader


class _Finder(MetaPathFinder):
    def __init__(self, tree: str) -> None:
        self._tree = tree

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._tree and not fullname.startswith(f"{self._tree}."):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None and spec.submodule_search_locations:
            spec.loader = _Loader(spec.loader)
        return spec
