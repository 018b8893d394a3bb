"""`cargo lambda watch`: an emulator that streams, and that nobody here wrote. Started without Rust."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from scripts.emulators import fetch
from tests.processes import free_port, listening

ROOT = Path(__file__).parents[1]
CARGO = "#!/bin/sh\ncat metadata.json\n"
"""It asks `cargo metadata` which programs a project has, and starts none. So no Rust is needed for it."""


@contextmanager
def watching(
    folder: Path, handler: str, root: Path = ROOT, python: str = sys.executable
) -> Generator[str, None, None]:
    """The emulator's URL, with one function behind it that our bootstrap has started: the handler of the
    files in ``root``.
    """
    _project(folder)
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
        path = os.pathsep.join([str(folder), os.environ["PATH"]])
        emulator = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "PATH": path},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            listening(emulator, port, folder / "log")
            process = subprocess.Popen(function, env=environ, stdout=log, stderr=log, start_new_session=True)
            try:
                yield f"http://127.0.0.1:{port}"
            finally:
                _end(process)
        finally:
            _end(emulator)


def _project(folder: Path) -> None:
    """A project with one program, and a cargo that tells of it."""
    (folder / "Cargo.toml").touch()
    cargo = folder / "cargo"
    cargo.write_text(CARGO)
    cargo.chmod(0o755)
    program = {"name": "chat", "kind": ["bin"], "crate_types": ["bin"], "src_path": str(folder / "main.rs")}
    package = {"name": "chat", "version": "0.1.0", "id": "chat", "edition": "2021", "dependencies": []}
    place = {"manifest_path": str(folder / "Cargo.toml"), "features": {}, "targets": [program]}
    whole = {"packages": [package | place], "workspace_members": ["chat"], "resolve": None, "version": 1}
    folders = {"target_directory": str(folder / "target"), "workspace_root": str(folder)}
    (folder / "metadata.json").write_text(json.dumps(whole | folders))


def _end(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):  # it has ended by itself
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)
