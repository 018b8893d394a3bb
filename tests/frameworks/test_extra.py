"""`pip install 'c1fn[runtime]'` from the wheel, where nothing else is: it serves an app without the chat."""

import asyncio
import json
import os
import re
import subprocess
import sys
import venv
from collections.abc import AsyncGenerator
from pathlib import Path

import httpx2
import pytest

from tests.processes import ROOT, Command, told
from tests.runtime.emulated import Gate, release

pytestmark = pytest.mark.timeout(300)  # seconds: a package index that is far, and a busy machine

APP = """
import asyncio

async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"one", "more_body": True})
    if port := scope["query_string"].decode().removeprefix("port="):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
        await reader.read()
        writer.close()
    await send({"type": "http.response.body", "body": b"two"})
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the environment's commands."""
    folder = tmp_path_factory.mktemp("extra")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", with_pip=True, symlinks=True)
    found = folder / "venv/bin"
    subprocess.run([found / "python", "-m", "pip", "install", "--quiet", f"{wheel}[runtime]"], check=True)
    return found


@pytest.fixture
async def command(installed: Path, tmp_path: Path) -> AsyncGenerator[Command, None]:
    (tmp_path / "main.py").write_text(APP)
    process = await asyncio.create_subprocess_exec(
        *(installed / "c1fn", "lambda", "--app", "main:app", "--port", "0"),
        cwd=tmp_path,
        env=alone(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with told(process) as command:
        yield command
        status, printed = await command.end()
        assert (status, "Traceback" in printed) == (0, False)


def alone() -> dict[str, str]:
    """This environment without a path to anything that is installed elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "C1FN_"))}


def test_nothing_of_the_chat_is_installed(installed: Path) -> None:
    listed = subprocess.run(
        [installed / "python", "-m", "pip", "list", "--format=json"], check=True, capture_output=True
    )
    assert {each["name"] for each in json.loads(listed.stdout)} == {
        "c1fn",
        "h11",
        "mangum",
        "pip",
        "typing_extensions",
    }


async def test_an_app_streams_and_is_answered_whole(command: Command) -> None:
    doors = await command.doors()
    async with Gate() as gate, httpx2.AsyncClient(timeout=60) as client:
        for door in ("function URL", "REST API"):
            async with client.stream("GET", f"{doors[door]}/?port={gate.port}") as answer:
                pieces = answer.aiter_text()
                assert await anext(pieces) == "one"
                await release(await gate.held())
                assert "".join([piece async for piece in pieces]) == "two"
        for door in ("HTTP API", "load balancer"):
            assert (await client.get(f"{doors[door]}/")).text == "onetwo"


def test_a_command_of_the_chat_says_what_is_missing(installed: Path, tmp_path: Path) -> None:
    for command in ("serve", "chat", "lambda"):
        done = subprocess.run(
            [installed / "c1fn", command],
            cwd=tmp_path,
            env=alone(),
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert re.fullmatch(r"c1fn: this needs \w+: pip install 'c1fn\[local\]'\n", done.stderr), done.stderr
        assert done.returncode == 2
