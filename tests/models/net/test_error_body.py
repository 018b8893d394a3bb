"""The body of a refusal: its beginning, in little memory and little time."""

import gzip
import tracemalloc
import zlib
from typing import Any

import httpx2
import pytest

from c1fn.errors import ContextTooLong, ModelError, ModelKeyRejected, ModelRejected, ModelUnavailable
from c1fn.models.c1 import C1Model
from c1fn.models.net import error_body
from c1fn.models.net.error_body import LIMIT, shorten
from tests.models.contract import heard, user
from tests.upstream import Answer, Fault, Upstream, refuse, say

MEGABYTE = 1_048_576
TOO_LONG = b'{"error": {"message": "No.", "code": "context_length_exceeded"}}'


def encoded(body: bytes, encoding: str, status: int = 400, **options: Any) -> Answer:
    return Answer((body,), status, (("content-encoding", encoding),), **options)


def deflated(data: bytes, wbits: int) -> bytes:
    packing = zlib.compressobj(wbits=wbits)
    return packing.compress(data) + packing.flush()


def bomb(megabytes: int, links: int = 1) -> bytes:
    packing = zlib.compressobj(9, wbits=31)
    packed = b"".join(packing.compress(bytes(MEGABYTE)) for _ in range(megabytes)) + packing.flush()
    for _ in range(links - 1):
        packed = gzip.compress(packed)
    return packed


async def refused(upstream: Upstream, *answers: Answer) -> ModelError:
    """The error for these answers; after it the next prompt is answered."""
    upstream.queue(*answers, say("Hello"))
    model = C1Model(api_key="k", base_url=upstream.url, model="c1", max_retries=0)
    with pytest.raises(ModelError) as caught:
        await heard(model, user("hi"))
    assert (await heard(model, user("hi")))[0] == "Hello"
    await model.aclose()
    return caught.value


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("identity", TOO_LONG),
        ("gzip", gzip.compress(TOO_LONG)),
        ("deflate", deflated(TOO_LONG, 15)),
        ("deflate", deflated(TOO_LONG, -15)),
        ("gzip, gzip", gzip.compress(gzip.compress(TOO_LONG))),
        ("unheard-of", TOO_LONG),
    ],
    ids=["as it is", "gzip", "deflate with a head", "deflate", "gzip twice", "unknown"],
)
async def test_a_refusal_is_read_however_it_is_encoded(
    upstream: Upstream, encoding: str, body: bytes
) -> None:
    assert type(await refused(upstream, encoded(body, encoding))) is ContextTooLong


@pytest.mark.parametrize("links", [1, 2])
async def test_a_refusal_that_grows_without_end_is_not_decompressed(upstream: Upstream, links: int) -> None:
    """0.2 MB of gzip hold 200 MB of zeros."""
    body = bomb(200, links)
    tracemalloc.start()
    try:
        error = await refused(upstream, encoded(body, ", ".join(["gzip"] * links)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert type(error) is ModelRejected
    assert peak < 16 * MEGABYTE


async def test_a_refusal_that_never_ends_is_left(upstream: Upstream) -> None:
    megabyte = bytes(MEGABYTE)
    tracemalloc.start()
    try:
        error = await refused(upstream, Answer((megabyte,) * 1_000, 401))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert type(error) is ModelKeyRejected
    assert peak < 8 * MEGABYTE
    assert upstream.requests[0].left.is_set()


async def test_of_a_large_refusal_the_beginning_is_kept(upstream: Upstream) -> None:
    upstream.queue(Answer((b"x" * LIMIT, b"y" * LIMIT), 400))
    async with httpx2.AsyncClient(event_hooks={"response": [shorten]}) as client:
        response = await client.post(
            f"{upstream.url}chat/completions",
            headers={"authorization": "Bearer k"},
            json={"messages": [{"role": "user", "content": "hi"}]},
        )
    assert response.text == "x" * LIMIT


@pytest.mark.parametrize(
    ("status", "kind"), [(401, ModelKeyRejected), (500, ModelUnavailable), (307, ModelRejected)]
)
@pytest.mark.parametrize("rest", [Fault.HANG, Fault.RESET, Fault.CLOSE])
async def test_a_refusal_whose_body_does_not_come_is_told_by_its_status(
    upstream: Upstream,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    kind: type[ModelError],
    rest: Fault,
) -> None:
    monkeypatch.setattr(error_body, "WAIT", 0.2)
    assert type(await refused(upstream, Answer((b'{"err', rest), status))) is kind


async def test_a_body_that_cannot_be_decompressed_is_none(upstream: Upstream) -> None:
    assert type(await refused(upstream, encoded(b"not gzip", "gzip"))) is ModelRejected


async def test_a_short_refusal_leaves_its_connection_in_use(upstream: Upstream) -> None:
    await refused(upstream, refuse(400))
    assert upstream.connections == 1


async def test_an_answer_is_let_be() -> None:
    response = httpx2.Response(201, stream=httpx2.ByteStream(b"x" * (LIMIT + 1)))
    stream = response.stream
    await shorten(response)
    assert response.stream is stream
