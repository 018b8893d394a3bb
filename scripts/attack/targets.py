"""Processes to attack: the local server, the emulated function, and raw connections to them."""

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2

PATIENCE = 60.0
"""Seconds for one answer: they take milliseconds, on a busy machine a few seconds."""

START = 300.0
"""Seconds for a process to serve: it takes one, and took more than a minute on a very busy machine."""

BROKEN = 599
"""The status of an attempt whose connection broke: no server sends it, so it is never taken for a refusal."""

_EMULATED = """
import asyncio, json, sys
from pathlib import Path
from c1fn.runtime.emulator import Emulator
async def main():
    root, environ = Path(sys.argv[1]), json.loads(sys.argv[2])
    async with Emulator(task_root=root, environ=environ, log=lambda line: print(line, flush=True)) as it:
        print("URLS " + json.dumps([it.url, it.rest_url, it.invoke_url]), flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


@dataclass
class Target:
    """A process that serves, and what it has printed so far."""

    url: str
    rest: str = ""
    invoke: str = ""
    lines: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2].strip("/"))

    async def call(self, method: str, path: str, **options: Any) -> httpx2.Response:
        return await ask(method, self.url.rstrip("/") + path, **options)

    async def until(self, path: str, unless: "asyncio.Task[Any] | None" = None, **options: Any) -> bool:
        """Wait until this is there; False: that task is done, or the time is over."""
        end = time.monotonic() + PATIENCE
        while not (await self.call("GET", path, **options)).is_success:
            if (unless is not None and unless.done()) or time.monotonic() > end:
                return False
            await asyncio.sleep(0.05)
        return True

    async def event(self, event: object) -> dict[str, Any]:
        """A direct invocation with this event: what it answers, as JSON."""
        url = f"{self.invoke}/2015-03-31/functions/function/invocations"
        answer = await ask("POST", url, content=json.dumps(event).encode())
        failed = "x-amz-function-error" in answer.headers
        told = {"statusCode": 400 if failed else answer.status_code, "body": answer.text}
        with suppress(ValueError):
            # A streamed answer has its head before eight NULs; a whole one is all JSON.
            found = json.loads(answer.content.partition(b"\0" * 8)[0])
            return told | found if isinstance(found, dict) else told
        return told


async def ask(method: str, url: str, **options: Any) -> httpx2.Response:
    """One request, on a connection of its own: what became of it never ends the attempts after it."""
    try:
        async with httpx2.AsyncClient(timeout=PATIENCE) as client:
            return await client.request(method, url, **options)
    except httpx2.HTTPError as error:
        broken = httpx2.Response(BROKEN, text=repr(error))
        broken.elapsed = timedelta(0)
        return broken


async def raw(port: int, data: bytes, *, patience: float = PATIENCE) -> bytes | None:
    """What a connection answers to these bytes until it ends; None: it does not end."""
    got = b""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return None
    try:
        writer.write(data)
        async with asyncio.timeout(patience):
            while piece := await reader.read(65536):
                got += piece
    except TimeoutError:
        return None
    except OSError:
        pass
    finally:
        writer.close()
    return got


def environment(tree: Path, settings: Mapping[str, str]) -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("C1FN_", "THESYS_", "AWS_"))}
    return {**clean, "PYTHONPATH": str(tree), "PYTHONUNBUFFERED": "1", **settings}


@asynccontextmanager
async def started(tree: Path, folder: Path, *arguments: str, **settings: str) -> AsyncGenerator[Any, None]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=folder, env=environment(tree, settings),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        limit=2**24,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def local(tree: Path, **settings: str) -> AsyncGenerator[Target, None]:
    """`c1fn serve`."""
    with tempfile.TemporaryDirectory() as name:
        command = ("-m", "c1fn", "serve", "--port", "0")
        async with started(tree, Path(name), *command, **settings) as process:
            async with asyncio.timeout(START):
                line = (await process.stdout.readline()).decode()
            target = Target("http://" + line.rpartition("http://")[2].strip(), lines=[line])
            reading = asyncio.create_task(_read(process, target))
            yield target
            reading.cancel()


@asynccontextmanager
async def emulated(tree: Path, **settings: str) -> AsyncGenerator[Target, None]:
    """A function behind the emulator's three doors."""
    with tempfile.TemporaryDirectory() as name:
        arguments = ("-c", _EMULATED, str(tree), json.dumps(settings))
        async with started(tree, Path(name), *arguments) as process:
            lines = []
            async with asyncio.timeout(START):
                while not (line := (await process.stdout.readline()).decode()).startswith("URLS "):
                    lines.append(line)
            target = Target(*json.loads(line.removeprefix("URLS ")), lines=lines)
            reading = asyncio.create_task(_read(process, target))
            yield target
            reading.cancel()


async def _read(process: Any, target: Target) -> None:
    while line := await process.stdout.readline():
        target.lines.append(line.decode(errors="replace"))


def chat(prompt: str = "hi", response: str = "r", thread: str = "t") -> dict[str, Any]:
    return {"prompt": {"role": "user", "content": prompt}, "threadId": thread, "responseId": response}
