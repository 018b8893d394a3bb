"""Reads the body of an answer of the model, as it arrives. retries.py reads what is no answer.

Every read has a limit. A delta needs no task and no timer: the package's read timeout ends a silence, and the
time limit of the whole answer is checked when bytes arrive.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress

from c1fn.errors import AnswerCut, AnswerGarbled, ModelError, ModelTimeout
from c1fn.events import Delta
from c1fn.models.chunks import Round
from c1fn.models.sse import LIMIT, Decoder, EventTooLong
from c1fn.net.pace import pacing
from c1fn.startup.lazy_imports import lazy

with lazy("openai"):
    import httpx2  # the transport of the openai package: its errors reach us while a body is read

GRACE = 5.0
"""Seconds for what comes after the reason. The count of tokens follows at once; some servers never end."""

DRAIN = 0.1
"""Seconds for the last bytes after [DONE]. They make the connection usable again; they say nothing."""

BROKEN: tuple[type[Exception], ...] = (httpx2.RequestError, httpx2.StreamError, OSError, EOFError)
"""What the transport raises when a connection breaks."""

_NO_STREAM = "The model's address answered with something other than a stream of events."


async def deltas(response: httpx2.Response, round_: Round, total: float) -> AsyncGenerator[Delta, None]:
    """What the model says, while the round hears it; errors of the transport as ours. A document in place of
    a stream is one event.
    """
    try:
        async with aclosing(response):
            read = _document(response) if _is_document(response.headers) else _stream(response, round_, total)
            async with aclosing(read) as batches:
                with pacing(response.extensions) as begin_pace:
                    async for events in batches:
                        for event in events:
                            if text := round_.read(event):
                                yield Delta(text)
                                begin_pace()
                        if round_.reason is not None:
                            break
                async with aclosing(_after_reason(batches, round_)) as rest:
                    async for events in rest:
                        for event in events:
                            if text := round_.read(event):
                                yield Delta(text)
    except EventTooLong:
        raise AnswerGarbled from None
    except BROKEN as error:
        raise broken(error) from None


async def _after_reason(
    batches: AsyncGenerator[list[str], None], round_: Round
) -> AsyncGenerator[list[str], None]:
    """What comes after the model has said how it ended: only for a while. If it goes on after all, its
    reasons are no ends, and only the stream's own end is.
    """
    now = asyncio.get_running_loop().time
    end = now() + GRACE
    while True:
        try:
            async with asyncio.timeout_at(end if round_.complete else None):
                events = await anext(batches)
        except (StopAsyncIteration, TimeoutError):
            return
        yield events


async def _stream(response: httpx2.Response, round_: Round, total: float) -> AsyncGenerator[list[str], None]:
    """The data of the events that came together, until the round is done."""
    decoder = Decoder()
    heard = understood = False
    now = asyncio.get_running_loop().time
    end = now() + total
    async with aclosing(_parts(response)) as parts:
        async for part in parts:
            if not heard and part.lstrip().startswith(b"<"):
                raise AnswerGarbled(_NO_STREAM)  # a web page, whatever it calls itself, and it may never end
            heard = True
            events = decoder.feed(part)
            if events:
                understood = True
                yield events
                if round_.done:
                    await _drain(parts)
                    return
            if now() > end:
                raise ModelTimeout
    if heard and not understood:
        raise AnswerGarbled(_NO_STREAM)


async def _document(response: httpx2.Response) -> AsyncGenerator[list[str], None]:
    """A whole answer, or an error, from a server that does not stream what it was asked to stream."""
    body = bytearray()
    async with aclosing(_parts(response)) as parts:
        async for part in parts:
            body += part
            if len(body) > LIMIT:
                raise EventTooLong
    yield [body.decode(errors="replace")]


def _is_document(headers: Mapping[str, str]) -> bool:
    return headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


def _parts(response: httpx2.Response) -> AsyncGenerator[bytes, None]:
    """The body's parts as they come; decoded where the server compresses unasked. Without that, the package
    would only count them, at a tenth of what a part costs in all.
    """
    if "content-encoding" in response.headers:
        return response.aiter_bytes()
    return _raw(response)


def _raw(response: httpx2.Response) -> AsyncGenerator[bytes, None]:
    assert isinstance(response.stream, httpx2.AsyncByteStream)
    parts = aiter(response.stream)
    assert isinstance(parts, AsyncGenerator)
    return parts


async def _drain(parts: AsyncGenerator[bytes, None]) -> None:
    with suppress(TimeoutError, *BROKEN):
        async with asyncio.timeout(DRAIN):
            async for _ in parts:
                pass


def broken(error: Exception) -> ModelError:
    """Our error for one of the transport's, without its text."""
    match error:
        case httpx2.TimeoutException():
            return ModelTimeout()
        case httpx2.DecodingError():
            return AnswerGarbled()
        case _:
            return AnswerCut()
