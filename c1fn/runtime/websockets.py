"""Rejects WebSockets with an explanation, before the app treats one as a GET: no door of a function carries
them.

https://www.rfc-editor.org/rfc/rfc6455#section-4.1
"""

from c1fn.runtime.asgi import App, Receive, Scope, Send
from c1fn.runtime.buffered import PROBLEM, encoded

_TOLD = encoded(
    {
        "type": "urn:c1fn:error:no_websockets",
        "title": "No WebSockets here",
        "status": 501,
        "detail": "A Lambda function behind this door carries no WebSocket. Server-sent events stream.",
        "code": "no_websockets",
    }
)


def refusing(app: App) -> App:
    """The app, which is asked for no WebSocket."""

    async def asked(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _wants(scope):
            await app(scope, receive, send)
            return
        headers = [(b"content-type", PROBLEM.encode()), (b"content-length", str(len(_TOLD)).encode())]
        await send({"type": "http.response.start", "status": 501, "headers": headers})
        await send({"type": "http.response.body", "body": _TOLD})

    return asked


def _wants(scope: Scope) -> bool:
    return any(name == b"upgrade" and value.lower() == b"websocket" for name, value in scope["headers"])
