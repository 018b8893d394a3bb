"""Starts the project's own commands as a person would, and ends them."""

import asyncio
import os
import re
import signal
import socket
import sys
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from httpx2 import AsyncClient

from tests.leaks import watch

if TYPE_CHECKING:
    import subprocess

ROOT = Path(__file__).parent.parent

NO_LIMITS = {
    f"C1FN_OWNER_{name}": "0" for name in ("TURNS_AT_ONCE", "TURNS_A_DAY", "TOKENS_A_DAY", "WRITES_A_DAY")
}
"""For many more turns of one caller than a person begins."""


@dataclass
class Command:
    """A running command and the address it told."""

    process: asyncio.subprocess.Process
    url: str
    line: str

    async def doors(self) -> dict[str, str]:
        """The address of each door that an emulator tells, without the slash at its end."""
        assert self.process.stdout
        while "Invoke API" not in self.line:
            self.line += (await self.process.stdout.readline()).decode()
        return dict(re.findall(r"^(\S.*?)  +(http://\S+?)/?$", self.line, re.MULTILINE))

    async def end(self, how: signal.Signals = signal.SIGINT) -> tuple[int, str]:
        """Ctrl-C; its exit status and what else it printed."""
        self.process.send_signal(how)
        assert self.process.stdout
        rest = (await self.process.stdout.read()).decode()
        watch.printed.append(rest)
        return await self.process.wait(), rest


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """This environment with nothing of c1fn's in it but these settings."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("C1FN_", "THESYS_"))}
    return {**clean, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **settings}


async def start(
    *arguments: str, folder: Path, settings: Mapping[str, str], piped: bool = False
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "c1fn",
        *arguments,
        cwd=folder,
        env=environment(settings),
        stdin=asyncio.subprocess.PIPE if piped else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE if piped else asyncio.subprocess.STDOUT,
    )


@asynccontextmanager
async def serving(*arguments: str, folder: Path, **settings: str) -> AsyncGenerator[Command, None]:
    """A command that serves, from the line with its address until it is ended."""
    async with told(await start(*arguments, folder=folder, settings=settings)) as command:
        yield command


@asynccontextmanager
async def told(process: asyncio.subprocess.Process) -> AsyncGenerator[Command, None]:
    """A process once it has told its address; killed at the end."""
    assert process.stdout
    try:
        printed = ""
        while not (found := re.search(r"http://127\.0\.0\.1:\d+/", printed)):
            line = (await process.stdout.readline()).decode()
            assert line, f"it ended: {printed}"
            printed += line
        yield Command(process, found[0], printed)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def chat_body(prompt: str, response_id: str = "r1", thread_id: str = "t") -> dict[str, object]:
    watch.plant(prompt)
    message = {"id": "p", "role": "user", "content": prompt}
    return {"prompt": message, "threadId": thread_id, "responseId": response_id}


async def until_stored(client: AsyncClient, thread_id: str = "t") -> list[dict[str, str]]:
    """The messages of a thread once none of its turns runs."""
    while True:
        listed = (await client.get("/api/threads")).json()["threads"]
        if not next(t for t in listed if t["threadId"] == thread_id)["isRunning"]:
            messages: list[dict[str, str]] = (await client.get(f"/api/threads/{thread_id}/messages")).json()
            return messages


LISTENS = 60.0
"""Seconds within which a started server must listen: a busy machine needs many times what a free one does."""


def free_port() -> int:
    """A port that nobody has at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def listening(process: "subprocess.Popen[bytes]", port: int, log: Path | None = None) -> None:
    """Wait until a started process listens.

    :param log: where it writes what it has to say.
    """
    until = time.monotonic() + LISTENS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise AssertionError("it ended at once", log and log.read_text("utf-8", "replace"))
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except ConnectionRefusedError:
            continue
        return
    raise AssertionError("it does not listen")
