"""The rules of a storm notice what they are for: each is shown journals that break it, and that keep it."""

from dataclasses import replace
from typing import Any

import pytest

from tests.stores.chaos.journal import Call, Seen
from tests.stores.chaos.rules import check
from tests.stores.chaos.weather import prompt_of

Calls = list[Call]


def call(operation: str, began: float, ended: float, outcome: str = "done", **about: Any) -> Call:
    return Call("m", operation, "ann", "t", began, ended, outcome, **{"response": "r1"} | about)


def claim(began: float, ended: float, attempt: str, number: int = 1, **about: Any) -> Call:
    about = {"started": began, "attempt": attempt, "number": number} | about
    return call("open", began, ended, "claim", **about)


def commit(began: float, ended: float, attempt: str, outcome: str = "done", **about: Any) -> Call:
    about = {"attempt": attempt, "text": f"{attempt} said", "state": "done"} | about
    return call("commit", began, ended, outcome, **about)


def turn(attempt: str, number: int = 1, response: str = "r1", **about: Any) -> Seen:
    about = {"state": "done", "prompt": prompt_of(response), "answer": f"{attempt} said"} | about
    return Seen(number, response, **about)


def load(began: float, *seen: Seen) -> Call:
    return call("load", began, began + 1, seen=seen)


GOOD = [claim(0, 1, "a"), commit(2, 3, "a"), load(4, turn("a"))]
SECOND = [claim(10, 11, "b", 2, response="r2", seen=(turn("a"),)), commit(12, 13, "b", response="r2")]


def test_nothing_is_wrong() -> None:
    both = load(14, turn("a"), turn("b", 2, "r2"))
    assert check([*GOOD, *SECOND, both], []) == []


@pytest.mark.parametrize(
    ("calls", "what"),
    [
        ([*GOOD[:2], load(4)], "was acknowledged, and"),
        ([*GOOD[:2], load(4, turn("a", answer="a sai"))], "was acknowledged, and"),
        ([claim(0, 1, "a"), load(4)], "was claimed, and"),
        ([*GOOD, *SECOND[:1], load(14, turn("b", 2, "r2", state="interrupted"))], "saw the turns [2]"),
        ([*GOOD, replace(SECOND[0], seen=())], "saw the turns []"),
        ([*GOOD, load(5, turn("a"), turn("a", 2))], "a responseId twice"),
        ([*GOOD, claim(5, 6, "b", 2), commit(7, 8, "b")], "answered 2 times"),
        ([*GOOD, claim(5, 6, "b", 2)], "was asked for r1 again"),
        ([*GOOD, call("delete", 6, 7), load(8, turn("a"))], "is gone, and m saw it"),
        ([claim(0, 1, "a"), call("delete", 2, 3), commit(4, 5, "a")], "after its thread was deleted"),
        ([*GOOD, load(5, turn("a"), turn("", 2, "r9", answer="", state="failed"))], "nobody asked for it"),
        ([*GOOD[:2], load(4, turn("a", state="failed", answer="", error="damaged_turn"))], "damaged"),
        ([*GOOD[:2], load(4, turn("a", prompt="another"))], "another prompt"),
        ([claim(0, 1, "a"), commit(2, 3, "a", "lost"), load(4, turn("a"))], "an answer of nobody's"),
        ([claim(0, 1, "a"), load(4, turn("x", state="interrupted"))], "an answer of nobody's"),
        ([*GOOD, call("revise", 5, 6, text="form"), load(7, turn("a"))], "was saved, and m saw None"),
        ([*GOOD, load(7, turn("a", revised="form"))], "a form that nobody saved"),
        (
            [
                *GOOD,
                call("revise", 5, 6, text="old"),
                call("revise", 7, 8, text="new"),
                load(9, turn("a", revised="old")),
            ],
            "was saved, and m saw 'old'",
        ),
        ([claim(0, 1, "a"), claim(2, 3, "b", 2, response="r2")], "began in the lease of r1"),
        ([*GOOD, call("delete", 6, 7), claim(8, 9, "b", generation=2)], "brought its thread back"),
        ([call("stuck", 0, 1)], "could not finish"),
    ],
)
def test_wrong(calls: Calls, what: str) -> None:
    """Each kind of wrong is named."""
    assert any(what in one for one in check(calls, [])), check(calls, [])


@pytest.mark.parametrize(
    ("calls", "jumps"),
    [
        pytest.param([*GOOD, call("delete", 6, 7), load(8)], [], id="deleted"),
        pytest.param([*GOOD, call("delete", 6, 7, "unknown"), load(8)], [], id="perhaps deleted"),
        pytest.param([*GOOD, load(8)], [6.0], id="too old"),
        pytest.param([*GOOD, call("delete", 6, 9), load(7, turn("a"))], [], id="not deleted yet"),
        pytest.param(
            [*GOOD, call("revise", 5, 9, text="form"), load(7, turn("a", revised="form"))], [], id="a form"
        ),
        pytest.param([claim(0, 1, "a"), claim(30, 31, "b", 2, response="r2", seen=())], [2.0], id="aged"),
        pytest.param(
            [*GOOD[:1], commit(2, 3, "a", state="failed"), claim(4, 5, "b"), commit(6, 7, "b")],
            [],
            id="again",
        ),
    ],
)
def test_not_wrong(calls: Calls, jumps: list[float]) -> None:
    """What a delete, the retention or a call at the same time explains is not wrong."""
    assert check(calls, jumps) == []


def test_what_was_beyond_the_retention_is_not_shown() -> None:
    assert any("is gone, and" in one for one in check([*GOOD, load(8, turn("a"))], [6.0]))
