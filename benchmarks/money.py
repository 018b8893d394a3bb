"""What turns cost, from measured CPU and capacity: a million by memory size and door, a month's on instances.

The model is not in it.

Prices are literals: us-east-1, on demand, without free tiers, as published at the addresses below and known
in the middle of 2025. They were not looked up anew when this was written: check them before you rely on them.

https://aws.amazon.com/lambda/pricing/ · https://aws.amazon.com/api-gateway/pricing/
https://aws.amazon.com/dynamodb/pricing/on-demand/
https://aws.amazon.com/ec2/pricing/on-demand/ · https://aws.amazon.com/vpc/pricing/
"""

import math
from typing import Any

from benchmarks.quota import ONE_CORE

PRICES_OF = "mid-2025"

GB_SECOND = 0.0000133334  # arm64
INVOCATIONS = 0.20  # a million
WRITES, READS = 0.625, 0.125  # a million units
DOORS = {"function URL": 0.0, "HTTP API (buffered)": 1.00, "REST API": 3.50}  # a million requests

MEMORY = (256, 512, 1024, 1769)
"""MB; `small` measures the same."""

WITHIN = 1.5
"""A first byte that takes so many times as long as the best is quick enough to pay for less memory."""

ANSWER_SECONDS = 12.0
"""The model's own time for a usual answer: 1,500 tokens at 125 a second. It is waited for, and billed."""

DELTAS = 1500
COLD_SHARE = 0.01
"""One turn in a hundred starts a process: the share that AWS tells of for production traffic is below it."""

# On instances (template-instances.yaml), as prices were known in November 2026.
INSTANCE, VCPUS, AN_HOUR = "m8g.large", 2, 0.08976  # dollars
FEE = 0.15  # of the instance's price, for Lambda's management
STARTED = 3  # instances that Lambda starts by default, one in each zone
NAT_HOUR, NAT_GB = 0.045, 0.045  # one gateway; the model's deltas come in through it
HOURS = 730  # of a month

TURNS_AT_ONCE = 48
"""Of one process, which has one virtual processor: the template's default. `streams` measures so many."""

FULL = 0.5
"""Of a processor. Lambda adds instances before processors are used up; from where on, it does not tell."""

DELTA_BYTES = 250
"""Of a delta as a model's server sends it: an event of JSON in a chunk of HTTP. TLS adds some."""

MONTHLY = (1e6, 1e7, 1e8)

Figures = dict[str, Any]


def table(found: Figures) -> list[dict[str, Any]]:
    """Dollars a million turns: rows by memory size, a column for each door."""
    delta = found["delta"]["c1fn"]
    cpu = (delta["turn_cpu_us"] + DELTAS * delta["paced_cpu_us"]) / 1e6
    cold = found["cold"]["near"]["c1fn"]["cpu_ms"] / 1e3
    units = found["store"]["c1fn"]
    database = units["WCU"] * WRITES + units["RCU"] * READS
    told = []
    for memory in MEMORY:
        share = min(1.0, memory / ONE_CORE)
        seconds = max(ANSWER_SECONDS, cpu / share) + COLD_SHARE * cold / share
        compute = seconds * memory / 1024 * GB_SECOND * 1e6 + INVOCATIONS
        told.append(
            {"memory": memory, "busy": cpu / share / ANSWER_SECONDS, "lambda": compute, "dynamodb": database}
            | {door: compute + database + price for door, price in DOORS.items()}
        )
    return told


def smallest(found: Figures) -> int:
    """The smallest size whose warm first byte is ``WITHIN`` the best."""
    ours = found["small"]["c1fn"]
    warm = {size: ours[f"warm_{size}_ms"] for size in found["small"]["memory"]}
    return min(size for size, taken in warm.items() if taken <= WITHIN * min(warm.values()))


