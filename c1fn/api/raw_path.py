"""Lets routes match the path as it was sent, so that an encoded slash stays inside its segment. Ids in a
path are decoded after the match.
"""

from urllib.parse import quote

from starlette.types import ASGIApp, Receive, Scope, Send


def sent(scope: Scope) -> tuple[str, str]:
    """The prefix that the endpoint removed, and the path behind it, without a slash at its end."""
    raw, root = scope.get("raw_path"), quote(scope.get("root_path", ""))
    path = raw.decode("ascii", "replace") if raw else quote(scope["path"])
    return root, path.removeprefix(root).rstrip("/") or "/"


class RawPath:
    """ASGI middleware. A slash at the end is ignored: a redirect would lose the prefix that the endpoint
    removed, and often the body.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            root, own = sent(scope)
            scope = {**scope, "path": f"{root}{own}", "root_path": root}
        await self._app(scope, receive, send)
