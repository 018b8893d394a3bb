"""One invocation as the platform sees it: what goes to the function, and the reply that comes back."""

import asyncio
import secrets
import time
import uuid
from collections import deque
from dataclasses import dataclass, field

from c1fn.runtime.fault import Fault
from c1fn.runtime.protocol import INTEGRATION

WAITING = 16
"""Pieces of a reply (each 64 KB at most) that wait for a slow client before the function is held up."""


@dataclass(frozen=True, slots=True)
class Begun:
    """The function began to answer."""

    content_type: str
    streaming: bool

    @property
    def integrated(self) -> bool:
        """The reply starts with HTTP metadata."""
        return self.streaming and self.content_type == INTEGRATION


@dataclass(frozen=True, slots=True)
class Ended:
    """Always the last of a reply."""

    fault: Fault | None = None


Reply = Begun | bytes | Ended


@dataclass(slots=True, eq=False)
class Call:
    """``client_context`` is a JSON text. ``deadline`` is set when the function gets the event."""

    event: bytes
    client_context: str | None = None
    tenant_id: str | None = None
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    invocation_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    trace_id: str = field(
        default_factory=lambda: f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)};Sampled=0"
    )
    began: float | None = None
    ended: bool = False
    fault: Fault | None = None
    _pieces: deque[Reply] = field(default_factory=deque)
    _some: asyncio.Event = field(default_factory=asyncio.Event)
    _room: asyncio.Event = field(default_factory=asyncio.Event)

    async def put(self, piece: Begun | bytes) -> None:
        """Pass on a piece; wait while the client is slow. After the end it is nothing."""
        while len(self._pieces) >= WAITING and not self.ended:
            self._room.clear()
            await self._room.wait()
        if not self.ended:
            self._pieces.append(piece)
            self._some.set()

    def end(self, fault: Fault | None = None) -> None:
        """The reply is over. Later ends are nothing."""
        if not self.ended:
            self.ended, self.fault = True, fault
            self._pieces.append(Ended(fault))
            self._some.set()
            self._room.set()

    async def take(self) -> Reply:
        """The next piece of the reply; ``Ended`` is the last."""
        while not self._pieces:
            self._some.clear()
            await self._some.wait()
        self._room.set()
        return self._pieces.popleft()

    async def drain(self) -> Ended:
        """Let the function run to its end though nobody listens."""
        while not isinstance(piece := await self.take(), Ended):
            pass
        return piece
