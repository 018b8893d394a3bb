"""No level of logging prints a key, a token or a prompt, through whichever library it goes."""

import importlib.metadata
import json
import re
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

from c1fn import compose
from c1fn.settings import Settings
from c1fn.startup.log_levels import LIBRARIES
from c1fn.stores.dynamodb import DynamoStore, connect, service, table
from c1fn.turn import Ask, Message
from tests.leaks import watch
from tests.test_pins import requirements

ROOT = Path(__file__).parents[2]
TOKEN = "planted-token-of-a-session"

SILENT = {"fastapi", "anyio"}
"""Shipped libraries whose loggers tell of themselves alone: what was read of their sources."""


def logging_libraries() -> set[str]:
    """The packages that ship and write to a logger."""
    found = set()
    for pinned in requirements(ROOT / "requirements.txt"):
        if (made := re.match(r"[\w.-]+", pinned)) and installed(made[0]):
            files = [path for path in importlib.metadata.files(made[0]) or () if path.suffix == ".py"]
            found |= {path.parts[0] for path in files if "getLogger(" in path.read_text("utf-8")}
    return found


def installed(name: str) -> bool:
    """Some are pinned for other systems alone."""
    try:
        return bool(importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return False


def test_every_library_that_ships_and_logs_has_a_level_of_its_own() -> None:
    assert logging_libraries() - SILENT <= set(LIBRARIES)


@pytest.mark.usefixtures("aws")
async def test_no_level_prints_the_secret_the_session_or_a_prompt(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", TOKEN)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    watch.plant(TOKEN)
    made = boto3.client("secretsmanager").create_secret(
        Name="c1fn", SecretString=json.dumps({"THESYS_API_KEY": "planted-key-of-the-model"})
    )
    caplog.set_level(1)  # below DEBUG
    compose.settle(Settings.read({"C1FN_SECRET": made["ARN"]}), {})
    client = connect(None)
    table.create(client, "levels")
    store = DynamoStore(service(None), "levels")
    await store.turns.open(Ask("ann", "t", "r", Message("user", "planted words of a person")), history=0)
    await store.aclose()
    assert {TOKEN, "planted-key-of-the-model", "planted words of a person"} <= watch.secrets
    assert [secret for secret in watch.secrets if secret in caplog.text] == []


def test_no_environment_brings_a_librarys_level_back() -> None:
    """The package openai reads a level of its own when it is imported, which is late here."""
    code = (
        "import logging; logging.basicConfig(level=1)\n"
        "from c1fn.models.c1 import C1Model\n"
        "C1Model(api_key='k', base_url='http://127.0.0.1:9/', model='m')\n"
        "import openai; openai.__version__\n"
        "names = [n for n in logging.root.manager.loggerDict if n.startswith(('openai', 'httpx2'))]\n"
        "print([name for name in names if logging.getLogger(name).isEnabledFor(logging.INFO)])"
    )
    environ = {"OPENAI_LOG": "debug", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
