"""The HTTP API: builds the application around one `Chat`, from the other modules of this package.

A prompt, and the application's startup and shutdown, need Starlette alone. FastAPI has all endpoints, and is
imported at the first request that is no prompt. So a start that answers a prompt takes 9 % less CPU (411 →
376 ms, the least of 10 interleaved starts). With C1FN_PLAIN_START=1 FastAPI answers prompts as well.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from c1fn.api.browsers import PlainText
from c1fn.api.chat import PATH, chat
from c1fn.api.cors import guarded
from c1fn.api.pages import Site
from c1fn.api.raw_path import RawPath, sent
from c1fn.api.refusals import HANDLERS, refusal
from c1fn.chat.converse import Chat
from c1fn.identity.callers import Identify, anybody
from c1fn.startup import is_plain
from c1fn.startup.deferred_models import deferred

if TYPE_CHECKING:
    from c1fn.api.endpoints import Endpoints

SHARE_DAYS = 30
CLIENT_TOOLS = 32


class Api(Starlette):
    """Answers prompts; ``endpoints`` answer all else, with the same state. Its origins' rules are around
    everything: even around the answer that tells of a bug.
    """

    def build_middleware_stack(self) -> ASGIApp:
        prompts = super().build_middleware_stack()

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            is_ours = scope["type"] == "lifespan" or (_is_prompt(scope) and not is_plain())
            await (prompts if is_ours else self.endpoints)(scope, receive, send)

        return guarded(answer, self.state.origins, refusal)

    @cached_property
    def endpoints(self) -> "Endpoints":
        """FastAPI's application; made when it is first asked for."""
        with deferred():
            from c1fn.api.endpoints import endpoints

            return endpoints(self.state)

    def openapi(self) -> dict[str, Any]:
        return self.endpoints.openapi()


def _is_prompt(scope: Scope) -> bool:
    return scope["type"] == "http" and scope["method"] == "POST" and sent(scope)[1] == PATH


class Named(Route):
    """A route that the log can name, as FastAPI's are."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child = super().matches(scope)
        return match, {**child, "route": self}


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
    late: bool = True,
) -> Api:
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
    :param late: whether most endpoints may wait until the first request for one of them.
    :param tool_arguments: whether AG-UI's clients are told what the server's tools are called with.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None, None]:
        app.state.chat = open_chat()
        yield
        await app.state.chat.aclose()
        del app.state.chat  # a snapshot may follow: nothing of it is to be in that

    app = Api(
        routes=[Named(PATH, chat, methods=["POST"])],
        lifespan=lifespan,
        exception_handlers=HANDLERS,
        middleware=[Middleware(RawPath)],
    )
    state = app.state
    state.origins, state.site = origins, site or Site()
    state.identify, state.max_body, state.max_answer = identify, max_body, max_answer
    state.plain_text, state.share_days = plain_text, share_days
    state.tool_arguments, state.client_tools = tool_arguments, client_tools
    if not late:
        _ = app.endpoints
    return app
