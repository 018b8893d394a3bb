"""Every example runs as it stands, against the local server."""

import asyncio
import json
import shutil
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.processes import ROOT, Command, environment, serving

EXAMPLES = ROOT / "examples"
MODULES = ROOT / "web" / "node_modules"
RUN = {"curl.sh": "sh", "python_httpx.py": sys.executable, "fetch.mjs": "node"}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncGenerator[Command, None]:
    async with serving("serve", "--port", "0", folder=tmp_path, C1FN_MAX_BODY="1024") as command:
        yield command


async def run(*command: str, folder: Path) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=environment({}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def need(name: str) -> None:
    """Skips where a machine lacks what the example is for."""
    for command in (RUN[name], *(["curl"] if name == "curl.sh" else [])):
        if shutil.which(command) is None:
            pytest.skip(f"{command} is not installed")


def test_every_example_is_run() -> None:
    assert {path.name for path in EXAMPLES.iterdir() if path.is_file()} == {*RUN, "react.tsx"}


@pytest.mark.parametrize("name", RUN)
async def test_an_example_prints_the_whole_answer(server: Command, tmp_path: Path, name: str) -> None:
    need(name)
    status, out, err = await run(RUN[name], str(EXAMPLES / name), server.url.rstrip("/"), folder=tmp_path)
    assert (status, err) == (0, "")
    answers = out.strip().splitlines()
    assert len(answers) == (2 if name == "curl.sh" else 1)
    for answer in answers:
        assert answer.startswith('<content thesys="true">')
        assert answer.endswith("</content>")
    if name == "curl.sh":
        assert "Turn 2" in answers[1]


@pytest.mark.parametrize("name", RUN)
async def test_an_example_tells_a_refusal(server: Command, tmp_path: Path, name: str) -> None:
    need(name)
    nowhere = f"{server.url}nowhere"
    status, out, err = await run(RUN[name], str(EXAMPLES / name), nowhere, folder=tmp_path)
    assert (status != 0, "Not found" in out + err) == (True, True)


@pytest.mark.skipif(not MODULES.is_dir(), reason="the page's packages are not installed")
async def test_the_react_example_fits_the_client_types(tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(MODULES)
    shutil.copy(EXAMPLES / "react.tsx", tmp_path)
    options = json.loads((ROOT / "web" / "tsconfig.json").read_text("utf-8"))["compilerOptions"]
    config = {"compilerOptions": options, "files": ["react.tsx"]}
    (tmp_path / "tsconfig.json").write_text(json.dumps(config), "utf-8")
    status, out, _ = await run(str(MODULES / ".bin" / "tsc"), "--noEmit", "-p", ".", folder=tmp_path)
    assert (status, out) == (0, "")
