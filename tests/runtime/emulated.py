"""An emulated function and a client, and gates that the test holds."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx2

from c1fn.runtime.emulator import Emulator

ROOT = Path(__file__).parents[2]
PLAIN = "tests.runtime.functions.plain.app"
DOORS = "tests.runtime.functions.doors.handler"


@dataclass
class Lab:
    emulator: Emulator
    client: httpx2.AsyncClient
    lines: list[str]

    async def get(self, path: str) -> httpx2.Response:
        return await self.client.get(self.emulator.url + path)

    def logged(self, text: str) -> list[str]:
        return [line for line in self.lines if text in line]


@asynccontextmanager
async def emulated(handler: str = PLAIN, root: Path = ROOT, **options: Any) -> AsyncGenerator[Lab, None]:
    lines: list[str] = []
    async with (
        Emulator(task_root=root, handler=handler, log=lines.append, **options) as emulator,
        httpx2.AsyncClient(timeout=20) as client,
    ):
        yield Lab(emulator, client, lines)


class Gate:
    """A listener: an app that connects is held until the test opens."""

    async def __aenter__(self) -> Self:
        self._held: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
        self._server = await asyncio.start_server(
            lambda _, writer: self._held.put_nowait(writer), "127.0.0.1", 0
        )
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        while not self._held.empty():
            writer = self._held.get_nowait()
            writer.transport.abort()

    async def held(self) -> asyncio.StreamWriter:
        """Wait until an app is held; ``release`` lets it go on."""
        return await self._held.get()


async def release(held: asyncio.StreamWriter) -> None:
    held.write(b"x")
    held.close()
    await held.wait_closed()
