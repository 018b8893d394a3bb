"""How fast a streamed response leaves Lambda."""

import pytest

from c1fn.runtime.emulator.throttle import Throttle


def test_a_burst_passes_at_once_and_the_rest_at_the_rate() -> None:
    throttle = Throttle(burst=6, rate=2)
    assert [throttle.delay(3, now=0), throttle.delay(3, now=0)] == [0, 0]
    assert throttle.delay(2, now=0) == 1
    assert throttle.delay(2, now=1) == 1


def test_a_piece_across_the_end_of_the_burst_waits_for_its_rest_alone() -> None:
    assert Throttle(burst=6, rate=2).delay(8, now=10) == 1


def test_a_pause_is_not_saved_up() -> None:
    throttle = Throttle(burst=0, rate=1)
    assert throttle.delay(1, now=0) == 1
    assert throttle.delay(1, now=100) == pytest.approx(1)


def test_lambdas_own_figures() -> None:
    throttle, now = Throttle(burst=6 * 1024**2, rate=2 * 1024**2), 0.0
    for _ in range(8 * 16):
        now += throttle.delay(65536, now)
    assert now == pytest.approx(1)
