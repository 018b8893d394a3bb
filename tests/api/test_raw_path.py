"""Routes see the path as it was sent."""

import pytest
from starlette.types import Receive, Scope, Send

from c1fn.api.raw_path import RawPath


async def routed(**scope: object) -> Scope:
    """The scope that the routes get."""
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del receive, send
        seen.append(scope)

    await RawPath(app)({"type": "http", **scope}, None, None)  # type: ignore[arg-type]  # it calls neither
    return seen[0]


@pytest.mark.parametrize(
    ("raw", "root", "path"),
    [
        (b"/api/threads/a%2Fb/messages", "", "/api/threads/a%2Fb/messages"),
        (b"/api/threads/a%2Fb/", "", "/api/threads/a%2Fb"),
        (b"/prod/api/chat/", "/prod", "/prod/api/chat"),
        (b"/", "", "/"),
        (b"/prod", "/prod", "/prod/"),
        (None, "", "/api/threads/a%20b"),
    ],
)
async def test_an_encoded_slash_stays_and_one_at_the_end_goes(
    raw: bytes | None, root: str, path: str
) -> None:
    found = await routed(raw_path=raw, root_path=root, path="/api/threads/a b")
    assert (found["path"], found["root_path"]) == (path, root)


async def test_what_is_not_http_is_left_alone() -> None:
    assert await routed(type="websocket", path="/a/") == {"type": "websocket", "path": "/a/"}
