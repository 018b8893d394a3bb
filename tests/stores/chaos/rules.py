"""What must hold for all that the machines of a storm were told: every way in which it does not.

The rules compare calls by their times: what was over before another began happened before it, and of two
that overlap either may have come first. Each thread is looked at by itself. What ends its turns is a delete,
or a jump of the clock beyond the retention.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from c1fn.stores import LEASE
from tests.stores.chaos.journal import Call, Seen, brief
from tests.stores.chaos.weather import HISTORY, prompt_of


@dataclass(frozen=True)
class Life:
    """All calls on one thread. ``jumps``: when the clock went beyond the retention."""

    calls: list[Call]
    jumps: list[float] = field(default_factory=list)

    def of(self, operation: str) -> list[Call]:
        return [call for call in self.calls if call.operation == operation]

    @cached_property
    def claims(self) -> dict[str, Call]:
        return {call.attempt: call for call in self.of("open") if call.outcome == "claim"}

    @cached_property
    def commits(self) -> dict[str, Call]:
        return {call.attempt: call for call in self.of("commit")}

    @cached_property
    def answers(self) -> list[Call]:
        """Commits that were acknowledged and that no later attempt may replace."""
        return [c for c in self.of("commit") if c.outcome == "done" and c.state in ("done", "stopped")]

    @cached_property
    def forms(self) -> list[Call]:
        return [call for call in self.of("revise") if call.outcome != "deleted"]

    @cached_property
    def deletes(self) -> list[tuple[float, float, bool]]:
        """From when to when each may have taken effect, and whether it was acknowledged. One that was not
        may come late, until the next one that finds the thread gone, or makes it so.
        """
        tried = sorted(self.of("delete"), key=lambda call: call.began)
        told = [call for call in tried if call.outcome in ("done", "deleted")]
        spans = []
        for call in tried:
            after = (later.ended for later in told if later.began > call.began)
            late = min(after, default=math.inf) if call.outcome == "unknown" else call.ended
            if call.outcome != "deleted":
                spans.append((call.began, late, call.outcome == "done"))
        return spans

    def overlaps_delete(self, call: Call) -> bool:
        return any(began <= call.ended and call.began <= late for began, late, _ in self.deletes)

    def may_be_gone(self, claim: Call, look: Call) -> bool:
        deleted = any(began <= look.ended and late >= claim.began for began, late, _ in self.deletes)
        return deleted or any(claim.began <= jump <= look.ended for jump in self.jumps)

    def must_be_gone(self, claim: Call, look: Call) -> bool:
        deleted = any(
            sure and claim.ended < began and late < look.began for began, late, sure in self.deletes
        )
        return deleted or any(claim.ended < jump < look.began for jump in self.jumps)

    def looks(self) -> Iterator[tuple[Call, range | None]]:
        """What readers were shown, and which numbers of turns, if it was not the whole thread."""
        for call in self.calls:
            if call.operation == "load" and call.outcome in ("done", "deleted"):
                yield call, None
            elif call.outcome == "claim":
                yield call, range(max(1, call.number - HISTORY), call.number)
            elif call.outcome == "replay":
                yield call, range(0)


def check(calls: Iterable[Call], jumps: list[float]) -> list[str]:
    """Everything that is wrong; empty when every rule held."""
    by_place, wrong = defaultdict[tuple[str, str], list[Call]](list), []
    for call in calls:
        by_place[call.place].append(call)
        if call.operation == "stuck":
            wrong.append(f"{call.machine} could not finish its turns")
    for (_, thread), some in by_place.items():
        life = Life(some, jumps)
        wrong += [f"{thread}: {what}" for rule in RULES for what in rule(life)]
    return wrong


def lost(life: Life) -> Iterator[str]:
    """An acknowledged answer is shown to everyone who looks after it, as it was acknowledged."""
    for look, numbers in life.looks():
        shown = {turn.response: turn for turn in look.seen}
        for answer in life.answers:
            claim = life.claims[answer.attempt]
            expected = numbers is None or claim.number in numbers
            if answer.ended < look.began and expected and not life.may_be_gone(claim, look):
                turn = shown.get(answer.response)
                found = turn and (turn.number, turn.state, turn.answer)
                if found != (claim.number, answer.state, answer.text):
                    yield f"the answer of {answer.response} was acknowledged, and {look.machine} saw {found}"


def lost_prompts(life: Life) -> Iterator[str]:
    """A prompt whose open gave a claim is shown to everyone who loads the thread after it."""
    for look, numbers in life.looks():
        shown = {turn.response for turn in look.seen}
        for claim in life.claims.values():
            mine = numbers is None and claim.ended < look.began and not life.may_be_gone(claim, look)
            if mine and claim.response not in shown:
                yield f"the prompt of {claim.response} was claimed, and {look.machine} did not see it"


def returned(life: Life) -> Iterator[str]:
    """Nothing of before a delete, or from beyond the retention, is shown or acknowledged after it."""
    for look, _ in life.looks():
        for turn in look.seen:
            claim = life.claims.get(_attempt(turn))
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
        if len({turn.response for turn in look.seen}) < len(found):
            yield f"{look.machine} saw a responseId twice"
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
    asked = {call.response for call in life.of("open")}
    said = defaultdict[str, list[Call]](list)
    for commit in life.of("commit"):
        said[commit.response].append(commit)
    for look, _ in life.looks():
        for turn in look.seen:
            where = f"{turn.response}, {turn.state}, as {look.machine} saw it:"
            if turn.response not in asked:
                yield f"{where} nobody asked for it"
            if turn.error == "damaged_turn":
                yield f"{where} damaged"
                continue
            # Where it does not fit beside the lock, its machine may have died before it was written.
            unheard = turn.state == "interrupted" and len(prompt_of(turn.response)) > 1_000
            if turn.prompt != brief(prompt_of(turn.response)) and not (unheard and not turn.prompt):
                yield f"{where} another prompt: {turn.prompt!r}"
            texts = {commit.text for commit in said[turn.response] if commit.outcome != "lost"}
            if turn.state in ("done", "stopped", "failed") and turn.answer not in texts:
                yield f"{where} an answer of nobody's: {turn.answer!r}"
            if turn.state in ("running", "interrupted") and _attempt(turn) not in {"", *life.claims}:
                yield f"{where} an answer of nobody's: {turn.answer!r}"


def forms(life: Life) -> Iterator[str]:
    """A saved form is shown to everyone who looks after it, unless another was saved meanwhile or later."""
    for look, _ in life.looks():
        for turn in look.seen:
            commit = life.commits.get(_attempt(turn))
            if not turn.final or commit is None:
                continue
            saved = [form for form in life.forms if form.response == turn.response]
            sure = [one for one in saved if one.outcome == "done" and commit.began < one.began]
            before = [one.began for one in sure if one.ended < look.began]
            shown = [one for one in saved if one.text == turn.revised and one.began <= look.ended]
            if turn.revised is not None and not shown:
                yield f"{turn.response} has a form that nobody saved: {turn.revised!r}"
            elif before and not any(one.ended >= max(before) for one in shown):
                yield f"the form of {turn.response} was saved, and {look.machine} saw {turn.revised!r}"


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
                    and call.operation in ("open", "create")
                    and call.outcome != "deleted"
                    and began <= call.ended
                    and call.began <= claim.ended
                )
                jumped = any(late <= jump <= claim.ended for jump in life.jumps)
                if not jumped and not any(others):
                    yield f"{claim.response} was retried late, and brought its thread back"


RULES = (lost, lost_prompts, returned, doubled, foreign, forms, leases, late_retries)


def _attempt(turn: Seen) -> str:
    """Who said it: each answer, and each part of one, begins with its attempt."""
    return turn.answer.partition(" ")[0] if turn.answer else ""
