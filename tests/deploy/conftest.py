"""What the packagers make, made once: the built trees, SAM's translation, and what osls writes.

These tests need SAM's command line, osls and some minutes: `make deploy-check` installs and runs them, and
names the folders of the tools. Without that they are not collected.
"""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

TOOLS = Path(os.environ.get("DEPLOY_TOOLS", ""))
OSLS = ROOT / "scripts/osls/node_modules/.bin/osls"

collect_ignore_glob = [] if TOOLS.name else ["test_*.py"]

ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine()]
PLANTED = "planted-key-of-the-model"
"""The model's key in the environment of every packager: it must be in nothing that they make."""

OFFLINE = {
    "THESYS_API_KEY": PLANTED,
    "AWS_DEFAULT_REGION": "us-east-1",
    "FUNCTION_PYTHON": sys.executable,
    "SAM_CLI_TELEMETRY": "0",
    "SLS_TELEMETRY_DISABLED": "1",
    "SLS_NOTIFICATIONS_MODE": "off",
}


def run(command: Sequence[str | Path], given: str = "") -> str:
    """What the command prints, on both ways.

    :param given: what it reads.

    :raises AssertionError: it failed; the message holds what it printed.
    """
    done = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env={**os.environ, **OFFLINE},
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def build(architecture: str, folder: Path) -> tuple[Path, Path]:
    """A tree and its zip, built anew."""
    tree, packed = folder / architecture, folder / "function.zip"
    run([sys.executable, "-m", "c1fn.local.package", "--arch", architecture, "--tree", tree, "--zip", packed])
    return tree, packed


@pytest.fixture(scope="session")
def built() -> tuple[Path, Path]:
    """The package for this machine, where osls looks for it."""
    return build(ARCHITECTURE, ROOT / "dist")


@pytest.fixture(scope="session")
def translated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sam") / "translated.json"
    path.write_text(run([TOOLS / "bin/python", "scripts/translate.py"]), "utf-8")
    return path


@pytest.fixture(scope="session")
def packaged(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that osls packages into."""
    assert built
    folder = tmp_path_factory.mktemp("osls")
    run([OSLS, "package", "--package", folder])
    return folder


def resources(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))["Resources"]
    return found
