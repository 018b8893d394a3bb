"""Tools that a person must approve, call by call.

    @needs_approval
    def refund(order: int, amount: float) -> str: ...

    @needs_approval(when=lambda arguments: arguments["amount"] > 100)
    def refund(order: int, amount: float) -> str: ...

docs/tools.md has the rules.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, overload

if TYPE_CHECKING:
    from functools import partial

When = Callable[[Mapping[str, Any]], object]
"""Tells from the checked arguments, by name, whether a call needs approval."""

_F = TypeVar("_F", bound=Callable[..., Any])

_MARK = "needs_approval"
"""The attribute of a function that tells when it needs approval."""


@overload
def needs_approval(function: _F, /) -> _F: ...


@overload
def needs_approval(*, when: When) -> Callable[[_F], _F]: ...


def needs_approval(
    function: Callable[..., Any] | None = None, /, *, when: When | None = None
) -> Callable[..., Any]:
    """Let a person approve each call of this tool; with ``when`` only those for which it returns something
    true. A ``when`` that raises asks: what cannot be decided needs a person.
    """
    if function is None:
        return lambda later: _marked(later, when or _always)
    return _marked(function, _always)


def _marked(function: _F, when: When) -> _F:
    setattr(function, _MARK, when)
    return function


def _always(_: Mapping[str, Any]) -> bool:
    return True


def when_asked(function: Callable[..., Any]) -> When | None:
    """When this tool needs approval; None: never."""
    when: When | None = getattr(function, _MARK, None)
    return when


def asks(when: When, call: "partial[Any]") -> bool:
    """Whether this call must be approved."""
    given = inspect.signature(call.func).bind_partial(*call.args, **call.keywords)
    given.apply_defaults()
    try:
        return bool(when(given.arguments))
    except Exception:  # noqa: BLE001 - a user's code
        return True
