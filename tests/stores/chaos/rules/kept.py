"""Rules of what people leave at an answer: the state of its form, and what they think of it."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.stores.chaos.journal import Call, Seen
from tests.stores.chaos.rules.life import Life, attempt_of


@dataclass(frozen=True, slots=True)
class Kept:
    """``shown`` stands at an answer. ``saved``: what may stand there; ``sure``: of these the last must."""

    what: str
    shown: str | None
    saved: list[Call]
    sure: list[Call]


def forms(life: Life) -> Iterator[str]:
    """A saved form is shown to everyone who looks after it, unless another was saved meanwhile or later. A
    fork takes what was saved until it was made, and nothing of later.
    """
    for look, turn in _answers(life):
        yield from _lost(life, look, turn, Kept("form", turn.revised, _saved(life), _surely_saved(life)))


def feedback(life: Life) -> Iterator[str]:
    """So is what somebody thinks of an answer. A fork takes none."""
    rated = [call for call in life.of("rate") if call.outcome != "deleted"]
    for look, turn in _answers(life):
        yield from _lost(life, look, turn, Kept("feedback", turn.rated, rated, rated))


RULES = (forms, feedback)


def _answers(life: Life) -> Iterator[tuple[Call, Seen]]:
    for look, _ in life.looks():
        for turn in look.seen:
            if turn.final and attempt_of(turn) in life.all_commits:
                yield look, turn


def _saved(life: Life) -> list[Call]:
    """Forms that may be shown here."""
    before = _saved(life.source) if life.source else []
    here = [call for call in life.of("revise") if call.outcome != "deleted"]
    return here + [form for form in before if form.began <= life.forked_until]


def _surely_saved(life: Life) -> list[Call]:
    """Forms of which the last must be shown here, or a later one."""
    before = _surely_saved(life.source) if life.source else []
    return life.of("revise") + [form for form in before if form.ended < life.forked_from]


def _lost(life: Life, look: Call, turn: Seen, kept: Kept) -> Iterator[str]:
    commit = life.all_commits[attempt_of(turn)]
    same = [
        one
        for one in kept.saved
        if (one.response, one.text) == (turn.response, kept.shown or "") and one.began <= look.ended
    ]
    before = [
        one.began
        for one in kept.sure
        if (one.response, one.outcome) == (turn.response, "done")
        and commit.began < one.began
        and one.ended < look.began
        and not life.may_be_gone(one.began, look.ended)
    ]
    if kept.shown is not None and not same:
        yield f"{turn.response} has a {kept.what} that nobody saved: {kept.shown!r}"
    elif before and not any(one.ended >= max(before) for one in same):
        yield f"the {kept.what} of {turn.response} was saved, and {look.machine} saw {kept.shown!r}"
