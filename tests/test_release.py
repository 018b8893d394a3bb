"""A release has one version: in the tag, in the code, in the changelog."""

from pathlib import Path

import pytest

from c1fn import __version__
from scripts.release import notes

CHANGELOG = """# Changelog

## Unreleased

- later

## 1.2.3 - 2026-01-31

- words

## 1.2.2 - 2026-01-01

- old
"""


def project(root: Path, *, declared: str = "1.2.3", code: str = "1.2.3", changelog: str = CHANGELOG) -> Path:
    (root / "c1fn").mkdir()
    (root / "c1fn/__init__.py").write_text(f'__version__ = "{code}"\n')
    (root / "pyproject.toml").write_text(f'[project]\nversion = "{declared}"\n')
    (root / "CHANGELOG.md").write_text(changelog)
    return root


def test_this_code_can_be_released_under_its_version() -> None:
    assert notes(f"v{__version__}")


def test_the_notes_are_the_changelogs_words_for_that_version_alone(tmp_path: Path) -> None:
    assert notes("v1.2.3", project(tmp_path)) == "- words"


@pytest.mark.parametrize(
    ("tag", "what", "told"),
    [
        ("v1.2.4", {}, "its tag is v1.2.3"),
        ("v1.2.3", {"code": "1.2.2"}, "c1fn/__init__.py 1.2.2"),
        ("v1.2.3", {"changelog": "## Unreleased\n"}, "does not begin with a dated 1.2.3"),
        ("v1.2.3", {"changelog": "## 1.2.3\n"}, "does not begin with a dated 1.2.3"),
    ],
)
def test_a_version_that_is_not_told_everywhere_is_not_released(
    tmp_path: Path, tag: str, what: dict[str, str], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        notes(tag, project(tmp_path, **what))
