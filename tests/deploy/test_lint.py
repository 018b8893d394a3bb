"""The linters of those who made the formats find nothing, offline."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.deploy.conftest import TOOLS, run

pytestmark = pytest.mark.timeout(600)  # seconds: SAM, osls and cfn-lint start slowly where others work, too


def findings(*paths: Path | str, ignored: Sequence[str] = ()) -> str:
    ignore = ["--ignore-checks", *ignored] if ignored else []
    return run([TOOLS / "bin/cfn-lint", "--non-zero-exit-code", "warning", *ignore, "--", *paths]).strip()


def test_sam_finds_nothing_in_the_template() -> None:
    assert "is a valid SAM Template" in run([TOOLS / "bin/sam", "validate", "--lint"])


def test_cfn_lint_finds_nothing_in_the_template() -> None:
    assert findings("template.yaml") == ""


def test_cfn_lint_finds_nothing_in_its_translation(translated: Path) -> None:
    # SAM has read Rollout and Rollouts and left nothing of them; the third is explained in the template.
    assert findings(translated, ignored=["W2001", "W7001", "W3011"]) == ""


def test_cfn_lint_finds_nothing_in_what_osls_packages(packaged: Path) -> None:
    templates = sorted(packaged.glob("cloudformation-template-*.json"))
    assert [path.stem.removeprefix("cloudformation-template-") for path in templates] == [
        "create-stack",
        "update-stack",
    ]
    assert findings(*templates) == ""
