"""Rules of an owner's lists: of forks among the threads, and of shared links."""

from collections.abc import Iterator, Mapping

from tests.stores.chaos.journal import Call
from tests.stores.chaos.rules.life import Life

Lives = Mapping[str, Life]
"""An owner's threads."""


def listed_forks(lives: Lives) -> Iterator[str]:
    """A fork is listed as soon as it was made, and says where it comes from."""
    for look in _lists(lives, "page"):
        sources = dict(one.split(" ", 1) for one in look.listed)
        for thread, life in lives.items():
            told = {f"{call.source} {call.response}" for call in life.forks if call.outcome == "done"}
            made = any(call.outcome == "done" and call.ended < look.began for call in life.forks)
            if life.may_be_gone(life.forked_from, look.ended):
                continue
            if made and thread not in sources:
                yield f"{look.machine} did not find the fork {thread} in the list"
            elif made and sources[thread] not in told:
                yield f"the fork {thread} is told to be of {sources[thread]!r}"


def listed_links(lives: Lives) -> Iterator[str]:
    """A link is listed from when it was made until it is revoked, its time is over, or its thread is gone."""
    for look in _lists(lives, "links"):
        for life in lives.values():
            for made in life.of("share"):
                revoked = [call for call in life.of("revoke") if call.token == made.token]
                gone = any(call.outcome == "done" and call.ended < look.began for call in revoked)
                going = any(call.outcome != "deleted" and call.began <= look.ended for call in revoked)
                over = made.expires <= look.ended or life.may_be_gone(made.began, look.ended)
                known = made.outcome == "done" and made.ended < look.began
                if made.token in look.listed and (gone or made.expires < look.began):
                    yield f"{look.machine} found a link in the list that had ended"
                elif known and made.token not in look.listed and not (going or over):
                    yield f"{look.machine} did not find a link in the list"


RULES = (listed_forks, listed_links)


def _lists(lives: Lives, operation: str) -> Iterator[Call]:
    for life in lives.values():
        yield from (call for call in life.of(operation) if call.outcome == "done")
