"""Few combinations in which every two values of every two names meet: most faults need no third."""

import itertools
import random
from collections.abc import Callable, Mapping, Sequence

Row = dict[str, str]


def pairwise(values: Mapping[str, Sequence[str]], allowed: Callable[[Row], bool]) -> list[Row]:
    """Rows of one value a name, so that each pair that some allowed row can hold is in one of them.

    Greedy: each row is made for a pair that is still missing, filled with what covers most, and mended at
    random where it is not allowed.
    """
    chance = random.Random(0)
    missing = {
        ((one, a), (other, b))
        for one, other in itertools.combinations(sorted(values), 2)
        for a in values[one]
        for b in values[other]
    }
    rows: list[Row] = []
    while missing:
        wanted = min(missing)
        tries = [row for _ in range(60) if allowed(row := _filled(values, dict(wanted), missing, chance))]
        if not tries:  # in no row that is allowed
            missing.remove(wanted)
            continue
        rows.append(max(tries, key=lambda row: len(missing & _pairs(row))))
        missing -= _pairs(rows[-1])
    return rows


Pair = tuple[tuple[str, str], tuple[str, str]]


def _pairs(row: Row) -> set[Pair]:
    return set(itertools.combinations(sorted(row.items()), 2))


def _filled(values: Mapping[str, Sequence[str]], row: Row, missing: set[Pair], chance: random.Random) -> Row:
    names = [name for name in values if name not in row]
    chance.shuffle(names)
    for name in names:
        gains = {
            value: sum(tuple(sorted([(name, value), held])) in missing for held in row.items())
            for value in values[name]
        }
        # Not always the best: a row of the best alone may be one that no rule allows.
        best = chance.random() < 0.7
        row[name] = max(gains, key=lambda value: gains[value]) if best else chance.choice(values[name])
    return row
