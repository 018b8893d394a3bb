"""Endpoints that are imported at the first request of one of their paths, or of the OpenAPI document.

An endpoint takes about a millisecond of a cold start. The endpoints of `conversation` and `shares` are not
needed to answer a prompt, and those of `agui` and `openui` only by their clients: most processes never serve
one.
"""

import re
from typing import NoReturn

from fastapi import FastAPI
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import Receive, Scope, Send

PATHS = re.compile(r"/(fork|feedback|shares)$|/api/(shares/[^/]+|agui|openui/threads/.+)$")
"""How the paths of these endpoints end."""


class Late(BaseRoute):
    """Matches nothing: at the first request of such a path it appends their routes, which are then tried."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._loaded = False

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] == "http" and PATHS.search(scope["path"]):
            self.load()
        return Match.NONE, {}

    def load(self) -> None:
        """Append the routes, once."""
        if not self._loaded:
            from c1fn.api import agui, conversation, openui, shares

            for router in (agui.routes, openui.routes, conversation.routes, shares.routes):
                self._app.router.routes.extend(router.routes)  # as in app.py
            self._loaded = True

    def url_path_for(self, name: str, /, **_: object) -> NoReturn:
        raise NoMatchFound(name, {})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise NotImplementedError  # nothing matches
