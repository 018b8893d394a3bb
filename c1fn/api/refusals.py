"""Error responses: `application/problem+json`, or a C1 error card; and one line in the log.

Before streaming has begun, an error has its own status and is `application/problem+json` (RFC 9457). The
exception is a browser: the official client shows the user nothing for a status other than 2xx, so a browser
gets the error as a C1 error card with status 200. The header `C1fn-Error` has the error's code in both cases.

https://www.rfc-editor.org/rfc/rfc9457
"""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from math import ceil
from typing import Any

from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from c1fn.api import methods
from c1fn.api.browsers import renders_c1
from c1fn.api.context import origin_of
from c1fn.api.wires.c1 import HEADERS, error_card
from c1fn.chat.converse import Chat
from c1fn.errors import (
    BadRequest,
    C1fnError,
    ForeignPage,
    Internal,
    NotFound,
    TooLarge,
    Unauthorized,
)
from c1fn.telemetry.log import RefusedLine, pseudonym

Handler = Callable[[Request, Exception], Coroutine[Any, Any, Response]]

ERROR_HEADER = "c1fn-error"

LONGEST_WAIT = 86_400
"""Maximum of Retry-After in seconds: a model's provider may ask for any time."""


class Problem(Response):
    """An error response for programs."""

    media_type = "application/problem+json"


async def refused(request: Request, error: Exception) -> Response:
    """Respond to an endpoint's error. An error that is not c1fn's is a bug; the client gets no details of
    it.
    """
    return refusal(request, error if isinstance(error, C1fnError) else Internal())


async def no_route(request: Request, error: Exception) -> Response:
    """Starlette's own 404 and 405, as our errors."""
    if not isinstance(error, HTTPException) or error.status_code == NotFound.status:
        return refusal(request, NotFound("There is nothing at this path."))
    problem = {"type": "about:blank", "title": error.detail, "status": error.status_code}
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["allow"] = methods.allowed(request.app.routes, request.scope)
    return Problem(_json(problem), error.status_code, headers=headers)


HANDLERS: dict[int | type[Exception], Handler] = {
    C1fnError: refused,
    HTTPException: no_route,
    Exception: refused,  # a bug: told here, and then raised to the server as well
}
"""The handler of each exception, for `Starlette(exception_handlers=...)`."""


def refusal(request: Request, error: C1fnError) -> Response:
    """The response for this error; also writes its log line."""
    chat: Chat = request.app.state.chat
    _log(chat, request, error)
    later = BackgroundTask(chat.settle)  # a refused turn gives its lock back
    headers = _headers(error)
    if _shows_cards(request) and _is_for_people(error):
        return Response(error_card(error), headers=headers | HEADERS, background=later)
    return Problem(_json(_problem(error)), error.status, headers=headers, background=later)


def _headers(error: C1fnError) -> dict[str, str]:
    headers = {ERROR_HEADER: error.code}
    if error.retry_after is not None:
        headers["retry-after"] = f"{min(max(1, ceil(error.retry_after)), LONGEST_WAIT)}"
    if isinstance(error, Unauthorized) and error.challenge:
        headers["www-authenticate"] = error.challenge
    return headers


def _problem(error: C1fnError) -> dict[str, Any]:
    problem: dict[str, Any] = {
        "type": f"urn:c1fn:error:{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": str(error),
        "code": error.code,
    }
    if isinstance(error, BadRequest) and error.field:
        problem["field"] = error.field
    return problem


def _log(chat: Chat, request: Request, error: C1fnError) -> None:
    """Write one log line, unless the turn has written its own."""
    state = request.state
    if getattr(state, "logged", False):
        return
    owner = getattr(state, "owner", None)
    route = request.scope.get("route")
    chat.log(
        RefusedLine(
            origin=origin_of(request),
            owner=None if owner is None else pseudonym(owner),
            method=request.method,
            route=getattr(route, "path", None),
            status=error.status,
            error=error.code,
            detail=str(error) if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR else None,
        )
    )


def _shows_cards(request: Request) -> bool:
    """True for a chat client in a browser, which renders C1 and does not show a status."""
    path = request.scope["path"].removeprefix(request.scope.get("root_path", "")).rstrip("/")
    return path == "/api/chat" and renders_c1(request)


def _is_for_people(error: C1fnError) -> bool:
    """True if a user can cause the error. Of the malformed requests only a too long one can come from a
    user.
    """
    return isinstance(error, TooLarge) or not isinstance(error, BadRequest | ForeignPage)


def _json(value: Any) -> bytes:
    return bytes(JSONResponse(value).body)
