"""The rules of a storm for forks, feedback, links and answers: journals that break each, and that keep it."""

from dataclasses import replace
from typing import Any

import pytest

from tests.stores.chaos.journal import Call, Seen
from tests.stores.chaos.rules import check
from tests.stores.test_chaos_rules import GOOD, Calls, call, claim, commit, load, turn

SECOND = [claim(5, 6, "b", 2, response="r2", seen=(turn("a"),)), commit(7, 8, "b", response="r2")]
BOTH = [*GOOD, *SECOND]
TWO = (turn("a"), turn("b", 2, "r2"))


def in_fork(one: Call) -> Call:
    return replace(one, thread="f")


_OF_FORK: dict[str, Any] = {"response": "r2", "until": "r2", "source": "t", "thread": "f"}


def fork(began: float, ended: float, outcome: str = "done", **about: Any) -> Call:
    return replace(call("fork", began, ended, outcome), **_OF_FORK | about)


def seen(began: float, *turns: Seen) -> Call:
    return in_fork(load(began, *turns))


def page(began: float, *listed: str) -> Call:
    return replace(call("page", began, began + 1, listed=listed), thread="")


def share(began: float = 10, **about: Any) -> Call:
    of_share: dict[str, Any] = {"token": "k", "number": 2, "expires": 100.0}
    return call("share", began, began + 1, **of_share | about)


def view(began: float, *turns: Seen, outcome: str = "done") -> Call:
    return call("view", began, began + 1, outcome, token="k", number=2, expires=100.0, seen=turns)


def revoke(began: float, outcome: str = "done") -> Call:
    return call("revoke", began, began + 1, outcome, token="k")


def links(began: float, *tokens: str) -> Call:
    return replace(call("links", began, began + 1, listed=tokens), thread="")


def waits(one: Call) -> Call:
    return replace(one, state="waiting")


def resume(began: float, attempt: str, response: str = "y", **about: Any) -> Call:
    of_answer: dict[str, Any] = {"number": 2, "resumes": "r1", "text": "a said", "response": response}
    return claim(began, began + 1, attempt, **of_answer | about)


def reserve(began: float, text: str = "reserved") -> Call:
    return call("reserve", began, began + 1, response="r5", text=text)


ASKED = [GOOD[0], waits(GOOD[1])]
REFUSED = call("open", 10, 11, "refused", resumes="r1", response="y")

FORKED = [*BOTH, fork(10, 11)]
THIRD = [
    claim(12, 13, "c", 3, response="r3", seen=TWO),
    commit(14, 15, "c", response="r3"),
]
FORM = call("revise", 8.5, 9, text="form")
RATED = call("rate", 8.5, 9, text="up 1")


