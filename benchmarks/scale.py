"""1,000 turns a second by 10 million threads, simulated: what is hot, what throttles, which setting to turn.

A day's busiest minutes, second by second, with the measured capacity of a turn. Owners differ: who asks next
is drawn from a Zipf law, so a few ask very often. DynamoDB's and Lambda's limits are literals with their
sources; the arithmetic is all there is. The generator has a seed, so a run gives the same figures again.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html
https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
"""

import random
from collections import Counter
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from benchmarks.money import ANSWER_SECONDS

TURNS_A_SECOND = 1_000
THREADS = 10_000_000
SECONDS = 120
SEED = 7

OWNER_WCU = 3.0
"""Of a turn, those in its owner's partition: the lock, the release, an index (docs/store.md). The turn's own
row is in its thread's partition, where only one turn runs at a time."""

PARTITION_WCU = 1_000  # a second, of one partition; its 3,000 RCU are reached later
NEW_TABLE_WCU, NEW_TABLE_RCU = 4_000, 12_000  # a second, that a new on-demand table takes at once
SCALING, EVERY = 1_000, 10  # environments that one function gets in so many seconds
ACCOUNT = 1_000  # concurrent executions of a new account

Figures = dict[str, Any]


@dataclass(frozen=True)
class Turn:
    """What one takes: of its owner's partition, and in seconds of one environment."""

    owner_wcu: float
    seconds: float


def simulate(turn: Turn, owners: int, skew: float) -> Figures:
    """:param skew: Zipf's exponent; 0: all owners ask equally often."""
    rng = random.Random(SEED)
    weights = list(accumulate(1 / rank**skew for rank in range(1, owners + 1)))
    busiest, throttled = 0.0, 0
    for _ in range(SECONDS):
        asked = Counter(rng.choices(range(owners), cum_weights=weights, k=TURNS_A_SECOND))
        used = [count * turn.owner_wcu for count in asked.values()]
        busiest = max(busiest, *used)
        throttled += sum(max(0.0, one - PARTITION_WCU) / turn.owner_wcu for one in used) // 1
    return {
        "owners": owners,
        "skew": skew,
        "busiest_owner_wcu": busiest,
        "throttled_share": throttled / (SECONDS * TURNS_A_SECOND),
    }


def burst(turn: Turn) -> Figures:
    """From nothing to 1,000 turns a second at once: how long until nobody is refused."""
    needed = int(TURNS_A_SECOND * turn.seconds)
    have, busy, refused = 0, [0] * int(turn.seconds + 1), 0
    for second in range(10_000):
        have = min(needed, SCALING * (second // EVERY + 1))
        busy = [*busy[1:], 0]
        taken = min(TURNS_A_SECOND, have - sum(busy))
        busy[-1] = taken
        refused += TURNS_A_SECOND - taken
        if taken == TURNS_A_SECOND and have == needed:
            return {"environments": needed, "seconds_until_all_are_served": second, "turns_refused": refused}
    raise ValueError("never")


def run(found: Figures) -> Figures:
    units = found["store"]["c1fn"]
    turn = Turn(OWNER_WCU, ANSWER_SECONDS)
    return {
        "owners": [
            simulate(turn, owners, skew)
            for owners, skew in ((1, 0), (1_000, 1.0), (100_000, 1.0), (1_000_000, 0.0))
        ],
        "burst": burst(turn),
        "table_wcu": TURNS_A_SECOND * units["WCU"],
        "table_rcu": TURNS_A_SECOND * units["RCU"],
    }


def markdown(told: Figures) -> str:
    lines = [
        "| owners | who asks | the busiest owner, WCU a second (of 1,000) | turns that wait for DynamoDB |",
        "|---|---|---|---|",
    ]
    for one in told["owners"]:
        who = "all equally" if not one["skew"] else "a few very often (Zipf, exponent 1)"
        cells = f"{one['busiest_owner_wcu']:,.0f} | {one['throttled_share']:.1%}"
        lines.append(f"| {one['owners']:,} | {who} | {cells} |")
    needs = (
        f"The table takes {told['table_wcu']:,.0f} WCU and {told['table_rcu']:,.0f} RCU a second; a new one "
        f"starts with {NEW_TABLE_WCU:,} and {NEW_TABLE_RCU:,}."
    )
    rush = (
        "From nothing to 1,000 turns a second at once: {environments:,} environments are needed, Lambda adds "
        "{more:,} in {every} s, so all are served after {seconds_until_all_are_served} s, and "
        "{turns_refused:,} turns are refused until then."
    ).format(more=SCALING, every=EVERY, **told["burst"])
    return "\n".join([*lines, "", needs, "", f"{rush} An account starts with {ACCOUNT:,} at once."])
