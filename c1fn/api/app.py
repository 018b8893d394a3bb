"""The HTTP API: builds the FastAPI application around one `Chat`, from the other modules of this package."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.types import ASGIApp

from c1fn import __version__
from c1fn.api import chat
from c1fn.api.browsers import PlainText
from c1fn.api.cors import guarded
from c1fn.api.lazy_routes import LazyRoutes
from c1fn.api.methods import Heads
from c1fn.api.pages import Site
from c1fn.api.raw_path import RawPath
from c1fn.api.refusals import HANDLERS, refusal
from c1fn.chat.converse import Chat
from c1fn.identity.callers import Identify, anybody

SHARE_DAYS = 30
CLIENT_TOOLS = 32


class Api(FastAPI):
    """It tells of itself only what it is asked for, and when it is asked. Its origins' rules are around
    everything: even around the answer that tells of a bug.
    """

    origins: Sequence[str] = ()
    lazy_routes: LazyRoutes

    def build_middleware_stack(self) -> ASGIApp:
        return guarded(super().build_middleware_stack(), self.origins, refusal)

    def openapi(self) -> dict[str, Any]:
        """The document, with the endpoints that are loaded late."""
        if self.openapi_schema is None:
            from c1fn.api import openapi

            self.lazy_routes.load()
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
    plain_text: PlainText = "auto",
    share_days: int = SHARE_DAYS,
    tool_arguments: bool = False,
    client_tools: int = CLIENT_TOOLS,
) -> FastAPI:
    """The application.

    :param open_chat: makes the process's Chat, at startup, inside the event loop that will serve it.
    :param max_body: maximum size of a request's body in bytes.
    :param max_answer: additional bytes that the body may have when a client saves an answer.
    :param identify: finds out who calls; by default callers are not authenticated.
    :param origins: origins of other sites whose pages may call; by default none.
    :param site: the pages for a browser; by default the plain page.
    :param share_days: days for which a shared link is valid; 0: nothing is shared.
    :param plain_text: whether an answer that is not in C1's form is sent as a card.
    :param client_tools: tools of its own that an AG-UI client may bring with a run; 0: none.
    :param tool_arguments: whether AG-UI's clients are told what the server's tools are called with.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
        app.state.chat = open_chat()
        yield
        await app.state.chat.aclose()

    app = Api(
        title="c1fn",
        version=__version__,
        lifespan=lifespan,
        exception_handlers=HANDLERS,
        middleware=[Middleware(Heads), Middleware(RawPath)],
        # No page of FastAPI's: it would load its scripts from the internet.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # see RawPath
    )
    app.origins = origins
    app.state.identify, app.state.max_body, app.state.max_answer = identify, max_body, max_answer
    app.state.plain_text, app.state.share_days = plain_text, share_days
    app.state.tool_arguments, app.state.client_tools = tool_arguments, client_tools
    # Not include_router: it builds each route once more, at the first request, and not in `deferred`.
    app.router.routes += [*chat.routes.routes, *(site or Site()).routes()]
    app.lazy_routes = LazyRoutes(app)
    app.router.routes.append(app.lazy_routes)
    return app
