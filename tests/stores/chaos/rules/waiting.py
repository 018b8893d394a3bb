"""Rules of turns that wait for an answer: it is given once, to what was asked, in the thread that asked.

And of prompts that wait for a busy thread: its next turn is theirs.
"""

from collections.abc import Iterator

from tests.stores.chaos.journal import Call
from tests.stores.chaos.rules.life import Life

RESERVED = 15.0
"""Seconds for which a place is kept at least: it is renewed ten seconds before its lease of 25 ends."""


def once(life: Life) -> Iterator[str]:
    """Whoever answers first does so alone: under another responseId it is not answered again."""
    answers = [claim for claim in life.claims.values() if claim.resumes]
    given = {(claim.generation, claim.resumes, claim.response) for claim in answers}
    for generation, resumes in {(one, turn) for one, turn, _ in given}:
        names = {name for one, turn, name in given if (one, turn) == (generation, resumes)}
        if len(names) > 1:
            yield f"{resumes} was answered {len(names)} times: {sorted(names)}"


def what_was_asked(life: Life) -> Iterator[str]:
    """An answer comes to the question as it was asked, in this thread and not in a fork of it."""
    asked = {commit.text: commit for commit in life.of("commit") if commit.state == "waiting"}
    for claim in life.claims.values():
        question = asked.get(claim.text)
        if claim.resumes and (question is None or question.response != claim.resumes):
            yield f"{claim.response} answered {claim.text!r}, which is not what {claim.resumes} asked here"


def can_be_given(life: Life) -> Iterator[str]:
    """While a turn waits, and nobody said anything else, its answer is taken."""
    for question in life.answers:
        for call in life.of("open"):
            refused = call.outcome == "refused" and call.resumes == question.response
            if refused and question.state == "waiting" and question.ended < call.began:
                began = life.claims[question.attempt].ended
                others = any(_said(other, call, began) for other in life.of("open", "fork", "create"))
                copied = question.response in {fork.response for fork in life.forks}
                if not (others or copied) and not life.may_be_gone(began, call.ended):
                    yield f"{call.machine} could not answer {question.response}"


def in_order(life: Life) -> Iterator[str]:
    """While the next turn is reserved for a prompt, no other prompt begins one."""
    for place in life.of("reserve"):
        if place.outcome != "done" or place.text != "reserved":
            continue
        for claim in life.claims.values():
            within = place.ended < claim.began and claim.ended < place.began + RESERVED
            mine = any(
                call.response == place.response and place.began <= call.ended and call.began <= claim.ended
                for call in life.of("open", "unreserve")
            )
            if within and not mine and not life.may_be_gone(place.began, claim.ended):
                yield f"{claim.response} began in the place of {place.response}"


RULES = (once, what_was_asked, can_be_given, in_order)


def _said(other: Call, call: Call, since: float) -> bool:
    """Whether another prompt may have come between. One that began no turn may have held the lock for longer
    than its lease, or have taken it late: then it stands there as an interrupted turn.
    """
    told, late = other.outcome != "deleted", other.outcome != "claim" or since < other.ended
    return other is not call and told and late and other.began <= call.ended
