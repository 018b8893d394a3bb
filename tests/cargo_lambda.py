"""`cargo lambda watch`: an emulator that streams, and that nobody here wrote. Started without Rust."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from scripts.emulators import fetch
from tests.processes import free_port, listening

ROOT = Path(__file__).parents[1]
MANIFEST = '[package]\nname = "chat"\nversion = "0.1.0"\nedition = "2021"\n'
"""It looks for a project of Rust and its binary, and starts neither."""


@contextmanager
def watching(
    folder: Path, handler: str, root: Path = ROOT, python: str = sys.executable
) -> Generator[str, None, None]:
    """The emulator's URL, with one function behind it that our bootstrap has started: the handler of the
    files in ``root``.
    """
    (folder / "src").mkdir()
    (folder / "src" / "main.rs").write_text("fn main() {}\n")
    (folder / "Cargo.toml").write_text(MANIFEST)
    port = free_port()
    command = [str(fetch("cargo-lambda")), "lambda", "watch", "--only-lambda-apis"]
    command += ["-A", "127.0.0.1", "-P", str(port)]
    environ = {
        "PATH": os.environ["PATH"],
        "LAMBDA_TASK_ROOT": str(root),
        "AWS_LAMBDA_RUNTIME_API": f"http://127.0.0.1:{port}/.rt",  # as it says itself
        "_HANDLER": handler,
        "C1FN_MODEL": "offline",
        "C1FN_AUTH": "none",
    }
    function = [str(ROOT / "c1fn" / "runtime" / "bootstrap"), python, "/var/runtime/bootstrap.py"]
    with (folder / "log").open("wb") as log:
        emulator = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True)
        try:
            listening(emulator, port)
            process = subprocess.Popen(function, env=environ, stdout=log, stderr=log, start_new_session=True)
            try:
                yield f"http://127.0.0.1:{port}"
            finally:
                _end(process)
        finally:
            _end(emulator)


def _end(process: "subprocess.Popen[bytes]") -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)
