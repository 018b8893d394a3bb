"""The HTTP side: routes, refusals, statuses. Built once per process around one Chat.

A refusal before the stream keeps its true status as `application/problem+json` (RFC 9457) for every client
but a browser, because the official client shows a person nothing for a status other than 2xx: a browser gets
the same refusal as a C1 error card in a 200. The header `C1fn-Error` carries the same code in both.

https://www.rfc-editor.org/rfc/rfc9457
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from math import ceil
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp

from c1fn import __version__
from c1fn.api import head, threads
from c1fn.api.bodies import read_ask, sentence
from c1fn.api.cors import guarded
from c1fn.api.pages import Site
from c1fn.api.streaming import SILENCE, StreamedReply
from c1fn.api.threads import ResponseId, ThreadId
from c1fn.chat.converse import Chat
from c1fn.chat.reply import Reply
from c1fn.errors import (
    BadField,
    BadRequest,
    C1fnError,
    ForeignPage,
    Internal,
    NotFound,
    TooLarge,
    Unauthorized,
)
from c1fn.events import Failed
from c1fn.identity.callers import Caller, Identify, anybody
from c1fn.telemetry.log import LOCAL, Origin, RefusedLine, pseudonym
from c1fn.wires.c1 import HEADERS, error_card

DEADLINE_MARGIN = 4.0
"""Seconds before the platform's deadline at which an answer ends: time to store it and to say so."""

DIGITS = 20
"""Of a declared length; HTTP libraries read no longer ones, and Python refuses to above a few thousand."""

LONGEST_WAIT = 86_400
"""Seconds that a client is told to wait, at most: a model's provider may ask for anything."""

ERROR_HEADER = "c1fn-error"


class Refusal(Response):
    """A C1fnError as problem+json."""

    media_type = "application/problem+json"


class Api(FastAPI):
    """It tells of itself only what it is asked for, and when it is asked. Its origins' rules are around
    everything: even around the answer that tells of a bug.
    """

    origins: Sequence[str] = ()

    def build_middleware_stack(self) -> ASGIApp:
        return guarded(super().build_middleware_stack(), self.origins, _refusal)

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            from c1fn.api import openapi

            self.openapi_schema = openapi.complete(super().openapi())
        return self.openapi_schema


