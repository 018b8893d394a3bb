"""Rules of shared links: they show a thread as it stood, and end when they are to end."""

from collections.abc import Iterator

from tests.stores.chaos.journal import Call
from tests.stores.chaos.rules.life import Life


def opens(life: Life) -> Iterator[str]:
    """A link that was made opens until it is revoked, its time is over, or its thread is gone."""
    for made, look in _views(life):
        ended = any(call.began <= look.ended for call in _revocations(life, made.token))
        over = made.expires <= look.ended or life.may_be_gone(made.began, look.ended)
        if look.outcome == "deleted" and made.ended < look.began and not ended and not over:
            yield f"{look.machine} could not open a link of {made.machine}"


def ends(life: Life) -> Iterator[str]:
    """A link that was revoked, whose time is over or whose thread is gone shows nothing."""
    for made, look in _views(life):
        revoked = any(
            call.outcome == "done" and call.ended < look.began for call in _revocations(life, made.token)
        )
        over = made.expires < look.began or any(
            sure and made.ended < began and late < look.began for began, late, sure in life.deletes
        )
        if look.outcome == "done" and (revoked or over):
            yield f"{look.machine} opened a link that had ended"


def as_it_stood(life: Life) -> Iterator[str]:
    """A link shows nothing of what was asked after it was made."""
    for made, look in _views(life):
        later = {claim.response for claim in life.claims.values() if claim.began > made.ended}
        earlier = {claim.response for claim in life.all_claims.values() if claim.began <= made.ended}
        for turn in look.seen:
            if turn.response in later - earlier:
                yield f"{look.machine} saw {turn.response} by a link from before it"


RULES = (opens, ends, as_it_stood)


def _revocations(life: Life, token: str) -> list[Call]:
    return [call for call in life.of("revoke") if call.token == token and call.outcome != "deleted"]


def _views(life: Life) -> Iterator[tuple[Call, Call]]:
    """A link that was made, and who opened it."""
    made = {call.token: call for call in life.of("share") if call.outcome == "done"}
    for look in life.of("view"):
        if look.token in made:
            yield made[look.token], look
