"""Loads the object that ``_HANDLER`` names: a handler of ours, an ASGI app, or a plain function."""

import importlib
import inspect
import os
from collections.abc import Awaitable
from typing import Any, Protocol, cast

from c1fn.runtime import buffered, request
from c1fn.runtime.asgi import App, Scope
from c1fn.runtime.doors import PONG, Doors, Mode, door_of, foreign, is_ping
from c1fn.runtime.function import Function
from c1fn.runtime.lifespan import Lifespan
from c1fn.runtime.websockets import refusing


class Handler(Protocol):
    """The object that ``_HANDLER`` names.

    It may also have ``async before_snapshot()`` and ``async after_restore()``: SnapStart calls the first
    after the app's shutdown, and the second before its next startup, when every socket must be made anew.
    """

    @property
    def app(self) -> App:
        """The ASGI app; looked up anew for each request, since a restore may have replaced it."""
        ...

    def mode(self, event: Any) -> Mode:
        """How this event is answered."""
        ...

    def request(self, event: Any, context: Any) -> tuple[Scope, bytes]:
        """The HTTP request that an event of the modes "stream" and "raw" stands for.

        :raises BadEvent: it cannot be understood.
        """
        ...

    def buffered(self, event: Any, context: Any) -> Awaitable[Any]:
        """The whole answer to an event of the mode "buffer", fit for JSON.

        :raises BadEvent: the event cannot be understood.
        :raises ForeignEvent: the event is nothing that this handler answers.
        """
        ...


class Plain:
    """An ASGI app as a handler: HTTP events are answered as their doors take it, a ping at once."""

    def __init__(self, app: App, doors: Doors | None = None) -> None:
        self.app = Lifespan(refusing(app))
        self._doors = doors or Doors()

    def mode(self, event: Any) -> Mode:
        return self._doors.mode(event)

    def request(self, event: Any, context: Any) -> tuple[Scope, bytes]:
        return request.read(event, context, self._doors.base_path)

    async def buffered(self, event: Any, context: Any) -> Any:
        if is_ping(event):
            return PONG
        if door_of(event) is None:
            raise foreign(event)
        return buffered.written(event, await buffered.whole(self.app, *self.request(event, context)))


class NoHandler(Exception):
    """``_HANDLER`` does not name something that can be served."""


def load(name: str, concurrency: int = 1) -> Handler:
    """Import what ``_HANDLER`` names, as ``module.attribute`` or ``some/path/module.attribute``.

    :param concurrency: invocations at once that it will get, at most.
    :raises NoHandler: there is no such thing, or it cannot be called as any handler is.
    """
    module, dot, attribute = name.replace("/", ".").rpartition(".")
    if not dot or not module:
        raise NoHandler(f"_HANDLER is {name!r}; it must be module.attribute")
    found: Any = getattr(importlib.import_module(module), attribute, None)
    if all(hasattr(found, part) for part in ("app", "mode", "request", "buffered")):
        return cast("Handler", found)
    doors = Doors.of(os.environ)
    match _parameters(found):
        case ["environ", "start_response"]:
            raise NoHandler(f"_HANDLER is {name!r}, a WSGI app: name an ASGI app around it, such as a2wsgi's")
        case [_, _]:
            return Function(found, doors, concurrency)
        case [_, _, _]:
            return Plain(found, doors)
        case _:
            raise NoHandler(
                f"_HANDLER is {name!r}, which is neither an ASGI app nor a function of an event and a "
                "context: name one of these"
            )


def _parameters(found: Any) -> list[str]:
    """The parameters that must be given. What hides them, as a decorator may, counts as a function's."""
    if found is None or isinstance(found, type) or not callable(found):
        return []
    try:
        parameters = list(inspect.signature(found).parameters.values())
    except (TypeError, ValueError):
        return ["event", "context"]  # written in C
    if any(each.kind is each.VAR_POSITIONAL for each in parameters):
        return ["event", "context"]
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [each for each in parameters if each.kind in positional and each.default is each.empty]
    given = needed or [each for each in parameters if each.kind in positional][:2]
    return [each.name for each in given]
