"""The HTTP client of one session: its answers have a limit, and a failure is told to its request alone.

``mcp`` ends a whole session when one request fails in the network, reads answers of any size, and knows a
lost session by one status alone. Here each of these becomes a JSON-RPC error with a code of ours.

https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#session-management
"""

import re
import ssl
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx2

LARGEST = 4 * 1024 * 1024
"""Bytes of one answer: ten times what a model is given of all results of a round, so a picture passes."""

CONNECTING = 5.0
"""Seconds to connect: a server that is up answers in a fraction of one."""

READING = 30.0
"""Seconds without a byte: as long as a tool may take."""

UNREACHABLE, LOST, REFUSED, TOO_LARGE = -32090, -32091, -32092, -32093
"""Of the codes that JSON-RPC leaves to an implementation."""

OURS = frozenset({UNREACHABLE, LOST, REFUSED, TOO_LARGE})

_FORGOTTEN = re.compile(rb"session|not initialized", re.IGNORECASE)
"""In an answer 400, which some servers give instead of 404: "No valid session ID provided"."""


class TooLarge(httpx2.StreamError):
    """An answer is larger than ``LARGEST``, or compressed, which was not allowed."""


class Client(httpx2.AsyncClient):
    """An ``httpx2.AsyncClient`` for one session with one server."""

    def __init__(self, headers: Mapping[str, str], trusted: ssl.SSLContext) -> None:
        """:param trusted: the certificate authorities."""
        super().__init__(
            headers={**headers, "accept-encoding": "identity"},
            verify=trusted,
            timeout=httpx2.Timeout(CONNECTING, read=READING),
            follow_redirects=False,
        )

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """An answer, or an error in its form: nothing is raised for what a network or a server does."""
        try:
            response = await super().send(request, **options)
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
            return _failed(request, UNREACHABLE, f"The server cannot be reached: {type(error).__name__}.")
        try:
            return await self._judged(request, response)
        except TooLarge:
            await response.aclose()
            return _failed(request, TOO_LARGE, f"The server's answer is larger than {LARGEST} bytes.")
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            await response.aclose()
            return _failed(request, UNREACHABLE, f"The server's answer broke: {type(error).__name__}.")

    async def _judged(self, request: httpx2.Request, response: httpx2.Response) -> httpx2.Response:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise TooLarge("compressed")
        response.stream = _Limited(response.stream)
        if response.status_code in (401, 403):
            await response.aclose()
            return _failed(request, REFUSED, f"The server refused the request: {response.status_code}.")
        if _is_json(response) or response.is_error:
            await response.aread()
        if _has_lost(request, response):
            return _failed(request, LOST, "The server has lost the session.")
        return response


class _Limited(httpx2.AsyncByteStream):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = LARGEST
        async for chunk in self._stream:
            left -= len(chunk)
            if left < 0:
                raise TooLarge("too large")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


def _is_json(response: httpx2.Response) -> bool:
    content_type: str = response.headers.get("content-type", "")
    return content_type.lower().startswith("application/json")


def _has_lost(request: httpx2.Request, response: httpx2.Response) -> bool:
    """Nothing ran: a server that does not know the session does not read the request."""
    if "mcp-session-id" not in request.headers:
        return False
    return response.status_code == httpx2.codes.NOT_FOUND or (
        response.status_code == httpx2.codes.BAD_REQUEST and _FORGOTTEN.search(response.content) is not None
    )


def _failed(request: httpx2.Request, code: int, message: str) -> httpx2.Response:
    error = {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": message}}
    return httpx2.Response(503, json=error, request=request)
