"""1,000 and 10,000 turns a second simulated: what is hot, what throttles.

A day's busiest minutes, second by second, with the measured capacity of a turn. Owners differ: who asks next
is drawn from a Zipf law, so a few ask very often. DynamoDB's and Lambda's limits are literals with their
sources; the arithmetic is all there is. The generator has a seed, so a run gives the same figures again.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
"""

import random
from collections import Counter
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from benchmarks.money import ANSWER_SECONDS

RATES = (1_000, 10_000)
"""Turns a second."""

SECONDS = 60
SEED = 7

OWNER_WCU = 3.0
"""Of a turn, those in its owner's partition: the lock, the release, an index (docs/store.md). The turn's own
row is in its thread's partition, where only one turn runs at a time."""

PARTITION_WCU = 1_000  # a second, of one partition; its 3,000 RCU are reached later
NEW_TABLE_WCU, NEW_TABLE_RCU = 4_000, 12_000  # a second, that a new on-demand table takes at once
TABLE = 40_000  # a second, of each kind: a table's quota before it is raised
SCALING, EVERY = 1_000, 10  # environments that one function gets in so many seconds
ACCOUNT = 1_000  # concurrent executions of a new account

Figures = dict[str, Any]


@dataclass(frozen=True)
class Turn:
    """What one takes: of its owner's partition, and in seconds of one environment."""

    owner_wcu: float
    seconds: float


def simulate(turn: Turn, rate: int, owners: int, skew: float) -> Figures:
    """:param rate: turns a second.
    :param skew: Zipf's exponent; 0: all owners ask equally often.
    """
    rng = random.Random(SEED)
    weights = list(accumulate(1 / rank**skew for rank in range(1, owners + 1)))
    busiest, throttled = 0.0, 0
    for _ in range(SECONDS):
        asked = Counter(rng.choices(range(owners), cum_weights=weights, k=rate))
        used = [count * turn.owner_wcu for count in asked.values()]
        busiest = max(busiest, *used)
        throttled += sum(max(0.0, one - PARTITION_WCU) / turn.owner_wcu for one in used) // 1
    return {
        "rate": rate,
        "owners": owners,
        "skew": skew,
        "busiest_owner_wcu": busiest,
        "throttled_share": throttled / (SECONDS * rate),
    }


def burst(turn: Turn, rate: int) -> Figures:
    """From nothing to so many turns a second at once: how long until nobody is refused."""
    needed = int(rate * turn.seconds)
    have, busy, refused = 0, [0] * int(turn.seconds + 1), 0
    for second in range(10_000):
        have = min(needed, SCALING * (second // EVERY + 1))
        busy = [*busy[1:], 0]
        taken = min(rate, have - sum(busy))
        busy[-1] = taken
        refused += rate - taken
        if taken == rate and have == needed:
            return {
                "rate": rate,
                "environments": needed,
                "seconds": second,
                "refused": refused,
            }
    raise ValueError("never")


def run(found: Figures) -> Figures:
    units = found["store"]["c1fn"]
    turn = Turn(OWNER_WCU, ANSWER_SECONDS)
    return {
        "owners": [
            simulate(turn, rate, owners, skew)
            for rate in RATES
            for owners, skew in ((1, 0), (1_000, 1.0), (100_000, 1.0), (1_000_000, 0.0))
        ],
        "bursts": [burst(turn, rate) for rate in RATES],
        "units": units,
    }


def markdown(told: Figures) -> str:
    busiest = "the busiest owner, WCU a second (of 1,000)"
    lines = [
        f"| turns a second | owners | who asks | {busiest} | turns that wait for DynamoDB |",
        "|---|---|---|---|---|",
    ]
    for one in told["owners"]:
        who = "all equally" if not one["skew"] else "a few very often (Zipf, exponent 1)"
        cells = f"{one['busiest_owner_wcu']:,.0f} | {one['throttled_share']:.1%}"
        lines.append(f"| {one['rate']:,} | {one['owners']:,} | {who} | {cells} |")
    served = "all are served after, s | turns refused until then"
    lines += [
        "",
        f"| from nothing to … turns a second | environments | {served} | WCU and RCU a second |",
        "|---|---|---|---|---|",
    ]
    for one in told["bursts"]:
        table = f"{one['rate'] * told['units']['WCU']:,.0f}, {one['rate'] * told['units']['RCU']:,.0f}"
        cells = f"{one['seconds']:,} | {one['refused']:,} | {table}"
        lines.append(f"| {one['rate']:,} | {one['environments']:,} | {cells} |")
    limits = (
        f"Lambda adds {SCALING:,} environments in {EVERY} s; an account starts with {ACCOUNT:,} at once. "
        f"A new table starts with {NEW_TABLE_WCU:,} WCU and {NEW_TABLE_RCU:,} RCU a second; "
        f"its quota is {TABLE:,} of each."
    )
    return "\n".join([*lines, "", limits])
