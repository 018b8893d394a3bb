"""Reads only the beginning of an error response's body.

The openai package reads and decompresses the whole body: 0.8 MB of gzip become 2.3 GB. The useful part of an
error is in its first lines, so the rest is neither read nor decompressed. If the body does not arrive soon,
it is not waited for: the status is usually enough.

https://www.python-httpx.org/advanced/event-hooks/
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

import httpx2

LIMIT = 65_536
"""Bytes that are read, and bytes that are kept of what they hold: a refusal has a few hundred."""

WAIT = 5.0
"""Seconds for all of it: it follows its head at once, but for a server that is made to keep clients busy."""


async def shorten(response: httpx2.Response) -> None:
    """A hook for responses: put the beginning of a refusal's body in its place, decompressed."""
    if response.is_success:
        return
    begun = bytearray()
    source = httpx2.Response(response.status_code, headers=response.headers, stream=_Beginning(response))
    async with aclosing(source):
        with suppress(TimeoutError, httpx2.RequestError, httpx2.StreamError):
            async with asyncio.timeout(WAIT), aclosing(source.aiter_bytes()) as parts:
                async for part in parts:
                    begun += part[: LIMIT - len(begun)]
                    if len(begun) >= LIMIT:
                        break
    response.headers.pop("content-encoding", None)
    response.stream = httpx2.ByteStream(bytes(begun))


class _Beginning(httpx2.AsyncByteStream):
    """The first bytes of a response's body, still compressed."""

    def __init__(self, response: httpx2.Response) -> None:
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        self._stream = response.stream

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        left = LIMIT
        async for part in self._stream:
            yield part[:left]
            left -= len(part)
            if left <= 0:
                return

    async def aclose(self) -> None:
        await self._stream.aclose()
