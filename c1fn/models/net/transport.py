"""httpx2's transport over httpcore2's pool, with our own network backend, for which httpx2 has no option.

A host behind a proxy is reached by the library's own transport (see `proxies`).

https://www.python-httpx.org/advanced/transports/
"""

import ssl
from collections.abc import AsyncGenerator, AsyncIterable, Iterator
from contextlib import aclosing, contextmanager

import httpcore2
import httpx2

from c1fn.net.ahead import Ahead
from c1fn.net.dial import Backend
from c1fn.net.pool import Pool


class Transport(httpx2.AsyncBaseTransport):
    """HTTP/1.1 through `Backend`, whose first connection may be opened ahead."""

    def __init__(self, context: ssl.SSLContext, limits: httpx2.Limits) -> None:
        self._context = context
        self._network = Ahead(Backend())
        self._pool = Pool(
            ssl_context=context,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=self._network,
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        url = request.url
        assert isinstance(request.stream, AsyncIterable)
        asked = httpcore2.Request(
            request.method,
            httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with _translated():
            response = await self._pool.handle_async_request(asked)
        return httpx2.Response(
            response.status, headers=response.headers, stream=_Body(response), extensions=response.extensions
        )

    def open(self, url: httpx2.URL, wait: float) -> None:
        """Begin to open the connection that the first request to this address will take.

        :param wait: seconds for each of connecting and the handshake, at most.
        """
        context = self._context if url.scheme == "https" else None
        self._network.open(url.raw_host.decode(), url.port or (443 if context else 80), context, wait)

    async def aclose(self) -> None:
        await self._network.aclose()
        await self._pool.aclose()


class _Body(httpx2.AsyncByteStream):
    def __init__(self, response: httpcore2.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        with _translated():
            assert isinstance(self._response.stream, AsyncIterable)
            parts = aiter(self._response.stream)
            assert isinstance(parts, AsyncGenerator)
            async with aclosing(parts):
                async for part in parts:
                    yield part

    async def aclose(self) -> None:
        await self._response.aclose()


@contextmanager
def _translated() -> Iterator[None]:
    """httpcore2's errors have the names of httpx2's."""
    try:
        yield
    except Exception as error:
        kind = getattr(httpx2, type(error).__name__, None)
        if kind is None or type(error).__module__.partition(".")[0] != "httpcore2":
            raise
        raise kind(str(error)) from error
