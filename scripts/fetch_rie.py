"""Print the path of AWS's Runtime Interface Emulator, fetched once from the wheel of the SAM command line.

It is the emulator that Lambda's container images carry; alone, it needs neither Docker nor an account.
https://github.com/aws/aws-lambda-runtime-interface-emulator
"""

import os
import platform
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

VERSION = "1.170.0"
CACHE = Path(__file__).parents[1] / ".cache" / "rie"
NAMES = {"x86_64": "aws-lambda-rie-x86_64", "aarch64": "aws-lambda-rie-arm64"}


def fetch() -> Path:
    """:raises subprocess.CalledProcessError: the wheel cannot be had."""
    name = NAMES[platform.machine()]
    path = CACHE / VERSION / name
    if not path.exists():
        with tempfile.TemporaryDirectory() as folder:
            download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder]
            subprocess.run([*download, f"aws-sam-cli=={VERSION}"], check=True)
            wheel = next(Path(folder).glob("*.whl"))
            path.parent.mkdir(parents=True, exist_ok=True)
            whole = path.with_suffix(f".{os.getpid()}")
            whole.write_bytes(zipfile.ZipFile(wheel).read(f"samcli/local/rapid/{name}"))
            whole.chmod(0o755)
            whole.rename(path)  # at once: another run may be looking
    return path


if __name__ == "__main__":
    print(fetch())