def build_app(
    open_chat: Callable[[], Chat],
    *,
    max_body: int,
    max_answer: int = 0,
    identify: Identify = anybody,
    origins: Sequence[str] = (),
    site: Site | None = None,
) -> FastAPI:
    """The application.

    :param open_chat: makes the process's Chat, at startup, inside the event loop that will serve it.
    :param max_body: bytes of a request's body, at most.
    :param max_answer: bytes that the body of an answer which is saved may have beyond that.
    :param identify: who calls; by default nobody is asked.
    :param origins: of other sites' pages that may call; by default none.
    :param site: the pages a browser gets; by default the plain one.
    """
    site = site or Site()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
        app.state.chat = open_chat()
        yield
        await app.state.chat.aclose()

    # No page of FastAPI's: it would load its scripts from the internet.
    app = Api(title="c1fn", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.origins = origins
    app.add_exception_handler(C1fnError, _refused)
    app.add_exception_handler(HTTPException, _no_route)
    app.add_exception_handler(RequestValidationError, _bad_parameter)
    app.add_exception_handler(Exception, _refused)  # a bug: told here, and then raised to the server as well

    noted = _noting(identify)

    async def known(request: Request) -> Caller:
        return await noted(request.scope)

    # Asked before anything else is looked at: a stranger learns nothing, not even a limit.
    Known = Annotated[Caller, Depends(known)]  # noqa: N806 - a type

    @app.get("/healthz", tags=["service"])
    async def healthz() -> dict[str, str]:
        """Whether the process serves. It asks neither the store nor the model."""
        return {"status": "ok", "version": __version__}

    @app.post("/api/chat", tags=["chat"], response_class=Response)
    async def chat(request: Request, caller: Known) -> Response:
        """Answer one prompt, streamed as the model writes it."""
        ask = read_ask(await _body(request, max_body), caller)
        reply = await _chat(request).begin(ask, seconds=_time_left(request), origin=_origin(request))
        return await _streamed(request, reply)

    @app.get("/api/threads/{threadId}/turns/{responseId}", tags=["chat"], response_class=Response)
    async def turn(request: Request, caller: Known, thread_id: ThreadId, response_id: ResponseId) -> Response:
        """An answer from its beginning, followed to its end if it is still being written."""
        reply = await _chat(request).follow(caller.owner, thread_id, response_id)
        return await _streamed(request, reply)

    app.include_router(
        threads.router(
            lambda request: _chat(request).store,
            lambda request: _body(request, max_body),
            lambda request: _body(request, max_body + max_answer),
            noted,
        )
    )
    app.add_api_route("/", site.page, include_in_schema=False)
    app.add_api_route("/assets/{name}", site.asset, include_in_schema=False)
    app.add_middleware(threads.AsSent)
    app.add_middleware(head.Heads)
    return app


def _noting(identify: Identify) -> Identify:
    """The same, with the owner kept beside the request: for the log, should it be refused."""

    async def noted(scope: Mapping[str, Any]) -> Caller:
        caller = await identify(scope)
        scope.get("state", {})["owner"] = caller.owner
        return caller

    return noted


def _chat(request: Request) -> Chat:
    chat: Chat = request.app.state.chat
    return chat


async def _streamed(request: Request, reply: Reply) -> Response:
    """The reply as a stream, or as a refusal when it failed before it said anything."""
    first = await reply.take(SILENCE)
    if first and isinstance(first[0], Failed):
        request.state.logged = reply.logged
        await reply.over()
        return _refusal(request, first[0].error)
    return StreamedReply(first, reply, HEADERS, _chat(request).settle)


def _origin(request: Request) -> Origin:
    origin: Origin = request.scope.get("c1fn.origin", LOCAL)
    return origin


async def _body(request: Request, limit: int) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and (len(declared) > DIGITS or int(declared) > limit):
        raise _too_large(limit)
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > limit:
                raise _too_large(limit)
    except ClientDisconnect:
        raise BadRequest("The connection was closed in the middle of the body.") from None
    return bytes(body)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body may have {limit} bytes at most. Send less at once.")


def _time_left(request: Request) -> float | None:
    """Seconds until an answer must end, where the platform has a deadline."""
    context = request.scope.get("aws.context")
    if context is None:
        return None
    remaining: int = context.get_remaining_time_in_millis()
    return max(0.001, remaining / 1000 - DEADLINE_MARGIN)


async def _refused(request: Request, error: Exception) -> Response:
    return _refusal(request, error if isinstance(error, C1fnError) else Internal())


async def _bad_parameter(request: Request, error: Exception) -> Response:
    """FastAPI's complaint about a part of the URL, in our form."""
    first: Any = error.errors()[0] if isinstance(error, RequestValidationError) else {"loc": (), "msg": ""}
    return _refusal(request, BadField(sentence(first["msg"]), field=".".join(map(str, first["loc"][1:]))))


async def _no_route(request: Request, error: Exception) -> Response:
    """Starlette's own 404 and 405, in our form."""
    if isinstance(error, HTTPException) and error.status_code != NotFound.status:
        problem = {"type": "about:blank", "title": error.detail, "status": error.status_code}
        headers = {**(error.headers or {})}
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["allow"] = head.allowed(request.app.routes, request.scope)
        return Refusal(_json(problem), error.status_code, headers=headers)
    return _refusal(request, NotFound("There is nothing at this path."))


def _refusal(request: Request, error: C1fnError) -> Response:
    _log(request, error)
    later = BackgroundTask(_chat(request).settle)  # a refused turn gives its lock back
    headers = {ERROR_HEADER: error.code}
    if error.retry_after is not None:
        headers["retry-after"] = f"{min(max(1, ceil(error.retry_after)), LONGEST_WAIT)}"
    if isinstance(error, Unauthorized) and error.challenge:
        headers["www-authenticate"] = error.challenge
    # Of all malformed requests only a long one is a person's, not a program's.
    if _shows_cards(request) and (
        not isinstance(error, BadRequest | ForeignPage) or isinstance(error, TooLarge)
    ):
        return Response(error_card(error), headers=headers | HEADERS, background=later)
    problem: dict[str, Any] = {
        "type": f"urn:c1fn:error:{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": str(error),
        "code": error.code,
    }
    if isinstance(error, BadRequest) and error.field:
        problem["field"] = error.field
    return Refusal(_json(problem), error.status, headers=headers, background=later)


def _log(request: Request, error: C1fnError) -> None:
    """One line, unless the turn has told its own end."""
    state = request.state
    if getattr(state, "logged", False):
        return
    owner = getattr(state, "owner", None)
    route = request.scope.get("route")
    _chat(request).log(
        RefusedLine(
            origin=_origin(request),
            owner=None if owner is None else pseudonym(owner),
            method=request.method,
            route=getattr(route, "path", None),
            status=error.status,
            error=error.code,
            detail=str(error) if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR else None,
        )
    )


def _shows_cards(request: Request) -> bool:
    """A browser's chat client, which renders C1 and shows no status."""
    browser = "sec-fetch-mode" in request.headers or "origin" in request.headers
    return browser and request.url.path == "/api/chat" and "json" not in request.headers.get("accept", "")


def _json(value: Any) -> bytes:
    return bytes(JSONResponse(value).body)
