from pathlib import Path

import pytest


@pytest.fixture
def marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the apps of `functions` note what happens to them."""
    path = tmp_path / "marks"
    monkeypatch.setenv("MARKS", str(path))
    return path
