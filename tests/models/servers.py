"""Servers of OpenAI's protocol that nobody here wrote, each a process of its own on 127.0.0.1.

* aimock answers by fixtures, as OpenAI and as Azure, and breaks things when it is told to. It is one folder
  of JavaScript without dependencies. https://aimock.copilotkit.dev
* LiteLLM's proxy stands before it, as it stands before many models: it reads each event and writes its own.
  It takes 0.7 GB and a minute to start, so it is asked for by ``C1FN_MODEL_SERVERS=litellm``
  (`make model-servers`). https://docs.litellm.ai/docs/simple_proxy

Both are fetched once, under ``.cache``.
"""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import httpx2

from tests.stores.servers import CACHE, Server, alone, fetch

AIMOCK = "@copilotkit/aimock@1.43.0"
AIMOCK_SHA512 = "V8D8cjSMtAR4rHaD2ulp3DR/ZguXQjDNOqwKDNvjb/OJL/KR1I0SDf5xpRCd+TYKjhmf9fM8Xpg3QBKPmV9Kmw=="
AIMOCK_HOME = CACHE / "aimock-1.43.0"

LITELLM = "1.108.7"
LITELLM_HOME = CACHE / f"litellm-{LITELLM}-py{sys.version_info[0]}{sys.version_info[1]}"

MODEL = "a-model"


def _call(timezone: str) -> dict[str, str]:
    return {"name": "current_time", "arguments": json.dumps({"timezone": timezone})}


HELLO = "Hello, *Ada*. 😀 größe"
LOOK, NOON = "Let me look.", "It is **noon** in both."
FIXTURES: list[dict[str, Any]] = [
    {
        "match": {"userMessage": "what time", "hasToolResult": True, "toolResultContains": "Asia/Tokyo"},
        "response": {"content": NOON},
    },
    {
        "match": {"userMessage": "what time", "hasToolResult": False},
        "response": {"content": LOOK, "toolCalls": [_call("UTC"), _call("Asia/Tokyo")]},
    },
    {"match": {"userMessage": "hello"}, "response": {"content": HELLO}},
]
"""A tool call is followed by its results, or there is no answer."""


class ModelServer(Server):
    def _warm(self) -> None:
        """It listens when it is ready."""

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1"


class Aimock(ModelServer):
    def _command(self) -> list[str | Path]:
        with alone(AIMOCK_HOME):
            if not (AIMOCK_HOME / "ready").exists():
                fetch(AIMOCK, AIMOCK_SHA512, "dist", AIMOCK_HOME)
                (AIMOCK_HOME / "package.json").write_text('{"type": "module", "version": "1.43.0"}')
                (AIMOCK_HOME / "ready").touch()
        fixtures = self._folder / "fixtures.json"
        fixtures.write_text(json.dumps({"fixtures": FIXTURES}))
        options = ["--port", str(self.port), "--fixtures", str(fixtures), "--strict", "--chunk-size", "7"]
        return ["node", AIMOCK_HOME / "cli.js", *options]

    def breaks(self, **rates: float) -> None:
        """From now on every answer is broken so; without a word none is."""
        httpx2.post(f"{self.url}/__aimock/chaos", json=rates).raise_for_status()

    def mends(self) -> None:
        httpx2.delete(f"{self.url}/__aimock/chaos").raise_for_status()


class Azure(Aimock):
    """The same, at an address like Azure's."""

    @property
    def base_url(self) -> str:
        return f"{self.url}/openai/deployments/{MODEL}?api-version=2026-10-21"


class Litellm(ModelServer):
    """:param model: the server before which it stands; it runs already."""

    patience = 300.0

    def __init__(self, folder: Path, model: ModelServer) -> None:
        super().__init__(folder)
        self._model = model

    def _command(self) -> list[str | Path]:
        python = LITELLM_HOME / "bin" / "python"
        with alone(LITELLM_HOME):
            if not (LITELLM_HOME / "ready").exists():
                venv.create(LITELLM_HOME, with_pip=True, clear=True)
                install = ["-m", "pip", "install", "--quiet", f"litellm[proxy]=={LITELLM}"]
                subprocess.run([python, *install], check=True)
                (LITELLM_HOME / "ready").touch()
        params = {"model": f"openai/{MODEL}", "api_key": "k", "api_base": self._model.base_url}
        settings = {
            "model_list": [{"model_name": MODEL, "litellm_params": params}],
            "general_settings": {"dangerously_permit_weak_or_unset_master_key": True},
            "litellm_settings": {"telemetry": False},
        }
        config = self._folder / "litellm.yaml"
        config.write_text(json.dumps(settings))
        options = ["--config", str(config), "--host", "127.0.0.1", "--port", str(self.port)]
        # Else it asks the internet for the prices of models.
        return ["env", "LITELLM_LOCAL_MODEL_COST_MAP=True", LITELLM_HOME / "bin" / "litellm", *options]


WANTED = frozenset(os.environ.get("C1FN_MODEL_SERVERS", "").split(","))
