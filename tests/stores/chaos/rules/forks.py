"""Rules of forks: whole turns, the same words, and nothing of what came later or was deleted before."""

import math
from collections.abc import Iterator

from tests.stores.chaos.journal import Call, Seen
from tests.stores.chaos.rules.life import Life, attempt_of


def whole(life: Life) -> Iterator[str]:
    """Who sees a fork sees all of its turns; who was told that it is made sees it."""
    ends = _ends(life)
    if len(ends) > 1:
        yield f"this fork was made until {sorted(ends)}"
    for look in _undisturbed(life):
        shown = {turn.response for turn in look.seen}
        made = any(call.outcome == "done" and call.ended < look.began for call in life.forks)
        if look.outcome == "deleted" and made:
            yield f"the fork was made, and {look.machine} did not see it"
        elif look.outcome != "deleted" and len(ends) == 1 and not ends - {""} <= shown:
            yield f"{look.machine} saw half a fork, without {ends}"


def same(life: Life) -> Iterator[str]:
    """The turns of a fork are those of its source, as they were acknowledged there."""
    taken = _taken(life)
    for look in _undisturbed(life):
        copied = {turn.number: turn for turn in _copied(life, look)}
        for claim, answer in taken:
            turn = copied.get(claim.number)
            found = turn and (turn.response, turn.state, turn.answer)
            if turn and found != (answer.response, answer.state, answer.text):
                yield f"the answer of {answer.response} was taken, and {look.machine} saw {found}"


def no_more(life: Life) -> Iterator[str]:
    """After the turns of a fork come its own, and before its end none of its own."""
    for look in _undisturbed(life):
        last = len(_copied(life, look))
        for turn in look.seen:
            own = turn.response in {call.response for call in life.of("open")}
            if turn.number > last and not own:
                yield f"{look.machine} saw {turn.response}, which was not to be taken"


def deleted_before(life: Life) -> Iterator[str]:
    """What was deleted, or too old, before the fork was asked for is not in it."""
    first = min(life.forks, key=lambda call: call.began, default=None)
    for look, _ in life.looks():
        for turn in look.seen:
            claim = life.source.all_claims.get(attempt_of(turn)) if life.source else None
            if life.source and first and claim and life.source.must_be_gone(claim, first):
                yield f"{turn.response} was gone, and {look.machine} saw it in a fork"


def asked_again(life: Life) -> Iterator[str]:
    """What is answered in a fork is not asked for again there."""
    for look in _undisturbed(life):
        answered = {turn.response for turn in look.seen if turn.final}
        for claim in life.claims.values():
            gone = life.may_be_gone(look.began, claim.ended)
            if claim.response in answered and look.ended < claim.began and not gone:
                yield f"the model was asked for {claim.response} again"


def made_again(life: Life) -> Iterator[str]:
    """A late retry of a fork does not bring it back, nor is another thread taken for it."""
    begun = [call for call in life.of("open", "create") if call.outcome != "deleted"]
    for call in life.of("fork"):
        for earlier in life.forks:
            for began, late, sure in life.deletes:
                known = earlier.outcome == "done" and earlier.ended < began
                others = any(began <= other.ended and other.began <= call.ended for other in begun)
                jumped = any(late <= jump <= call.ended for jump in life.jumps)
                again = call.outcome == "done" and late < call.began
                if sure and known and again and not others and not jumped:
                    yield "the fork was deleted, and a retry brought it back"
        if call.outcome == "exists" and not life.may_be_gone(life.forked_from, call.ended) and not life.jumps:
            yield f"{call.machine} was told that the fork is another thread"


RULES = (whole, same, no_more, deleted_before, asked_again, made_again)


def _ends(life: Life) -> set[str]:
    """The last turn of this fork, as it is known from what was asked or told: none is ""."""
    named = {call.until for call in life.forks if call.taken and call.until is not None}
    return {call.response for call in life.forks if call.outcome == "done"} | named


def _taken(life: Life) -> list[tuple[Call, Call]]:
    """Claims and answers of the threads before, which a fork must have where it has their numbers."""
    if life.source is None:
        return []
    source, made = life.source, min((c.ended for c in life.forks if c.outcome == "done"), default=math.inf)
    there = [(source.claims[answer.attempt], answer) for answer in source.answers] + _until_end(source)
    return [
        (claim, answer)
        for claim, answer in there
        if answer.ended < life.forked_from and not source.may_be_gone(claim.began, made)
    ]


def _until_end(life: Life) -> list[tuple[Call, Call]]:
    """Those that this fork has taken: what came after its end is not in it."""
    ends, taken = _ends(life), _taken(life)
    numbers = {claim.number for claim in life.all_claims.values() if claim.response in ends}
    return [one for one in taken if len(numbers) == 1 and one[0].number <= max(numbers)]


def _undisturbed(life: Life) -> Iterator[Call]:
    """Those who read the whole fork, and no delete or jump before can have changed what it is."""
    for look, numbers in life.looks():
        if life.source and numbers is None and not life.may_be_gone(life.forked_from, look.ended):
            yield look


def _copied(life: Life, look: Call) -> list[Seen]:
    """The turns until the fork's end."""
    ends = _ends(life)
    last = next((turn.number for turn in look.seen if turn.response in ends), 0)
    return [turn for turn in look.seen if turn.number <= last]
