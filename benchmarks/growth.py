"""How a turn grows: with the history the model is sent, with the answer, and with turns at once.

What a thread's length and an owner's number of threads cost in the store is measured by store_cost.py.
"""

import statistics
from typing import Any

from benchmarks.contestants import CHAT, event, upstream
from benchmarks.sandbox import Sandbox
from benchmarks.upstream import Way

Figures = dict[str, Any]

TURN = Way(wait=0, deltas=90, size=64, pace=0)
"""An answer of 5.8 kB, as C1's usually are."""

ALL = {"C1FN_HISTORY_TURNS": "1000", "C1FN_HISTORY_TOKENS": "100000000"}
EACH = 5
"""Turns at each point, of which the median counts."""

SIZE = 64
"""Characters of a delta of the long answers."""


def history(points: list[int]) -> Figures:
    """CPU (ms) of a turn and the time to its first byte with so many turns before it: all of them sent to the
    model, and as many as are sent by default. The memory store is used, so that the model's side is seen.
    """
    ours, found = CHAT[0], {}
    with upstream(store_wait=0) as up:
        for name, settings in (("all sent", ALL), ("default, 20 sent", {})):
            found[name] = []
            with ours.start(up, TURN, C1FN_STORE="memory", **settings) as box:
                turn = 0
                for point in points:
                    while turn < point - EACH:
                        turn = _turn(box, turn)
                    taken = []
                    for _ in range(EACH):
                        before = box.cpu()
                        answer = box.invoke(event(turn, thread="long"))
                        taken.append(((box.cpu() - before) / 1e6, answer.first / 1e6))
                        turn += 1
                    cpu, first = (statistics.median(one) for one in zip(*taken, strict=True))
                    found[name].append({"turns": turn, "cpu_ms": cpu, "first_ms": first})
    return found


def _turn(box: Sandbox, turn: int) -> int:
    box.invoke(event(turn, thread="long"))
    return turn + 1


def answers(sizes: list[int], rounds: int) -> list[Figures]:
    """CPU (ms) of a turn, its time and the process's memory (MB) after an answer of so many bytes."""
    ours, found = CHAT[0], []
    with upstream(store_wait=0) as up:
        for size in sizes:
            way = Way(wait=0, deltas=max(1, size // SIZE), size=SIZE, pace=0)
            with ours.start(up, way, C1FN_MAX_ANSWER=str(8 << 20)) as box:
                box.invoke(event(0))
                taken = []
                for number in range(1, rounds + 1):
                    before = box.cpu()
                    answer = box.invoke(event(number))
                    taken.append(((box.cpu() - before) / 1e6, answer.whole / 1e6))
                cpu, whole = (statistics.median(one) for one in zip(*taken, strict=True))
                memory = box.memory() / 1e6
            found.append({"bytes": way.deltas * SIZE, "cpu_ms": cpu, "whole_ms": whole, "memory_mb": memory})
    return found


def at_once(counts: list[int], rounds: int) -> list[Figures]:
    """CPU (ms) of a turn and the time to its first byte (ms) with so many at once in one process.

    The model waits 50 ms and then writes 40 deltas in 400 ms, so that the turns overlap.
    """
    ours, found, number = CHAT[0], [], 0
    with upstream(store_wait=5) as up:
        way = Way(wait=50, deltas=40, size=32, pace=10)
        with ours.start(up, way, AWS_LAMBDA_MAX_CONCURRENCY=str(max(counts))) as box:
            for count in counts:
                taken = []
                for _ in range(rounds + 1):  # the first opens connections
                    before = box.cpu()
                    answers = box.invoke_all([event(number + i) for i in range(count)])
                    number += count
                    first = sorted(answer.first / 1e6 for answer in answers)
                    taken.append(((box.cpu() - before) / 1e6 / count, statistics.median(first), first[-1]))
                cpu, middle, last = (statistics.median(one) for one in zip(*taken[1:], strict=True))
                found.append({"turns": count, "cpu_ms": cpu, "first_ms": middle, "last_first_ms": last})
    return found
