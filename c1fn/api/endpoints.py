"""All endpoints, as one FastAPI application.

A process that answers prompts needs none of it: `app` makes it at the first request that is no prompt.
"""

from importlib import import_module
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.datastructures import State
from starlette.middleware import Middleware

from c1fn import __version__
from c1fn.api import chat
from c1fn.api.bodies import sentence
from c1fn.api.methods import Heads
from c1fn.api.raw_path import RawPath
from c1fn.api.refusals import HANDLERS, refusal
from c1fn.errors import BadField

MODULES = ("health", "threads", "conversation", "shares", "answers", "agui", "openui")
"""Of this package: each has ``routes``."""


class Endpoints(FastAPI):
    """It tells of itself only what it is asked for, and when it is asked."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            from c1fn.api import openapi

            self.openapi_schema = openapi.complete(super().openapi())
        return self.openapi_schema


async def bad_parameter(request: Request, error: Exception) -> Response:
    """FastAPI's error about a part of the URL, as one of our errors."""
    first: Any = error.errors()[0] if isinstance(error, RequestValidationError) else {"loc": (), "msg": ""}
    return refusal(request, BadField(sentence(first["msg"]), field=".".join(map(str, first["loc"][1:]))))


def endpoints(state: State) -> Endpoints:
    """:param state: what `build_app` has put together."""
    made = Endpoints(
        title="c1fn",
        version=__version__,
        exception_handlers={**HANDLERS, RequestValidationError: bad_parameter},
        middleware=[Middleware(Heads), Middleware(RawPath)],
        # No page of FastAPI's: it would load its scripts from the internet.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # see RawPath
    )
    made.state = state
    prompt = APIRoute(chat.PATH, chat.chat, methods=["POST"], tags=["chat"], response_class=Response)
    # Not include_router: it builds each route once more, at the first request, and not in `deferred`.
    made.router.routes += [prompt, *state.site.routes()]
    for module in MODULES:
        made.router.routes += import_module(f"c1fn.api.{module}").routes.routes
    return made
