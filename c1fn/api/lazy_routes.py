"""Endpoints whose module is imported at the first request of one of its paths, or of the OpenAPI document.

An endpoint takes about a millisecond of a cold start, and a process that answers a prompt needs few of them.
"""

import re
from importlib import import_module
from typing import NoReturn

from fastapi import FastAPI
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import Receive, Scope, Send

from c1fn.startup.deferred_models import deferred

PATHS = {
    "health": "/(healthz|readyz)",
    "threads": "/api/threads(/[^/]+(/messages(/[^/]+)?)?)?",
    "conversation": "/api/threads/[^/]+/(fork|messages/[^/]+/feedback|turns/[^/]+/approvals)",
    "shares": "/api/shares(/[^/]+)?|/api/threads/[^/]+/shares",
    "answers": "/api/threads/[^/]+/(turns/[^/]+|stop)",
    "agui": "/api/agui",
    "openui": "/api/openui/threads/(create|(get|update|delete)(/[^/]+)?)",
}
"""By module of this package, the paths of its endpoints. An id is one segment, see raw_path.py."""

_MODULE = re.compile("|".join(f"(?P<{module}>(?:{paths})$)" for module, paths in PATHS.items()))


class LazyRoutes(BaseRoute):
    """Matches nothing: at the first request of a module's path it appends its routes, to be tried next."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._waiting = set(PATHS)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] == "http" and (found := _MODULE.search(scope["path"])):
            self._load(found.lastgroup or "")
        return Match.NONE, {}

    def load(self) -> None:
        """Append all routes that are missing."""
        for module in PATHS:
            self._load(module)

    def _load(self, module: str) -> None:
        if module in self._waiting:
            self._waiting.remove(module)
            with deferred():
                routes = import_module(f"c1fn.api.{module}").routes
            self._app.router.routes.extend(routes.routes)  # as in app.py

    def url_path_for(self, name: str, /, **_: object) -> NoReturn:
        raise NoMatchFound(name, {})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise NotImplementedError  # nothing matches
