"""A process that starts, in this one: its handler, its platform, and what its app has noted."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from c1fn.runtime.emulator.runtime_api import RuntimeApi
from c1fn.runtime.start import run
from tests.runtime.bench import runtime_api

DOORS = "tests.runtime.functions.doors.handler"


def told(marks: Path) -> list[str]:
    """What the app has noted, in order."""
    return marks.read_text("utf-8").split()


@asynccontextmanager
async def running(
    handler: str, **environ: str
) -> AsyncGenerator[tuple[RuntimeApi, "asyncio.Task[int]"], None]:
    async with runtime_api() as (api, address, _):
        place = f"{address.host}:{address.port}"
        task = asyncio.create_task(run({"AWS_LAMBDA_RUNTIME_API": place, "_HANDLER": handler, **environ}))
        yield api, task
        await task


def terminate() -> None:
    """What the platform sends; the loop listens for it once it has asked for an event."""
    os.kill(os.getpid(), signal.SIGTERM)
