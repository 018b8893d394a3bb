"""The wheel, built from this checkout and laid out as pip does."""

import subprocess
import sys
import zipfile
from pathlib import Path

from tests.processes import ROOT


def laid_out(folder: Path) -> Path:
    """A folder that holds what the wheel holds: on PYTHONPATH it is installed.

    :param folder: where the wheel and the new folder are put.
    """
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as files:
        files.extractall(folder / "installed")
    return folder / "installed"
