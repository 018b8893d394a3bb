"""CORS: which web pages may call. It is the outermost layer, so that errors have its headers too.

CORS lets the pages of the allowed origins read answers. It does not keep a page of any other site from
*sending* (a form's POST needs no preflight). Without authentication, as on a developer's own machine, such a
page could call the model and write into threads. So requests of other sites' pages that change data are
rejected; `same_origin` recognises them.

https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from collections.abc import Callable, Sequence

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from c1fn.api.headers import EveryAnswer
from c1fn.errors import C1fnError, ForeignPage
from c1fn.identity import same_origin

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

SIGNATURE = ("x-amz-content-sha256", "x-amz-date", "x-amz-security-token")
SENT = ("authorization", "content-type", "x-api-key", *SIGNATURE)
"""Request headers that a page may send: the caller's token or key, or the parts of an AWS signature."""

TOLD = ("c1fn-error", "link", "retry-after")
"""Response headers that a page may read."""

REMEMBERED = 7200
"""Seconds for which a browser caches a preflight's answer; Chromium's maximum."""

SAFE = ("GET", "HEAD", "OPTIONS")

Refuse = Callable[[Request, C1fnError], Response]


class Origins:
    """Middleware: applies the rules for origins to the application."""

    def __init__(self, app: ASGIApp, allowed: Sequence[str], refuse: Refuse) -> None:
        """:param allowed: origins, as ``https://example.com``; ``*`` is any; none: same origin only."""
        self._app = app
        self._allowed = allowed
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._is_foreign(scope):
            return await self._refuse(Request(scope), ForeignPage())(scope, receive, send)
        return await self._app(scope, receive, send)

    def _is_foreign(self, scope: Scope) -> bool:
        if scope["method"] in SAFE or "*" in self._allowed:
            return False
        return same_origin.is_foreign(Headers(scope=scope), self._allowed)


def guarded(app: ASGIApp, allowed: Sequence[str], refuse: Refuse) -> ASGIApp:
    """The application behind its origins' rules. CORS is outside: a page reads its refusals as well, and
    these have the headers of every answer.
    """
    inner = EveryAnswer(Origins(app, allowed, refuse))
    if not allowed:
        return inner
    return CORSMiddleware(
        inner,
        allow_origins=allowed,
        allow_methods=METHODS,
        allow_headers=SENT,
        expose_headers=TOLD,
        max_age=REMEMBERED,
    )
