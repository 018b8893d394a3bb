"""1,000 and 10,000 turns a second simulated: what is hot, what throttles.

A day's busiest minutes, second by second, with the measured capacity of a turn. Owners differ: who asks next
is drawn from a Zipf law, so a few ask very often. DynamoDB's and Lambda's limits are literals with their
sources; the arithmetic is all there is. The generator has a seed, so a run gives the same figures again.

DynamoDB's adaptive capacity moves hot keys apart, but one partition key never gets more than a partition's
units, and in a table with local secondary indexes, as ours, its rows are not spread over several partitions.
What a table did not use for 300 s it may use later, up to the same limit of a partition. Neither is counted.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/burst-adaptive-capacity.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/warm-throughput.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

import math
import random
from collections import Counter
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from benchmarks.money import ANSWER_SECONDS, TURNS_AT_ONCE

RATES = (1_000, 10_000)
"""Turns a second."""

SECONDS = 60
SEED = 7

PARTITION_WCU = 1_000  # a second, of one partition; its 3,000 RCU are reached later
NEW_TABLE_WCU, NEW_TABLE_RCU = 4_000, 12_000  # a second, that a new on-demand table takes at once
DOUBLED = 30  # minutes in which a table takes up to twice its former peak
TABLE = 40_000  # a second, of each kind: a table's quota before it is raised
SCALING, EVERY = 1_000, 10  # environments that one function gets in so many seconds, refilled all the time
ACCOUNT, RAISED = 1_000, "tens of thousands"  # concurrent executions: at first, and as far as they are raised

Figures = dict[str, Any]


@dataclass(frozen=True)
class Turn:
    """What one takes: of the partition of its owner's threads, and in seconds of one environment.

    There are the lock, its release and sometimes the index by recency. The turn's own row is in its thread's
    partition, where only one turn runs at a time.
    """

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
        have = min(needed, SCALING + SCALING * second // EVERY)
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


def warm_after(wcu: float, rcu: float) -> int:
    """Minutes until a new table takes so much, if its traffic doubles as often as it may."""
    times = max(wcu / NEW_TABLE_WCU, rcu / NEW_TABLE_RCU)
    return DOUBLED * max(0, math.ceil(math.log2(times)))


def run(found: Figures) -> Figures:
    units = found["store"]["c1fn"]
    turn = Turn(units["owner_WCU"], ANSWER_SECONDS)
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
        f"| turns a second | owners | who asks | {busiest} | turns beyond that |",
        "|---|---|---|---|---|",
    ]
    for one in told["owners"]:
        who = "all equally" if not one["skew"] else "a few very often (Zipf, exponent 1)"
        cells = f"{one['busiest_owner_wcu']:,.0f} | {one['throttled_share']:.1%}"
        lines.append(f"| {one['rate']:,} | {one['owners']:,} | {who} | {cells} |")
    served = "all are served after, s | turns refused until then"
    table = "WCU and RCU a second | a new table takes them after, min"
    lines += [
        "",
        f"| from nothing to … turns a second | environments | {served} | {table} | processors on instances |",
        "|---" * 7 + "|",
    ]
    for one in told["bursts"]:
        wcu, rcu = (one["rate"] * told["units"][kind] for kind in ("WCU", "RCU"))
        cells = f"{one['seconds']:,} | {one['refused']:,} | {wcu:,.0f}, {rcu:,.0f} | {warm_after(wcu, rcu)}"
        processors = one["environments"] / TURNS_AT_ONCE
        lines.append(f"| {one['rate']:,} | {one['environments']:,} | {cells} | {processors:,.0f} |")
    owners = told["units"]["owner_WCU"]
    limits = (
        f"A turn takes {owners:.1f} WCU of its owner's partition. Lambda adds {SCALING:,} environments in "
        f"{EVERY} s; an account starts with {ACCOUNT:,} at once, and AWS raises that to {RAISED}. A new "
        f"table starts with {NEW_TABLE_WCU:,} WCU and {NEW_TABLE_RCU:,} RCU a second and takes twice its "
        f"former peak within {DOUBLED} minutes; its quota is {TABLE:,} of each. On instances a processor "
        f"takes {TURNS_AT_ONCE} turns at once."
    )
    return "\n".join([*lines, "", limits])
