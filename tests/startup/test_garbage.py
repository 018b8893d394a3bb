"""Garbage is not looked for while a process starts."""

import gc
from collections.abc import Iterator

import pytest

from c1fn.startup import VARIABLE, garbage


@pytest.fixture
def collector() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


@pytest.mark.usefixtures("collector")
def test_garbage_is_not_looked_for_while_a_process_starts() -> None:
    garbage.pause()
    assert not gc.isenabled()
    garbage.resume()
    assert gc.isenabled()


@pytest.mark.usefixtures("collector")
def test_a_plain_start_looks_for_it_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "1")
    garbage.pause()
    assert gc.isenabled()
    garbage.resume()
    assert gc.get_freeze_count() == 0
