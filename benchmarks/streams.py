"""Many answers at once in one process, as on Managed Instances: CPU, the slowest deltas, memory.

CPU is that of long answers less that of short ones, so that what a turn takes before and after its deltas is
not in it. The slowest deltas are those of answers that all begin at once, with what the openings do to them.
"""

from contextlib import ExitStack
from typing import Any

from benchmarks.contestants import event, streaming, upstream
from benchmarks.measures import latencies, medians, note
from benchmarks.sandbox import Answer, Sandbox
from benchmarks.server import WebServer
from benchmarks.upstream import BRIEF, Way

Figures = dict[str, Any]

RATE = 125
"""Deltas a second, as fast as models write."""

SLOW = Way(wait=0, deltas=60, size=32, pace=100)
"""For memory: many streams, few deltas."""

BRIEFLY, LONG = "Tell it briefly", "Tell it at length"
"""The model answers the first with few deltas."""

FEW, OPENING = 8, 3.0
"""Streams that are open before more of them are counted, and the seconds they are given to begin: one
more for each hundred."""


def at_once(counts: list[int], rounds: int, seconds: int) -> Figures:
    """By contestant and number of streams: CPU of one streamed second in ms, and the slowest hundredth of the
    deltas, in ms from the model to the client.
    """
    found: dict[str, dict[str, list[float]]] = {}
    way = Way(wait=0, deltas=BRIEF + RATE * seconds, size=32, pace=1000 / RATE)
    with upstream(store_wait=0) as up:
        for _ in range(rounds):
            for count in counts:
                for contestant in streaming():
                    with contestant.start(up, way, AWS_LAMBDA_MAX_CONCURRENCY=str(count)) as box:
                        note(found, contestant.name, _at_once(box, count, seconds))
                with WebServer(up, way) as server:
                    note(found, "plain port, uvicorn", _at_once(server, count, seconds))
    return {"counts": counts, **medians(found)}


def _at_once(box: Sandbox | WebServer, count: int, seconds: int) -> dict[str, float]:
    used, answers = [], []
    for turn, prompt in enumerate((BRIEFLY, BRIEFLY, LONG)):  # the first opens connections
        before = box.cpu()
        answers = box.invoke_all([event(turn * count + number, prompt) for number in range(count)])
        used.append((box.cpu() - before) / 1e6)
    late = sorted(each for answer in answers for each in latencies(answer))
    return {
        f"second_{count}_ms": (used[2] - used[1]) / seconds / count,
        f"p99_{count}_ms": late[len(late) * 99 // 100] / 1e3,
    }


def memory(more: int) -> Figures:
    """KB of each stream that is open beside others. Older trees are left out: some take 100 at once alone."""
    found: Figures = {}
    way = SLOW._replace(deltas=max(SLOW.deltas, more // 4))  # all are open until the last has begun
    with upstream(store_wait=0) as up, ExitStack() as stack:
        for contestant in (one for one in streaming() if one.name != "before"):
            limit = str(FEW + more)
            box = stack.enter_context(contestant.start(up, way, AWS_LAMBDA_MAX_CONCURRENCY=limit))
            box.invoke(event(0))
            few, answers = _open(box, 1, FEW)
            box.finish(answers)
            many, answers = _open(box, 1 + FEW, FEW + more)
            box.finish(answers)
            found[contestant.name] = {"stream_kb": round((many - few) / more / 1e3, 1)}
    return found


def _open(box: Sandbox, first: int, count: int) -> tuple[int, list[Answer]]:
    """Memory while so many are open."""
    answers = box.begin([event(first + number) for number in range(count)])
    box.listen(OPENING + count / 100)
    return box.memory(), answers
