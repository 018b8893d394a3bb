"""Small functions: a chat's first byte, cold and warm, under the share of a core that so much memory gets.

The model's first delta comes after 50 ms and each call of DynamoDB takes 5, in all sizes. The share holds
from the process's first instruction. Lambda is known to give more while a function starts, and promises it
nowhere.
"""

import statistics
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from benchmarks.contestants import BUNDLED, CHAT, Contestant, Upstream, event, upstream
from benchmarks.measures import SHORT, medians, note
from benchmarks.quota import inside, quota

Figures = dict[str, Any]

WARM_UP = 5
NAMES = {"c1fn", "before", BUNDLED.name}


def sizes(memory: tuple[int, ...], rounds: int, count: int) -> Figures:
    """By contestant: ms to the first byte, cold and warm, for each size of memory."""
    found: dict[str, dict[str, list[float]]] = {}
    with upstream(store_wait=5) as up:
        for _ in range(rounds):
            for size in memory:
                for contestant in CHAT:
                    if contestant.name in NAMES:
                        note(found, contestant.name, _sized(contestant, up, size, count))
    return {"memory": list(memory), **medians(found)}


def _sized(contestant: Contestant, up: Upstream, size: int, count: int) -> dict[str, float]:
    with ExitStack() as stack:
        group = stack.enter_context(quota(size))
        small = replace(contestant, command=inside(group, contestant.command))
        box = stack.enter_context(small.start(up, SHORT))
        box.wait_ready()
        cold = box.invoke(event(0)).pieces[0][0] - box.spawned
        for number in range(WARM_UP):
            box.invoke(event(1 + number))
        warm = [box.invoke(event(1 + WARM_UP + number)).first for number in range(count)]
    return {f"cold_{size}_ms": cold / 1e6, f"warm_{size}_ms": statistics.median(warm) / 1e6}
