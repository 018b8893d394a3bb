"""docs/security.md names a test for each claim: each is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/security.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE)))


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_what_a_claim_is_shown_by_exists(path: str, name: str) -> None:
    text = (ROOT / path).read_text("utf-8")
    assert f"def {name}(" in text if name else "def test_" in text


def test_every_row_of_both_lists_is_told() -> None:
    assert re.findall(r"\| API(\d+) ", PAGE) == [str(n) for n in range(1, 11)]
    assert re.findall(r"\| LLM(\d+) ", PAGE) == [f"{n:02}" for n in range(1, 11)]
