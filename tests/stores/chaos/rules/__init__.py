"""What must hold for all that the machines of a storm were told: every way in which it does not.

The rules compare calls by their times: what was over before another began happened before it, and of two
that overlap either may have come first. Each thread is looked at by itself, with those before it if it is a
fork; lists are looked at for their owner.
"""

from collections import defaultdict
from collections.abc import Iterable

from tests.stores.chaos.journal import Call
from tests.stores.chaos.rules import forks, kept, links, lists, turns, waiting
from tests.stores.chaos.rules.life import Life
from tests.stores.chaos.weather import Place

RULES = (*turns.RULES, *forks.RULES, *kept.RULES, *links.RULES, *waiting.RULES)


def check(calls: Iterable[Call], jumps: list[float]) -> list[str]:
    """Everything that is wrong; empty when every rule held."""
    lives, wrong = _lives(calls, jumps), []
    for (owner, thread), life in lives.items():
        wrong += [f"{call.machine} could not finish its turns" for call in life.of("stuck")]
        wrong += [f"{owner} {thread}: {what}" for rule in RULES for what in rule(life)]
    for owner in {owner for owner, _ in lives}:
        mine = {thread: life for (other, thread), life in lives.items() if other == owner}
        wrong += [f"{owner}: {what}" for rule in lists.RULES for what in rule(mine)]
    return wrong


def _lives(calls: Iterable[Call], jumps: list[float]) -> dict[Place, Life]:
    by_place = defaultdict[Place, list[Call]](list)
    for call in calls:
        by_place[call.place].append(call)
    lives = {place: Life(some, jumps) for place, some in by_place.items()}
    for (owner, _), life in lives.items():
        for call in life.of("fork"):
            life.source = lives.get((owner, call.source))
    return lives
