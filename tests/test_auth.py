from c1fn.auth import ANYBODY, Caller


def test_callers_of_one_owner_are_equal() -> None:
    assert Caller("anybody") == ANYBODY != Caller("somebody")
