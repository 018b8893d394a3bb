"""What every answer has, whatever it is."""

from typing import Any

import pytest

from c1fn.api.headers import complete
from tests.api.scene import Stage, body
from tests.scripted import says

BODY = body()
FOREIGN = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/threads", b""),
        ("GET", "/api/threads/none/messages", b""),
        ("POST", "/api/chat", BODY),
        ("POST", "/api/chat", b"{"),
        ("POST", "/api/threads", b""),
        ("DELETE", "/api/threads/none", b""),
        ("GET", "/nowhere", b""),
        ("GET", "/healthz", b""),
        ("GET", "/openapi.json", b""),
    ],
)
async def test_no_cache_keeps_an_answer(stage: Stage, method: str, path: str, body: Any) -> None:
    """One person's threads are no other's, also behind a cache that somebody put in front."""
    client = (await stage(says("a"))).client
    answer = await client.request(method, path, body).whole()
    assert "no-store" in answer.headers["cache-control"].split(", ")
    refused = await client.request("POST", "/api/chat", BODY, FOREIGN).whole()
    assert (refused.status, refused.headers["cache-control"]) == (403, "no-store")


async def test_a_page_tells_its_own_caching(stage: Stage) -> None:
    client = (await stage(says("a"))).client
    assert (await client.get("/")).headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["/", "/api/threads", "/nowhere", "/api/threads?limit=x"])
async def test_every_answer_is_taken_for_what_it_says_it_is(stage: Stage, path: str) -> None:
    client = (await stage(says("a"))).client
    assert (await client.get(path)).headers["x-content-type-options"] == "nosniff"


def test_an_answers_own_headers_come_first_and_its_own_caching_counts() -> None:
    own = [(b"Cache-Control", b"no-cache"), (b"vary", b"Origin")]
    assert complete(own) == [*own, (b"x-content-type-options", b"nosniff")]
    assert complete([]) == [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]
