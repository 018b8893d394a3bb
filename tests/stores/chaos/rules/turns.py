"""Rules of turns: none is lost, doubled, mixed up or back again, and no two run at once."""

from collections import defaultdict
from collections.abc import Iterator

from c1fn.stores import LEASE
from tests.stores.chaos.journal import FINAL, Call, brief
from tests.stores.chaos.rules.life import Life, attempt_of
from tests.stores.chaos.weather import prompt_of


def lost(life: Life) -> Iterator[str]:
    """An acknowledged answer is shown to everyone who looks after it, as it was acknowledged."""
    for look, numbers in life.looks():
        shown = {turn.response: turn for turn in look.seen}
        for answer in life.answers:
            claim = life.claims[answer.attempt]
            expected = numbers is None or claim.number in numbers
            if answer.ended < look.began and expected and not life.may_be_gone(claim.began, look.ended):
                turn = shown.get(answer.response)
                found = turn and (turn.number, turn.state, turn.answer)
                if found != (claim.number, answer.state, answer.text):
                    yield f"the answer of {answer.response} was acknowledged, and {look.machine} saw {found}"


def lost_prompts(life: Life) -> Iterator[str]:
    """A prompt whose open gave a claim is shown to everyone who loads the thread after it."""
    for look, numbers in life.looks():
        shown = {turn.response for turn in look.seen}
        for claim in life.claims.values():
            mine = (
                numbers is None and claim.ended < look.began and not life.may_be_gone(claim.began, look.ended)
            )
            if mine and claim.response not in shown:
                yield f"the prompt of {claim.response} was claimed, and {look.machine} did not see it"


def returned(life: Life) -> Iterator[str]:
    """Nothing of before a delete, or from beyond the retention, is shown or acknowledged after it."""
    for look, _ in life.looks():
        for turn in look.seen:
            claim = life.all_claims.get(attempt_of(turn))
            if claim and life.must_be_gone(claim, look):
                yield f"{turn.response} is gone, and {look.machine} saw it"
    for commit in life.of("commit"):
        claim = life.claims[commit.attempt]
        deleted = (sure and claim.ended < began and late < commit.began for began, late, sure in life.deletes)
        if commit.outcome == "done" and any(deleted):
            yield f"{commit.response} was acknowledged after its thread was deleted"


def doubled(life: Life) -> Iterator[str]:
    """A turn stands once; numbers have no gaps; a responseId is answered once in the life of a thread."""
    for look, numbers in life.looks():
        found = [turn.number for turn in look.seen]
        aged = any(jump <= look.ended for jump in life.jumps)
        first = found[0] if aged and found else 1
        expected = list(range(first, first + len(found))) if numbers is None else list(numbers)
        if aged and numbers:
            expected = expected[len(expected) - len(found) :]
        whole = look.outcome == "replay" or found == expected
        if not whole and not life.overlaps_delete(look):
            yield f"{look.machine} saw the turns {found} in a {look.operation} of {look.number}"
        responses = [turn.response for turn in look.seen]
        if len(set(responses)) < len(responses):
            yield f"{look.machine} saw a responseId twice, in {responses}"
    answered = defaultdict[tuple[int, str], list[Call]](list)
    for answer in life.answers:
        answered[life.claims[answer.attempt].generation, answer.response].append(answer)
    for (generation, response), answers in answered.items():
        if len(answers) > 1:
            yield f"{response} was answered {len(answers)} times"
        for claim in life.claims.values():
            again = (claim.generation, claim.response) == (generation, response)
            aged = any(answers[0].began <= jump <= claim.ended for jump in life.jumps)
            if again and claim.began > answers[0].ended and not aged:
                yield f"the model was asked for {response} again"


def foreign(life: Life) -> Iterator[str]:
    """What is shown was asked and said, by an attempt that was not told that it came too late."""
    said = defaultdict[str, list[Call]](list)
    for commit in life.all_commits.values():
        said[commit.response].append(commit)
    for look, _ in life.looks():
        for turn in look.seen:
            where = f"{turn.response}, {turn.state}, as {look.machine} saw it:"
            if turn.response not in life.all_asked:
                yield f"{where} nobody asked for it"
            if turn.error == "damaged_turn":
                yield f"{where} damaged"
                continue
            # Where it does not fit beside the lock, its machine may have died before it was written.
            unheard = turn.state == "interrupted" and len(prompt_of(turn.response)) > 1_000
            if turn.prompt != brief(prompt_of(turn.response)) and not (unheard and not turn.prompt):
                yield f"{where} another prompt: {turn.prompt!r}"
            texts = {commit.text for commit in said[turn.response] if commit.outcome != "lost"}
            if turn.state in (*FINAL, "failed") and turn.answer not in texts:
                yield f"{where} an answer of nobody's: {turn.answer!r}"
            if turn.state in ("running", "interrupted") and attempt_of(turn) not in {"", *life.all_claims}:
                yield f"{where} an answer of nobody's: {turn.answer!r}"


def leases(life: Life) -> Iterator[str]:
    """Nobody begins a turn while another has its lease, unless that one ended its turn itself."""
    held = [
        claim
        for claim in life.claims.values()
        if (commit := life.commits.get(claim.attempt)) is None or commit.outcome == "lost"
    ]
    for claim in held:
        for later in life.claims.values():
            same = later.generation == claim.generation
            if same and claim.ended < later.began and later.ended < claim.started + LEASE:
                yield f"{later.response} began in the lease of {claim.response}"


def late_retries(life: Life) -> Iterator[str]:
    """A responseId of a deleted thread does not create it again."""
    for claim in life.claims.values():
        for earlier in life.claims.values():
            if earlier.response != claim.response or claim.number != 1:
                continue
            for began, late, sure in life.deletes:
                if not (sure and earlier.ended < began and late < claim.began):
                    continue
                others = (
                    call
                    for call in life.calls
                    if call is not claim
                    and call.operation in ("open", "create", "fork")
                    and call.outcome != "deleted"
                    and began <= call.ended
                    and call.began <= claim.ended
                )
                jumped = any(late <= jump <= claim.ended for jump in life.jumps)
                if not jumped and not any(others):
                    yield f"{claim.response} was retried late, and brought its thread back"


RULES = (lost, lost_prompts, returned, doubled, foreign, leases, late_retries)
