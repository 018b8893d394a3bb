"""Bodies of responses, without a network: what is read of them, and how much."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import httpx2
import pytest

from c1fn.errors import AnswerCut, AnswerGarbled
from c1fn.models import responses
from c1fn.models.chunks import Round
from c1fn.models.responses import deltas
from c1fn.models.sse import LIMIT
from tests.models.bodies import Body, response
from tests.upstream import only_bytes, say


async def text(found: AsyncIterator[object]) -> str:
    return "".join([str(getattr(delta, "text", "")) async for delta in found])


async def test_an_answer_in_place_of_a_stream_is_heard() -> None:
    body = Body([b'{"choices": [{"message": {"content": "hel', b'lo"}, "finish_reason": "stop"}]}'])
    round_ = Round()
    async with aclosing(deltas(response(body, 200, content_type="application/json"), round_, 60)) as said:
        assert await text(said) == "hello"
    assert round_.reason == "stop"


async def test_a_server_that_gives_a_reason_with_every_piece_is_heard_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first reason began a time that ended the answer in the middle, as a whole one."""
    monkeypatch.setattr(responses, "GRACE", 0.05)
    more = asyncio.Event()

    async def parts() -> AsyncGenerator[bytes, None]:
        yield b'data: {"choices": [{"delta": {"content": "a"}, "finish_reason": "stop"}]}\n\n'
        yield b'data: {"choices": [{"delta": {"content": "b"}, "finish_reason": "stop"}]}\n\n'
        await more.wait()
        yield b'data: {"choices": [{"delta": {"content": "c"}, "finish_reason": "stop"}]}\n\n'

    class Slow(httpx2.AsyncByteStream):
        def __aiter__(self) -> AsyncIterator[bytes]:
            return parts()

    asyncio.get_running_loop().call_later(0.2, more.set)
    async with aclosing(deltas(httpx2.Response(200, stream=Slow()), Round(), 60)) as said:
        assert await text(said) == "abc"


class Skipping(asyncio.SelectorEventLoop):
    """Nobody waits here: where nothing is to be done, the clock moves on to the next timer."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self._selector.select = self._moved_on  # type: ignore[attr-defined]  # the loop's only wait

    def time(self) -> float:
        return self.now

    def _moved_on(self, timeout: float | None = None) -> list[object]:
        self.now += timeout or 0.0
        return []


def test_a_connection_that_stays_open_after_the_last_event_holds_the_end_up_for_a_moment_alone() -> None:
    async def parts() -> AsyncGenerator[bytes, None]:
        yield b"".join(only_bytes(say("a")))
        await asyncio.Event().wait()

    class Open(httpx2.AsyncByteStream):
        def __aiter__(self) -> AsyncIterator[bytes]:
            return parts()

    async def heard() -> str:
        async with aclosing(deltas(httpx2.Response(200, stream=Open()), Round(), 60)) as said:
            return await text(said)

    with asyncio.Runner(loop_factory=Skipping) as runner:
        assert runner.run(heard()) == "a"
        assert runner.get_loop().time() == pytest.approx(responses.DRAIN, abs=0.01)
    assert responses.DRAIN <= 0.1


async def test_a_document_without_end_is_garbled() -> None:
    body = Body(b"x" * (LIMIT // 4) for _ in range(100))
    async with aclosing(deltas(response(body, 200, content_type="application/json"), Round(), 60)) as said:
        with pytest.raises(AnswerGarbled):
            await text(said)
    assert body.taken <= 5


async def test_a_stream_that_breaks_is_cut() -> None:
    async def parts() -> AsyncGenerator[bytes, None]:
        yield only_bytes(say("a"))[0]
        raise httpx2.ReadError("gone")

    class Breaking(httpx2.AsyncByteStream):
        def __aiter__(self) -> AsyncIterator[bytes]:
            return parts()

    broken = httpx2.Response(200, stream=Breaking())
    async with aclosing(deltas(broken, Round(), 60)) as said:
        with pytest.raises(AnswerCut):
            await text(said)
