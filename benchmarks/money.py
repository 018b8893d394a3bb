"""What a million turns cost by memory size and door, from measured CPU and capacity. The model is not in it.

Prices are literals: us-east-1, on demand, without free tiers, as published at the addresses below and known
in the middle of 2025. They were not looked up anew when this was written: check them before you rely on them.

https://aws.amazon.com/lambda/pricing/ · https://aws.amazon.com/api-gateway/pricing/
https://aws.amazon.com/dynamodb/pricing/on-demand/
"""

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