def markdown(found: Figures) -> str:
    """A row for each size, with the first byte that was measured under its share of a core."""
    doors, ours, node = list(DOORS), found["small"]["c1fn"], found["small"]["Node, bundled"]
    first = "first byte, warm (Node), ms | first byte, cold (Node), ms"
    head = f"| memory, MB | its core is busy | {first} | Lambda | DynamoDB |"
    lines = [f"{head} {' | '.join(f'all, {d}' for d in doors)} |", "|---" * (6 + len(doors)) + "|"]
    for row in table(found):
        size = row["memory"]
        keys = [f"{kind}_{size}_ms" for kind in ("warm", "cold")]
        cells = [f"{ours[key]:,.0f} ({node[key]:,.0f})" for key in keys]
        cells += [f"${row[key]:,.2f}" for key in ("lambda", "dynamodb", *doors)]
        lines.append(f"| {size:,} | {row['busy']:.0%} | {' | '.join(cells)} |")
    told = f"The smallest size whose warm first byte takes at most {WITHIN:g} times as long as the best has "
    return "\n".join([*lines, "", f"{told}{smallest(found):,} MB."])


def instance_capacity(found: Figures) -> Figures:
    """What one virtual processor takes, where turns share a process."""
    second = found["streams"]["c1fn"][f"second_{TURNS_AT_ONCE}_ms"] / 1e3
    cpu = found["chat"]["c1fn"]["cpu_us"] / 1e6 + ANSWER_SECONDS * second
    at_once = min(TURNS_AT_ONCE, FULL * ANSWER_SECONDS / cpu)
    return {"cpu": cpu, "at_once": at_once, "busy": at_once * cpu / ANSWER_SECONDS}


def _on_instances(turns: float, at_once: float) -> Figures:
    """Instances, and dollars a month: without and with the way to the internet that the model needs."""
    each = VCPUS * at_once / ANSWER_SECONDS * HOURS * 3600
    count = max(STARTED, math.ceil(turns / each))
    dollars = count * AN_HOUR * (1 + FEE) * HOURS + turns * (INVOCATIONS + DOORS["REST API"]) / 1e6
    nat = NAT_HOUR * HOURS + turns * DELTAS * DELTA_BYTES / 1e9 * NAT_GB
    return {"count": count, "dollars": dollars, "with_nat": dollars + nat}


def _same(a_million: float, at_once: float) -> float:
    """Turns a month from which on instances with a NAT gateway cost no more than on demand."""
    turns = 1e5
    while turns < 1e9 and _on_instances(turns, at_once)["with_nat"] > turns / 1e6 * a_million:
        turns *= 1.01
    return turns


def on_instances(found: Figures) -> str:
    """On demand beside instances by turns a month, and from where on the second is cheaper."""
    capacity = instance_capacity(found)
    at_once, sizes = capacity["at_once"], (MEMORY[0], 1024)
    a_million = {row["memory"]: row["lambda"] for row in table(found) if row["memory"] in sizes}
    same = {_same(price, at_once): size for size, price in a_million.items()}
    head = [f"on demand, {size:,} MB" for size in sizes]
    head += [INSTANCE, "on instances", "with a NAT gateway"]
    lines = [f"| turns a month | {' | '.join(head)} |", "|---" * (len(head) + 1) + "|"]
    for turns in sorted([*MONTHLY, *same]):
        took = _on_instances(turns, at_once)
        cells = [f"${turns / 1e6 * a_million[size]:,.0f}" for size in sizes]
        cells += [str(took["count"]), f"${took['dollars']:,.0f}", f"${took['with_nat']:,.0f}"]
        beside = f": the same as at {same[turns]:,} MB" if turns in same else ""
        lines.append(f"| {turns / 1e6:,.1f} million{beside} | {' | '.join(cells)} |")
    always = STARTED * VCPUS * at_once / ANSWER_SECONDS
    told = (
        f"A turn takes {capacity['cpu']:.2f} s of CPU in a process with {TURNS_AT_ONCE} at once. So a "
        f"virtual processor takes {at_once:.0f} turns at once and is {capacity['busy']:.0%} busy, and the "
        f"{STARTED} instances that are always there take {always:.0f} turns a second."
    )
    return "\n".join([*lines, "", told])
