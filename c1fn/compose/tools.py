"""The tools that ``C1FN_TOOLS`` names: lists of functions in modules, as in ``c1fn.toolbox:TOOLS``."""

import importlib
import re

from c1fn.chat.servers import Servers
from c1fn.chat.tools import Function, Tools
from c1fn.errors import SettingsError

_NAMED = re.compile(r"(?P<module>[A-Za-z_]\w*(\.[A-Za-z_]\w*)*):(?P<list>[A-Za-z_]\w*)")


def tools(listed: str, servers: Servers | None = None) -> Tools:
    """:param listed: places of lists, comma-separated.
    :param servers: further tools.

    :raises SettingsError: a place does not exist or has no functions, or two functions have one name.
    """
    places = [place.strip() for place in listed.split(",") if place.strip()]
    functions = [function for place in places for function in _functions(place)]
    seen = [function.__name__ for function in functions]
    if twice := sorted({name for name in seen if seen.count(name) > 1}):
        raise SettingsError(
            f"C1FN_TOOLS names two tools {', '.join(twice)}; the model tells tools apart by name. Rename one."
        )
    return Tools(functions, servers=servers)


def _functions(place: str) -> list[Function]:
    found = _NAMED.fullmatch(place)
    if found is None:
        raise SettingsError(f"C1FN_TOOLS has {place!r}. Name a module and a list in it, as in mine:TOOLS.")
    try:
        module = importlib.import_module(found["module"])
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"C1FN_TOOLS names {place}, and there is no module {error.name}. It is looked for beside c1fn "
            "and, by local commands, in the working directory."
        ) from None
    except Exception as error:
        raise SettingsError(
            f"C1FN_TOOLS names {place}, whose import failed: {type(error).__name__}."
        ) from error
    functions = getattr(module, found["list"], None)
    if not isinstance(functions, list | tuple):
        raise SettingsError(f"C1FN_TOOLS names {place}, and that is no list of functions.")
    for function in functions:
        if not callable(function) or not hasattr(function, "__name__"):
            raise SettingsError(f"C1FN_TOOLS: {place} has {type(function).__name__}, which is no function.")
    return list(functions)
