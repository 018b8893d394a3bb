"""The headers of every answer, including errors and pages. Add further ones here.

A header of one endpoint is set by that endpoint; which headers a page of another site may read is in `cors`.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

ALWAYS = ((b"x-content-type-options", b"nosniff"),)
"""Browsers use only the declared content type of an answer."""

UNLESS_SET = ((b"cache-control", b"no-store"),)
"""No cache stores an answer, because it belongs to one user. Pages and their files set a value of their
own.
"""


class EveryAnswer:
    """Adds the headers to each response of an application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)

        async def completed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": complete(message["headers"])}
            await send(message)

        return await self._app(scope, receive, completed)


def complete(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """An answer's own headers, and those of every answer after them."""
    own = {name.lower() for name, _ in headers}
    return [*headers, *ALWAYS, *(header for header in UNLESS_SET if header[0] not in own)]
