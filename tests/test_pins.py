"""Every package that is installed anywhere is pinned, and its bytes with it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PINS = sorted(ROOT.glob("requirements*.txt"))


def requirements(path: Path) -> list[str]:
    """Each requirement with its hashes, on one line."""
    lines = path.read_text("utf-8").replace("\\\n", " ").splitlines()
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


@pytest.mark.parametrize("path", PINS, ids=lambda path: path.name)
def test_every_requirement_has_one_version_and_its_hashes(path: Path) -> None:
    found = requirements(path)
    assert path.with_suffix(".in").exists()
    assert found
    wrong = [r for r in found if not re.match(r"[a-z0-9._\[\],-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", r)]
    assert wrong == []
