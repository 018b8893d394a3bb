"""Every package that is installed anywhere is pinned, and its bytes with it."""

import re
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PINS = sorted(ROOT.glob("requirements*.txt"))

EXTRA = {"c1fn": "chat"}
"""What of a package is installed besides what it always needs."""


def requirements(path: Path) -> list[str]:
    """Each requirement with its hashes, on one line."""
    lines = path.read_text("utf-8").replace("\\\n", " ").splitlines()
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


@pytest.mark.parametrize("path", PINS, ids=lambda path: path.name)
def test_every_requirement_has_one_version_and_its_hashes(path: Path) -> None:
    found = requirements(path)
    assert path.with_suffix(".in").exists()
    assert found
    pinned = re.compile(r"[a-z0-9._-]+(\[[a-z0-9, -]+\])?==\S+ .*--hash=sha256:[0-9a-f]{64}")
    assert [r for r in found if not pinned.match(r)] == []


def test_a_package_asked_for_with_an_extra_is_pinned_with_it() -> None:
    """Without, the pip of Python 3.11 (before 23.3) takes the newest release and misses its hash."""
    lines = requirements(ROOT / "requirements-dev.txt")
    pinned = {line.split("==")[0].replace(" ", "") for line in lines}
    asked = {
        f"{required.name.lower()}[{','.join(sorted(required.extras))}]"
        for each in distributions()
        for required in map(Requirement, each.requires or ())
        if required.extras and required.name != each.name
        if required.marker is None or required.marker.evaluate({"extra": EXTRA.get(each.name, "")})
    }
    assert asked
    assert asked - pinned == set()


def test_the_extra_of_the_chat_and_the_pins_of_the_function_name_the_same() -> None:
    """And whoever installs c1fn without an extra gets c1fn alone."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["optional-dependencies"]["chat"] == requirements(ROOT / "requirements.in")
    assert project["dependencies"] == []
