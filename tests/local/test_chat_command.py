"""`c1fn chat` in a real terminal and in a pipe, with a real server and a real model's client."""

import asyncio
import json
import os
import signal
import sys
import termios
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from httpx2 import AsyncClient

from tests.processes import Command, environment, serving, start, until_stored
from tests.upstream import END, ROLE, Answer, Upstream, card, delta, say

ASKS = "\x1b[?2004h"
"""A line can be typed: the terminal is told to mark what is pasted."""

ENTER, CTRL_C, CTRL_D, UP = "\r", "\x03", "\x04", "\x1b[A"


@pytest.fixture(params=["serve", "lambda"])
async def server(
    request: pytest.FixtureRequest, upstream: Upstream, tmp_path: Path
) -> AsyncGenerator[Command, None]:
    settings = {"THESYS_API_KEY": "sk-x", "C1FN_BASE_URL": upstream.url}
    async with serving(request.param, "--port", "0", folder=tmp_path, **settings) as command:
        yield command


class Terminal:
    """A pseudo-terminal with the command in it."""

    def __init__(self, process: asyncio.subprocess.Process, ours: int) -> None:
        self.process = process
        self._ours = ours
        self._seen = ""
        self._arrived = asyncio.Event()
        os.set_blocking(ours, False)
        asyncio.get_running_loop().add_reader(ours, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._ours, 65_536)
        except OSError:  # the other end is closed
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._ours)
        if b"\x1b[6n" in data:  # it asks where the cursor is
            self.type("\x1b[1;1R")
        self._seen += data.decode(errors="replace")
        self._arrived.set()

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode(errors="surrogateescape"))

    async def until(self, text: str) -> str:
        """What was shown up to this text; it is not found again."""
        while text not in self._seen:
            self._arrived.clear()
            await self._arrived.wait()
        before, _, self._seen = self._seen.partition(text)
        return before


@asynccontextmanager
async def terminal(*arguments: str, folder: Path) -> AsyncGenerator[Terminal, None]:
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (40, 100))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "c1fn", "chat", *arguments),
        cwd=folder,
        env=environment({"TERM": "xterm", "COLUMNS": "100", "LINES": "40"}),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        asyncio.get_running_loop().remove_reader(ours)
        os.close(ours)


async def test_a_conversation_a_stop_and_a_resumed_thread(
    server: Command, upstream: Upstream, tmp_path: Path
) -> None:
    upstream.queue(say(card("First answer")))
    async with terminal("--url", server.url, folder=tmp_path) as screen:
        await screen.until(ASKS)
        screen.type("hello" + ENTER)
        await screen.until("First answer")
        await screen.until(ASKS)

        gate = asyncio.Event()  # never opened: only a stop ends this answer
        upstream.queue(Answer((ROLE, delta("Half an answer.\n\nmore"), gate, *END)))
        screen.type(UP + " again" + ENTER)
        await screen.until("Half an answer.")
        os.kill(screen.process.pid, signal.SIGINT)
        await screen.until("Stopped.")
        await screen.until(ASKS)

        screen.type("/new" + ENTER)
        await screen.until("A new conversation.")
        screen.type("/threads" + ENTER)
        await screen.until("1. hello")
        screen.type("/open 1" + ENTER)
        await screen.until("First answer")
        await screen.until("Half an answer.")
        upstream.queue(say(card("Third answer")))
        screen.type("third" + ENTER)
        await screen.until("Third answer")
        await screen.until(ASKS)
        screen.type(CTRL_D)
        assert await screen.process.wait() == 0
    users = [m["content"] for m in upstream.requests[2].body["messages"] if m["role"] == "user"]
    assert users == ["hello", "hello again", "third"]


async def test_ctrl_c_drops_a_line_and_ctrl_d_ends_its_own_server_too(tmp_path: Path) -> None:
    async with terminal(folder=tmp_path) as screen:
        assert "model offline" in await screen.until(ASKS)
        screen.type("never sent" + CTRL_C)
        await screen.until(ASKS)
        screen.type(CTRL_D)
        assert await screen.process.wait() == 0


async def test_what_is_typed_during_an_answer_waits_and_no_byte_is_a_traceback(
    upstream: Upstream, tmp_path: Path
) -> None:
    """It does not run into the answer; it is one prompt, sent when that has ended."""
    settings, gate = {"THESYS_API_KEY": "sk-x", "C1FN_BASE_URL": upstream.url}, asyncio.Event()
    upstream.queue(Answer((ROLE, delta("Half an answer.\n\nmore"), gate, *END)), say(card("The last answer")))
    async with (
        serving("serve", "--port", "0", folder=tmp_path, **settings) as server,
        terminal("--url", server.url, folder=tmp_path) as screen,
    ):
        await screen.until(ASKS)
        screen.type("hello \udcff" + ENTER)
        await screen.until("Half an answer.")
        screen.type("qux" + ENTER + "quux" + ENTER)
        gate.set()
        assert "qux" not in await screen.until("> qux")
        await screen.until("The last answer")
        await screen.until(ASKS)
        screen.type(CTRL_D)
        assert await screen.process.wait() == 0
    asked = [request.body["messages"][-1]["content"] for request in upstream.requests]
    assert asked == ["hello \ufffd", "qux\nquux"]


async def piped(*arguments: str, folder: Path, typed: str = "hi\n") -> tuple[int | None, str, str]:
    process = await start("chat", *arguments, folder=folder, settings={}, piped=True)
    out, err = await process.communicate(typed.encode())
    return process.returncode, out.decode(), err.decode()


async def test_in_a_pipe_a_thread_is_gone_on_with(
    server: Command, upstream: Upstream, tmp_path: Path
) -> None:
    upstream.queue(say(card("One")), say(card("Two")))
    where = ("--url", server.url, "--thread", "t")
    assert await piped(*where, folder=tmp_path) == (0, "One\n", "")
    status, out, err = await piped(*where, "--json", folder=tmp_path)
    last = json.loads(out.splitlines()[-1])
    assert (status, last["event"], last["status"], last["text"], err) == (0, "end", "finished", "Two", "")
    async with AsyncClient(base_url=server.url, timeout=30) as client:
        assert len(await until_stored(client)) == 4


async def test_a_broken_endpoint_is_one_sentence(tmp_path: Path) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as rude:
        url = f"http://127.0.0.1:{rude.sockets[0].getsockname()[1]}"
        lost = await piped("--url", url, folder=tmp_path)
    assert lost == (1, "", f"The connection to {url} was lost.\n")
    assert await piped("--url", url, folder=tmp_path) == (1, "", f"Nothing answers at {url}.\n")
    wrong = "c1fn: The URL must begin with http:// or https:// and name a host.\n"
    assert await piped("--url", "nonsense", folder=tmp_path) == (2, "", wrong)
