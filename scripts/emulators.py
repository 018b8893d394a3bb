"""Print where an emulator of Lambda that others wrote lies here: fetched once, out of its wheel.

    python -m scripts.emulators rie             AWS's Runtime Interface Emulator, of Lambda's images
    python -m scripts.emulators cargo-lambda    `cargo lambda watch`, which streams; no Rust is needed

https://github.com/aws/aws-lambda-runtime-interface-emulator
https://www.cargo-lambda.info/commands/watch.html
"""

import os
import platform
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

CACHE = Path(__file__).parents[1] / ".cache" / "emulators"
ARM = platform.machine() == "aarch64"

EMULATORS = {
    "rie": ("aws-sam-cli==1.170.0", f"samcli/local/rapid/aws-lambda-rie-{'arm64' if ARM else 'x86_64'}"),
    "cargo-lambda": ("cargo-lambda==1.9.2", "cargo_lambda-1.9.2.data/scripts/cargo-lambda"),
}
"""The wheel that has it, and its name inside."""


def fetch(emulator: str) -> Path:
    """:raises subprocess.CalledProcessError: the wheel cannot be had."""
    wheel, member = EMULATORS[emulator]
    path = CACHE / wheel / Path(member).name
    if not path.exists():
        with tempfile.TemporaryDirectory() as folder:
            download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder]
            subprocess.run([*download, wheel], check=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            whole = path.with_suffix(f".{os.getpid()}")
            whole.write_bytes(zipfile.ZipFile(next(Path(folder).glob("*.whl"))).read(member))
            whole.chmod(0o755)
            whole.rename(path)  # at once: another run may be looking
    return path


if __name__ == "__main__":
    print(fetch(sys.argv[1]))
