"""What a tool may know of the turn that it is called in: whom it serves, and whether anybody still waits.

A tool asks for it by a parameter that is annotated with ``ToolContext``. The model neither sees that
parameter nor sets it, so a caller's name can never come from a text that the model read.
"""

import asyncio
import inspect
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, get_type_hints

from c1fn.events import Working
from c1fn.turn import Ask

SHOWN = 300
"""Characters of one line of progress: more does not fit beside a moving sign."""

LINES = 100
"""Lines of progress of one call: a tool that tells each of a million rows fills no queue."""


@dataclass(frozen=True, slots=True)
class ToolContext:
    """The turn of one call.

    ``owner`` is who asks, as the store knows it: ``jwt:https://issuer/ subject``, ``iam:…``, ``key:…`` or
    ``anybody``. ``claims`` are those of the caller's verified token, empty where there is none. ``clock``
    gives seconds since the epoch.
    """

    owner: str
    thread_id: str
    response_id: str
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False)
    clock: Callable[[], float] = time.time
    _say: Callable[[str], None] = field(default=lambda _: None, repr=False)
    _over: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def is_cancelled(self) -> bool:
        """True once nobody waits for the result: the time is over, or the turn was stopped. A function that
        is not async cannot be ended: it should look at this, and return. An async one is cancelled.
        """
        return self._over.is_set()

    def progress(self, text: str) -> "_Told":
        """Show a line of progress, until the answer begins. It may be awaited, and may be called in a thread.

        :raises TypeError: it is no text.
        """
        if not isinstance(text, str):
            raise TypeError("progress takes a text")
        if not self.is_cancelled:
            self._say(text[:SHOWN])
        return _Told()

    def end(self) -> None:
        """Nobody waits any more."""
        self._over.set()


class _Told:
    """Awaiting it lets the line leave at once."""

    def __await__(self) -> Generator[None, None, None]:
        yield


Say = Callable[[Working], None]


def context_of(ask: Ask, tool: str, say: Say) -> ToolContext:
    """The context of one call of ``tool``, made in the event loop's thread.

    :param say: takes progress, in the event loop's thread.
    """
    loop, own, left = asyncio.get_running_loop(), threading.get_ident(), LINES

    def told(text: str) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            return
        if threading.get_ident() == own:
            say(Working(tool, text))
        else:
            with suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits
                loop.call_soon_threadsafe(say, Working(tool, text))

    return ToolContext(ask.owner, ask.thread_id, ask.response_id, ask.claims, time.time, told)


def asks_for_context(function: Callable[..., Any]) -> str | None:
    """The name of the parameter that takes the context, if there is one."""
    try:
        hints = get_type_hints(function)
    except (NameError, TypeError):  # pydantic names what is wrong, when it makes the schema
        return None
    return next((name for name, hint in hints.items() if hint is ToolContext and name != "return"), None)


def hide(function: Callable[..., Any], parameter: str) -> None:
    """Take the parameter out of what pydantic reads of this wrapper: signature, hints, what it wraps."""
    signature = inspect.signature(function)
    kept = [given for name, given in signature.parameters.items() if name != parameter]
    function.__dict__.pop("__wrapped__", None)
    function.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]  # PEP 362
    function.__annotations__ = {k: v for k, v in function.__annotations__.items() if k != parameter}
