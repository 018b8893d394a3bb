"""What the loop serves: an object that tells how each event is answered, or a plain ASGI app."""

import importlib
from collections.abc import Awaitable
from typing import Any, Literal, Protocol, cast

from c1fn.runtime import asgi
from c1fn.runtime.asgi import App, BadEvent, Scope

Door = Literal["stream", "raw", "buffer"]
"""How an answer goes out: as a streamed HTTP response, as a bare stream of bytes, or whole as JSON."""


class Handler(Protocol):
    """The object that ``_HANDLER`` names.

    It may also have ``async before_snapshot()`` and ``async after_restore()``: SnapStart calls the first
    after the app's shutdown, and the second before its next startup, when every socket must be made anew.
    """

    @property
    def app(self) -> App:
        """The ASGI app; looked up anew for each request, since a restore may have replaced it."""
        ...

    def door(self, event: Any) -> Door: ...

    def request(self, event: Any, context: Any) -> tuple[Scope, bytes]:
        """The HTTP request that an event of the doors "stream" and "raw" stands for.

        :raises BadEvent: it cannot be understood.
        """
        ...

    def buffered(self, event: Any, context: Any) -> Awaitable[Any]:
        """The whole answer to an event of the door "buffer", fit for JSON.

        :raises BadEvent: the event cannot be understood.
        """
        ...


class Plain:
    """A plain ASGI app as a handler: HTTP events are streamed, others refused."""

    def __init__(self, app: App) -> None:
        self.app = app

    def door(self, event: Any) -> Door:
        return "stream" if asgi.payload(event) else "buffer"

    def request(self, event: Any, context: Any) -> tuple[Scope, bytes]:
        return asgi.request(event, context)

    async def buffered(self, event: Any, context: Any) -> Any:
        del event, context
        raise BadEvent("the event is of no known shape")


class NoHandler(Exception):
    """``_HANDLER`` does not name something that can be served."""


def load(name: str) -> Handler:
    """Import what ``_HANDLER`` names, as ``module.attribute`` or ``some/path/module.attribute``.

    :raises NoHandler: there is no such thing, or it cannot be called.
    """
    module, dot, attribute = name.replace("/", ".").rpartition(".")
    if not dot or not module:
        raise NoHandler(f"_HANDLER is {name!r}; it must be module.attribute")
    found = getattr(importlib.import_module(module), attribute, None)
    if all(hasattr(found, part) for part in ("app", "door", "request", "buffered")):
        return cast("Handler", found)
    if not callable(found):
        raise NoHandler(f"{name!r} is neither a handler nor an ASGI app")
    return Plain(cast("App", found))
