"""A service of AWS's on loopback that answers by a script, and keeps its connections open."""

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

CUT = b""
"""In an answer's place: the connection ends without one."""


def answer(body: object, status: int = 200, *headers: str) -> bytes:
    """:param body: JSON, unless it is bytes already."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Any", f"content-length: {len(content)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + content


@dataclass(slots=True)
class Asked:
    """A request as it came."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Scripted:
    """``script``: what each request is answered with; None: with nothing, and the connection stays open. When
    it is used up, with {}. ``connected`` has something for each connection; ``came``: there was a request;
    ``forgotten``: connections that end when the next request comes on them.
    """

    port: int = 0
    connections: int = 0
    script: list[bytes | None] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    open: list[asyncio.StreamWriter] = field(default_factory=list)
    forgotten: list[asyncio.StreamWriter] = field(default_factory=list)
    connected: asyncio.Queue[None] = field(default_factory=asyncio.Queue)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        self.connected.put_nowait(None)
        self.open.append(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode("latin-1").split("\r\n")[:-2]
                headers = {
                    name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
                }
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.asked.append(Asked(first, headers, body))
                self.came.set()
                if writer in self.forgotten:
                    break
                said = self.script.pop(0) if self.script else answer({})
                if said is not None:
                    writer.write(said)
                    await writer.drain()
                if said == CUT:
                    break
        except (asyncio.IncompleteReadError, OSError):
            pass  # the client has gone
        finally:
            writer.close()

    @property
    def address(self) -> str:
        """Its host and port."""
        return f"127.0.0.1:{self.port}"


@asynccontextmanager
async def scripted(
    *script: bytes | None, tls: ssl.SSLContext | None = None
) -> AsyncGenerator[Scripted, None]:
    """A server for the length of a block."""
    service = Scripted(script=list(script))
    async with await asyncio.start_server(service.serve, "127.0.0.1", 0, ssl=tls) as server:
        service.port = server.sockets[0].getsockname()[1]
        try:
            yield service
        finally:
            for writer in service.open:
                writer.transport.abort()
