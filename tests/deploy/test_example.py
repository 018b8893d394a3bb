"""SAM builds and takes the example of another app (docs/runtime.md)."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.conftest import ROOT, TOOLS, run

EXAMPLE = ROOT / "examples/any_app"

pytestmark = pytest.mark.timeout(600)  # seconds: pip lays the packages out


def test_sam_builds_an_app_and_the_runtime_without_the_chat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(wheel, cwd=ROOT, check=True, capture_output=True)
    monkeypatch.setenv("C1FN", str(*tmp_path.glob("*.whl")))
    monkeypatch.setenv("PYTHON", sys.executable)
    template = EXAMPLE / "template.yaml"
    run([TOOLS / "bin/sam", "build", "--template", template, "--build-dir", tmp_path / "built"])
    app = tmp_path / "built/App"
    names = {path.name for path in app.iterdir()}
    assert {"main.py", "c1fn", "mangum", "fastapi"} <= names
    assert names & {"boto3", "botocore", "openai", "jwt"} == set()
    assert (app / "c1fn/runtime/bootstrap").stat().st_mode & 0o777 == 0o755
    assert {path.read_bytes()[18] for path in app.rglob("*.so")} == {0xB7}  # arm64, as the template says


def test_sam_finds_nothing_in_its_template() -> None:
    told = run([TOOLS / "bin/sam", "validate", "--lint", "--template", EXAMPLE / "template.yaml"])
    assert "is a valid SAM Template" in told