@pytest.mark.parametrize(
    ("calls", "what"),
    [
        pytest.param([*FORKED, seen(12, TWO[0])], "half a fork", id="a turn is missing"),
        pytest.param([*BOTH, fork(10, 11, "unknown"), seen(12, TWO[0])], "half a fork", id="half of one"),
        pytest.param([*FORKED, seen(12, TWO[1])], "saw the turns [2]", id="the first turn is missing"),
        pytest.param([*FORKED, replace(seen(12), outcome="deleted")], "did not see it", id="not there"),
        pytest.param([*FORKED, fork(12, 13, response="r1")], "until ['r1', 'r2']", id="two ends"),
        pytest.param(
            [*FORKED, seen(12, replace(TWO[0], state="interrupted", answer=""), TWO[1])],
            "was taken",
            id="words",
        ),
        pytest.param([*FORKED, *THIRD, seen(16, *TWO, turn("c", 3, "r3"))], "not to be taken", id="more"),
        pytest.param(
            [*FORKED, in_fork(THIRD[0]), seen(14, *TWO, turn("x", 3, "r9"))],
            "nobody asked for it",
            id="foreign",
        ),
        pytest.param(
            [
                *BOTH,
                call("delete", 8.2, 8.4),
                claim(8.5, 8.6, "d", generation=2, response="r4"),
                FORKED[-1],
                seen(12, *TWO),
            ],
            "was gone",
            id="deleted before",
        ),
        pytest.param(
            [*FORKED, seen(12, *TWO), in_fork(claim(14, 15, "c", 2, response="r2"))],
            "was asked for r2 again",
            id="asked again",
        ),
        pytest.param(
            [*FORKED, in_fork(call("delete", 12, 13)), fork(14, 15)],
            "a retry brought it back",
            id="back again",
        ),
        pytest.param(
            [*FORKED, in_fork(call("delete", 12, 13)), seen(14, *TWO)], "is gone, and", id="the fork deleted"
        ),
        pytest.param([*FORKED, fork(12, 13, "exists")], "is another thread", id="not known again"),
        pytest.param([*FORKED, page(12, "t ")], "did not find the fork f", id="not listed"),
        pytest.param([*FORKED, page(12, "f t r1")], "is told to be of 't r1'", id="another source"),
        pytest.param([*BOTH, FORM, fork(10, 11), seen(12, *TWO)], "form of r1 was saved", id="a form"),
        pytest.param(
            [*FORKED, call("revise", 12, 13, text="form"), seen(14, turn("a", revised="form"), TWO[1])],
            "a form that nobody saved",
            id="a later form",
        ),
        pytest.param([*BOTH, RATED, load(10, *TWO)], "feedback of r1 was saved", id="feedback"),
        pytest.param(
            [*BOTH, RATED, call("rate", 9.5, 10, text=""), load(11, turn("a", rated="up 1"), TWO[1])],
            "feedback of r1 was saved",
            id="feedback that was taken back",
        ),
        pytest.param(
            [*BOTH, RATED, fork(10, 11), seen(12, turn("a", rated="up 1"), TWO[1])],
            "a feedback that nobody saved",
            id="feedback is copied",
        ),
        pytest.param([*ASKED, resume(5, "b"), resume(40, "c", "z")], "answered 2 times", id="answered twice"),
        pytest.param([*ASKED, resume(5, "b", text="x said")], "not what r1 asked", id="another question"),
        pytest.param([*BOTH[:1], *ASKED[1:], REFUSED], "could not answer r1", id="an answer is refused"),
        pytest.param(
            [*ASKED, fork(5, 6, until="r1", response="r1"), in_fork(resume(7, "b"))],
            "not what r1 asked here",
            id="answered in a fork",
        ),
        pytest.param(
            [*BOTH, reserve(10), replace(THIRD[0], began=11.5)], "in the place of r5", id="not in order"
        ),
        pytest.param([*BOTH, share(), view(12, outcome="deleted")], "could not open", id="a link"),
        pytest.param([*BOTH, share(), view(12, TWO[0])], "saw the turns [1]", id="half a link"),
        pytest.param(
            [*BOTH, share(), view(12, TWO[0], turn("", 2, "r2"))], "was acknowledged, and", id="other words"
        ),
        pytest.param([*BOTH, share(), revoke(12), view(14, *TWO)], "that had ended", id="revoked"),
        pytest.param([*BOTH, share(), view(101, *TWO)], "that had ended", id="its time is over"),
        pytest.param(
            [*BOTH, share(), call("delete", 12, 13), view(14)], "that had ended", id="its thread is gone"
        ),
        pytest.param(
            [*BOTH, share(number=1), *THIRD, view(16, *TWO, turn("c", 3, "r3"))],
            "by a link from before",
            id="later",
        ),
        pytest.param([*BOTH, share(), links(12)], "did not find a link", id="a link that is not listed"),
        pytest.param(
            [*BOTH, share(), revoke(12), links(14, "k")], "in the list that had ended", id="listed still"
        ),
    ],
)
def test_wrong(calls: Calls, what: str) -> None:
    """Each kind of wrong is named."""
    assert any(what in one for one in check(calls, [])), check(calls, [])


@pytest.mark.parametrize(
    ("calls", "jumps"),
    [
        pytest.param([*FORKED, seen(12, *TWO), page(13, "f t r2", "t ")], [], id="a fork"),
        pytest.param([*FORKED, call("delete", 12, 13), seen(14, *TWO)], [], id="its source deleted"),
        pytest.param(
            [*BOTH, fork(10, 11, until="r2", taken=False, response="r1"), seen(12, TWO[0])], [], id="before"
        ),
        pytest.param([*BOTH, fork(10, 11, until=None), seen(12, *TWO)], [], id="all"),
        pytest.param([*FORKED, in_fork(call("delete", 12, 13)), seen(14)], [], id="deleted"),
        pytest.param([*FORKED, seen(20)], [15.0], id="too old"),
        pytest.param(
            [*FORKED, in_fork(THIRD[0]), seen(14, *TWO, turn("", 3, "r3", state="running"))], [], id="goes on"
        ),
        pytest.param(
            [*BOTH, FORM, fork(10, 11), seen(12, turn("a", revised="form"), TWO[1])], [], id="a form"
        ),
        pytest.param(
            [*BOTH, RATED, fork(10, 11), seen(12, *TWO), load(12, turn("a", rated="up 1"), TWO[1])],
            [],
            id="feedback",
        ),
        pytest.param([*ASKED, resume(5, "b"), resume(40, "c")], [], id="answered again as it was"),
        pytest.param([*ASKED, resume(5, "b"), REFUSED], [], id="answered already"),
        pytest.param([*BOTH, reserve(10, "free"), *THIRD], [], id="nobody waits"),
        pytest.param(
            [*BOTH, reserve(10), call("unreserve", 11, 12, response="r5"), *THIRD], [], id="gave up"
        ),
        pytest.param([*BOTH, share(), *THIRD, view(16, *TWO), links(17, "k")], [], id="a link"),
        pytest.param([*BOTH, share(), revoke(12), view(14, outcome="deleted"), links(15)], [], id="revoked"),
        pytest.param([*BOTH, share(), view(100, outcome="deleted"), links(101)], [], id="its time is over"),
        pytest.param(
            [*BOTH, share(), revoke(12, "unknown"), view(14, *TWO), links(15)], [], id="perhaps revoked"
        ),
    ],
)
def test_not_wrong(calls: Calls, jumps: list[float]) -> None:
    """What a delete, a revocation, time or a call at the same time explains is not wrong."""
    assert check(calls, jumps) == []
