"""AWS's own emulator of the Lambda runtime, started on this machine without Docker."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from scripts.emulators import fetch
from tests.processes import free_port, listening

ROOT = Path(__file__).parents[1]
ENVIRON = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "PYTHONPATH": str(ROOT),
    "LAMBDA_TASK_ROOT": str(ROOT),
    "_HANDLER": "handler.handler",
    "C1FN_MODEL": "offline",
    "C1FN_AUTH": "none",
}

WRAPPED = (str(ROOT / "c1fn" / "runtime" / "bootstrap"), sys.executable, "/var/runtime/bootstrap.py")
MANAGED = (sys.executable, "-m", "awslambdaric", "handler.handler")


class Rie:
    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"

    def invoke(self, event: Any) -> bytes:
        """The payload as it comes, a stream's metadata and delimiter included."""
        return httpx2.post(self._url, content=json.dumps(event).encode(), timeout=30).content


@contextmanager
def running(command: Sequence[str], log: Path) -> Generator[Rie, None, None]:
    """The emulator with one function, started by ``command``."""
    api, front = free_port(), free_port()
    arguments = ["--runtime-api-address", f"127.0.0.1:{api}"]
    arguments += ["--runtime-interface-emulator-address", f"127.0.0.1:{front}"]
    with log.open("wb") as file:
        process = subprocess.Popen(
            [fetch("rie"), *arguments, *command],
            cwd=ROOT,
            env=ENVIRON,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        listening(process, front)
        yield Rie(front)
    finally:
        process.send_signal(signal.SIGTERM)  # it kills the function and then ends
        process.wait(10)
        _end_group(process.pid)


def _end_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
