"""uvicorn with TCP_NODELAY on its sockets, and for the rest as it comes."""

import socket
import sys

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol


class NoDelay(H11Protocol):
    def connection_made(self, transport) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - asyncio's
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().connection_made(transport)


application, _, port, *_ = sys.argv[1:]
uvicorn.run(application, port=int(port), log_level="warning", access_log=False, http=NoDelay)
