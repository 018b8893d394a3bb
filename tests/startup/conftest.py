"""These tests are about the levers: they pull them also where the rest of the suite runs without."""

import pytest

from c1fn.startup import VARIABLE


@pytest.fixture(autouse=True)
def levers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
