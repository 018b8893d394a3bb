"""What lies in a function's layers is found where AWS's own bootstrap finds it."""

import json
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from c1fn.runtime.emulator import Emulator

ROOT = Path(__file__).parents[2]
VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"

APP = """
import json, shared, deep, linked
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        raise RuntimeError
    told = [shared.WHERE, deep.WHERE, linked.WHERE]
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": json.dumps(told).encode()})
"""


def module(path: Path, where: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"WHERE = {where!r}\n")


@pytest.fixture
def opt(tmp_path: Path) -> Path:
    """Layers as Lambda unpacks them: a package in each of the two places, and one that a .pth leads to."""
    opt = tmp_path / "opt"
    module(opt / "python/shared.py", "layer")
    module(opt / f"python/lib/{VERSION}/site-packages/deep.py", "site-packages")
    module(opt / "python/deep.py", "the second place")
    module(opt / "elsewhere/linked.py", "by a .pth")
    (opt / "python/more.pth").write_text(f"{opt}/elsewhere\n")
    return opt


def told(task: Path, opt: Path, text: str) -> list[str]:
    """What a process says that starts in ``task``, as the bootstrap starts one."""
    (task / "started.py").write_text(
        f"import json, sys\nfrom c1fn.startup import layers\nlayers.add({str(opt / 'python')!r})\n{text}\n"
    )
    ran = subprocess.run(
        [sys.executable, "-m", "started"],
        cwd=task,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[str] = json.loads(ran.stdout)
    return found


def test_both_places_are_looked_at_and_site_packages_first(tmp_path: Path, opt: Path) -> None:
    text = "import shared, deep, linked; print(json.dumps([shared.WHERE, deep.WHERE, linked.WHERE]))"
    assert told(tmp_path, opt, text) == ["layer", "site-packages", "by a .pth"]


def test_the_functions_own_files_come_first_and_pythons_last(tmp_path: Path, opt: Path) -> None:
    module(tmp_path / "shared.py", "own")
    module(opt / "python/calendar.py", "layer")
    text = "import shared, calendar; print(json.dumps([shared.WHERE, calendar.WHERE]))"
    assert told(tmp_path, opt, text) == ["own", "layer"]


def test_a_function_without_layers_looks_nowhere_else(tmp_path: Path) -> None:
    text = "print(json.dumps([each for each in sys.path if 'opt' in each.split('/')]))"
    assert told(tmp_path, tmp_path / "opt", text) == []


def may_mount() -> bool:
    """Whether this machine lets us lay a folder over /opt, for one process."""
    tried = ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/opt"]
    return subprocess.run(tried, check=False).returncode == 0


async def test_the_bootstrap_finds_the_layers_of_a_function(tmp_path: Path, opt: Path) -> None:
    """And c1fn itself where it lies in a layer."""
    if not may_mount():
        pytest.skip("no folder can be laid over /opt here")
    task = tmp_path / "task"
    task.mkdir()
    (task / "main.py").write_text(APP)
    (opt / "python/c1fn").symlink_to(ROOT / "c1fn")
    wrapper = tmp_path / "wrapper"
    mount = f'mount --bind {opt} /opt && unset PYTHONPATH && exec "$@"'
    wrapper.write_text(
        f"#!/bin/sh\nexec unshare -m sh -c '{mount}' - /opt/python/c1fn/runtime/bootstrap \"$@\"\n"
    )
    wrapper.chmod(0o755)
    async with (
        Emulator(task_root=task, handler="main.app", bootstrap=wrapper, log=lambda _: None) as emulator,
        httpx2.AsyncClient(timeout=30) as client,
    ):
        assert (await client.get(emulator.url)).json() == ["layer", "site-packages", "by a .pth"]
