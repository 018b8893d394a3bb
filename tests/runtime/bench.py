"""The emulator's Runtime API in the test's own process, with workers of the loop on it."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from c1fn.runtime.asgi import App
from c1fn.runtime.emulator.call import Begun, Call, Ended
from c1fn.runtime.emulator.options import Options
from c1fn.runtime.emulator.prelude import Metadata, Prelude
from c1fn.runtime.emulator.runtime_api import RuntimeApi
from c1fn.runtime.fault import Fault
from c1fn.runtime.function import Function
from c1fn.runtime.lifespan import Lifespan
from c1fn.runtime.load_handler import Plain
from c1fn.runtime.loop import Worker
from c1fn.runtime.protocol import Address

EVENTS = Path(__file__).parents[2] / "events"


@dataclass
class Notes:
    """Who watches the Runtime API: it counts."""

    asks: int = 0
    begun: list[Call] = field(default_factory=list)
    ended: list[Call] = field(default_factory=list)

    def asked(self) -> None:
        self.asks += 1

    def began(self, call: Call) -> None:
        self.begun.append(call)

    def over(self, call: Call) -> None:
        self.ended.append(call)


@asynccontextmanager
async def runtime_api(**options: Any) -> AsyncGenerator[tuple[RuntimeApi, Address, Notes], None]:
    notes = Notes()
    api = RuntimeApi(Options(task_root=Path(), **options), notes)
    try:
        yield api, Address.parse(await api.listen()), notes
    finally:
        await api.close()


@asynccontextmanager
async def working(
    what: Plain | Function | App, *, workers: int = 1, **options: Any
) -> AsyncGenerator[tuple[RuntimeApi, list["asyncio.Task[None]"]], None]:
    """``workers`` of the loop serve ``what`` for as long as the block lasts."""
    handler = what if isinstance(what, Plain | Function) else Plain(what)
    async with runtime_api(**options) as (api, address, _):
        lifespan = Lifespan(handler.app)
        if isinstance(handler, Function):
            await lifespan.startup()
        crew = [Worker(address, handler, lifespan, alone=workers == 1) for _ in range(workers)]
        tasks = [asyncio.create_task(worker.run()) for worker in crew]
        try:
            yield api, tasks
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await lifespan.shutdown()


@dataclass
class Answer:
    """A whole reply. ``metadata`` is None for one that is no streamed HTTP response."""

    begun: Begun | None
    metadata: Metadata | None
    body: bytes
    fault: Fault | None

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def answer(call: Call) -> Answer:
    """Take a reply to its end."""
    begun, body = None, bytearray()
    while not isinstance(piece := await call.take(), Ended):
        if isinstance(piece, Begun):
            begun = piece
        else:
            body += piece
    if begun is None or not begun.integrated:
        return Answer(begun, None, bytes(body), piece.fault)
    found = Prelude().feed(bytes(body))
    assert found, "a streamed HTTP response without its delimiter"
    return Answer(begun, *found, piece.fault)


def sample(name: str = "function-url", **changes: Any) -> dict[str, Any]:
    """One of the sample events, with parts of it replaced."""
    found: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text("utf-8"))
    return found | changes


def event(name: str = "function-url", **changes: Any) -> bytes:
    """The same as JSON."""
    return json.dumps(sample(name, **changes)).encode()


def get(path: str, query: str = "") -> bytes:
    """A function URL's event for a path of a test's app."""
    return event(rawPath=path, rawQueryString=query, body="")


def submit(api: RuntimeApi, text: bytes, **more: Any) -> Call:
    call = Call(text, **more)
    api.submit(call)
    return call
