"""Lets routes match the path as it was sent, so that an encoded slash stays inside its segment; and the
parameters for ids in a path, which are decoded after the match.
"""

from typing import Annotated
from urllib.parse import quote, unquote

from fastapi import Path
from pydantic import BeforeValidator
from starlette.types import ASGIApp, Receive, Scope, Send

from c1fn.api.bodies import Id

DECODED = BeforeValidator(unquote)
"""The parameter as it was before it was percent-encoded."""

ThreadId = Annotated[Id, DECODED, Path(alias="threadId", description="Percent-encoded.")]
ResponseId = Annotated[Id, DECODED, Path(alias="responseId", description="Percent-encoded.")]


class RawPath:
    """ASGI middleware. A slash at the end is ignored: a redirect would lose the prefix that the endpoint
    removed, and often the body.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            raw, root = scope.get("raw_path"), quote(scope.get("root_path", ""))
            path = raw.decode("ascii", "replace") if raw else quote(scope["path"])
            own = path.removeprefix(root).rstrip("/")
            scope = {**scope, "path": f"{root}{own or '/'}", "root_path": root}
        await self._app(scope, receive, send)
