"""The emulators: ministack, a DynamoDB server of its own process, and a client that suits moto.

Ministack has a virtual environment of its own: its pins of botocore differ from ours. It is made once,
from PyPI, under ``.cache``.
"""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
import venv
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

VERSION = "1.5.33"
HOME = (
    Path(__file__).parents[2] / ".cache" / f"ministack-{VERSION}-py{sys.version_info[0]}{sys.version_info[1]}"
)
START = 60.0  # seconds: it takes one, on a busy machine a few
LOOK = 0.05  # seconds between two looks whether it is there


def _installed() -> Path:
    python = HOME / "bin" / "python"
    if not (HOME / "ready").exists():
        venv.create(HOME, with_pip=True, clear=True)
        install = ["-m", "pip", "install", "--quiet", f"ministack=={VERSION}"]
        subprocess.run([python, *install], check=True)
        (HOME / "ready").touch()
    return python


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


class Ministack:
    """``with Ministack(folder) as server: server.url``. Its files go to the folder, its log too."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        environment = os.environ | {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "SERVICES": "dynamodb",
            "LOG_LEVEL": "ERROR",
            "TMPDIR": str(self._folder),
        }
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [_installed(), "-m", "ministack"],
                env=environment,
                cwd=self._folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._wait()
        except BaseException:
            self._stop()
            raise
        return self

    def _wait(self) -> None:
        end = time.monotonic() + START
        while time.monotonic() < end and self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(LOOK)
        raise RuntimeError(f"ministack did not start: {(self._folder / 'log').read_text()[-2000:]}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class OneAtATime:
    """A client behind a lock: moto's tables are not made for threads."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method: Callable[..., Any] = getattr(self._client, name)

        def locked(*args: Any, **kwargs: Any) -> Any:
            with self._lock:
                return method(*args, **kwargs)

        return locked
