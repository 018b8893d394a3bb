from collections.abc import Callable, Iterator

import pytest

from c1fn.telemetry.timings import Watch


def ticking(*seconds: float) -> Callable[[], float]:
    """A clock that shows these, one at each look."""
    times: Iterator[float] = iter(seconds)
    return lambda: next(times)


def test_the_first_word_counts_from_the_beginning() -> None:
    watch = Watch(ticking(10, 10.25))
    watch.hears()
    watch.hears()
    assert watch.first_ms == 250


def test_the_waits_for_the_store_and_for_the_model_are_added_up_apart() -> None:
    watch = Watch(ticking(0, 1, 1.5, 2, 4, 5, 5.25, 6))
    with watch.storing("store.open"):
        pass
    with watch.asking("m"):
        pass
    with watch.storing("store.open"):
        pass
    assert (watch.store_ms, watch.model_ms, watch.total_ms) == (750, 2000, 6000)


def test_a_wait_that_failed_counts_too() -> None:
    watch = Watch(ticking(0, 1, 3))
    with pytest.raises(OSError, match="cut"), watch.asking("m"):
        raise OSError("cut")
    assert watch.model_ms == 2000
