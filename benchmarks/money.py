"""What a million turns cost by memory size and door, from measured CPU and capacity. The model is not in it.

Prices are literals: us-east-1, on demand, without free tiers, as published at the addresses below and known
in the middle of 2025. They were not looked up anew when this was written: check them before you rely on them.

https://aws.amazon.com/lambda/pricing/ · https://aws.amazon.com/api-gateway/pricing/
https://aws.amazon.com/dynamodb/pricing/on-demand/
"""

from typing import Any

PRICES_OF = "mid-2025"

GB_SECOND = 0.0000133334  # arm64
INVOCATIONS = 0.20  # a million
WRITES, READS = 0.625, 0.125  # a million units
DOORS = {"function URL": 0.0, "HTTP API (buffered)": 1.00, "REST API": 3.50}  # a million requests

MEMORY = (256, 512, 1024, 1769)
ONE_CORE = 1769
"""MB at which Lambda gives a whole core; below it gives a share."""

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


def markdown(found: Figures) -> str:
    doors = list(DOORS)
    lines = [
        f"| memory, MB | its core is busy | Lambda | DynamoDB | {' | '.join(f'all, {d}' for d in doors)} |",
        "|---" * (4 + len(doors)) + "|",
    ]
    for row in table(found):
        cells = [f"${row[key]:,.2f}" for key in ("lambda", "dynamodb", *doors)]
        lines.append(f"| {row['memory']:,} | {row['busy']:.0%} | {' | '.join(cells)} |")
    return "\n".join(lines)
