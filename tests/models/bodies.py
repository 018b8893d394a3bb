"""Bodies of responses that know how much of them was read."""

from collections.abc import AsyncIterator, Iterable

import httpx2


class Body(httpx2.AsyncByteStream):
    """Parts, of which is counted how many were taken."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = parts
        self.taken, self.closed = 0, False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            self.taken += 1
            yield part

    async def aclose(self) -> None:
        self.closed = True


def response(body: Body, status: int = 400, **headers: str) -> httpx2.Response:
    return httpx2.Response(status, headers={k.replace("_", "-"): v for k, v in headers.items()}, stream=body)
