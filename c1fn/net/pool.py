"""httpcore2's pool of connections, where a server or a network does not keep to the rules of HTTP.

https://www.rfc-editor.org/rfc/rfc9112#name-associating-a-response-to-a
"""

import httpcore2

from c1fn.net.stream import Stream


class Pool(httpcore2.AsyncConnectionPool):
    """Two rules more:

    1. A response that came before its request is nobody's. A server may send more than one was asked for; the
       rest would be taken for the answer to the connection's next request, which may be another person's.
    2. When a connection breaks or is silent, those that wait unused are closed. What ends one, such as a
       freeze of the process, ends all that waited as long, and each further try would take one more of them.
    """

    async def handle_async_request(self, request: httpcore2.Request) -> httpcore2.Response:
        try:
            response = await super().handle_async_request(request)
        except (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.RemoteProtocolError):
            await self._close_unused()
            raise
        stream = response.extensions["network_stream"]
        if isinstance(stream, Stream) and not stream.answered:
            await response.aclose()
            raise httpcore2.RemoteProtocolError("The response came before its request.")
        return response

    async def _close_unused(self) -> None:
        """A request that was just about to take one of them is given another."""
        for connection in self.connections:
            if connection.is_idle():
                await connection.aclose()
