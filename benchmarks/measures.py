"""The measures: each runs its contestants in interleaved rounds and returns plain figures.

Times are medians of rounds, in the units that the names tell; CPU is what the kernel charged to the processes
that are measured, all their threads together. Nothing here judges: report.py does.
"""

import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.contestants import (
    BARE,
    CHAT,
    DOOR,
    RELAY,
    ROOT,
    Contestant,
    Upstream,
    event,
    streaming,
    upstream,
)
from benchmarks.sandbox import Answer, Sandbox
from benchmarks.server import WebServer
from benchmarks.upstream import STAMP, Asked, Way

Figures = dict[str, Any]

SHORT = Way(wait=50, deltas=40, size=32, pace=0)
"""A first answer, 50 ms away."""

AT_ONCE = Way(wait=0, deltas=40, size=32, pace=0)
PACED = Way(wait=0, deltas=1500, size=32, pace=1)
"""Faster than any model writes, and slow enough for each delta to come alone."""

BURST = Way(wait=0, deltas=5000, size=32, pace=0)
FEW = Way(wait=0, deltas=10, size=32, pace=1)

SNAPPED = {"c1fn", "before"}
"""Of the chat's contestants, those that can be copied from a snapshot: neither peer has hooks for it."""

PAIRS = 3  # requests before the clock counts: caches fill, connections open


def cold(rounds: int) -> Figures:
    """From the start of the process to the first byte of a first chat answer, in ms; and the CPU used."""
    return {
        name: _cold(rounds, handshake)
        for name, handshake in (("near", 0), ("far", 50))  # ms before each TLS handshake
    }


def _cold(rounds: int, handshake: float) -> Figures:
    found: dict[str, dict[str, list[float]]] = {}
    with upstream(store_wait=5, handshake_wait=handshake) as up:
        for number in range(rounds):
            for contestant in CHAT:
                with contestant.start(up, SHORT) as box:
                    ready = box.wait_ready()
                    answer = box.invoke(event(number))
                    taken = {
                        "ready_ms": ready / 1e6,
                        "first_ms": (answer.pieces[0][0] - box.spawned) / 1e6,
                        "cpu_ms": box.cpu() / 1e6,
                    }
                note(found, contestant.name, taken)
    return medians(found)


def restore(rounds: int) -> Figures:
    """From a restore to the first byte of a first chat answer, in ms, and the CPU; beside it a cold start.

    As far as one machine can: the process is stopped when it is ready for its snapshot, and goes on. What the
    platform takes to copy its memory is not in it.
    """
    return {name: _restore(rounds, handshake) for name, handshake in (("near", 0), ("far", 50))}


def _restore(rounds: int, handshake: float) -> Figures:
    found: dict[str, dict[str, list[float]]] = {}
    with upstream(store_wait=5, handshake_wait=handshake) as up:
        for number in range(rounds):
            for contestant in CHAT:
                if contestant.name not in SNAPPED:
                    continue
                with contestant.start(up, SHORT) as box:
                    box.wait_ready()
                    started = box.invoke(event(number)).pieces[0][0] - box.spawned
                with contestant.start(up, SHORT, AWS_LAMBDA_INITIALIZATION_TYPE="snap-start") as box:
                    box.wait_snapshot()
                    before, restored = box.cpu(), box.restore()
                    box.wait_ready()
                    taken = {
                        "first_ms": (box.invoke(event(number)).pieces[0][0] - restored) / 1e6,
                        "cpu_ms": (box.cpu() - before) / 1e6,
                        "cold_ms": started / 1e6,
                    }
                note(found, contestant.name, taken)
    return medians(found)


def bare(rounds: int, count: int) -> Figures:
    """Warm: an ASGI app of no framework, so the runtime alone; as ``door``."""
    with upstream() as up:
        return _warm(BARE, up, rounds, count)


def door(rounds: int, count: int) -> Figures:
    """Warm: the same FastAPI app that answers a text, from the request to the body's first byte, in µs."""
    with upstream() as up:
        return _warm(DOOR, up, rounds, count)


def chat(rounds: int, count: int) -> Figures:
    """Warm: a whole chat, model and DynamoDB answering at once, from the request to the first byte, in µs."""
    with upstream(store_wait=0) as up:
        return _warm(CHAT, up, rounds, count)


def _warm(contestants: Sequence[Contestant], up: Upstream, rounds: int, count: int) -> Figures:
    found: dict[str, dict[str, list[float]]] = {}
    with ExitStack() as stack:
        boxes = {c.name: stack.enter_context(c.start(up, AT_ONCE)) for c in contestants}
        for box in boxes.values():
            _times(box, PAIRS, 0)
        for number in range(rounds):
            for name, box in boxes.items():
                before = box.cpu()
                first = _times(box, count, (number + 1) * count)
                taken = {
                    "first_us": statistics.median(first),
                    "p99_us": statistics.quantiles(first, n=100)[98],
                    "cpu_us": (box.cpu() - before) / count / 1e3,
                }
                note(found, name, taken)
    return medians(found)


def _times(box: Sandbox, count: int, start: int) -> list[float]:
    return [box.invoke(event(start + i)).first / 1e3 for i in range(count)]


def delta(rounds: int) -> Figures:
    """One streamed delta from the model's socket to the client's: CPU in µs, and how long it took, in µs.

    The CPU is that of a turn with many deltas less that of one with few. ``paced``: each comes alone;
    ``burst``: they come as fast as they can be read. The plain port is served by uvicorn, directly;
    the bare relay is the floor.
    """
    found: dict[str, dict[str, list[float]]] = {}
    with upstream(store_wait=0) as up, ExitStack() as stack:
        starts: dict[str, Callable[[Way], Sandbox | WebServer]] = {
            **{one.name: partial(one.start, up) for one in (*streaming(), RELAY)},
            "plain port, uvicorn": partial(WebServer, up),
        }
        boxes = {
            name: {way: stack.enter_context(start(way)) for way in (FEW, PACED, BURST)}
            for name, start in starts.items()
        }
        for mine in boxes.values():
            for box in mine.values():
                box.invoke(event(0, "Tell it briefly"))  # opens connections
        for number in range(1, rounds + 1):
            for name, mine in boxes.items():
                note(found, name, _delta(mine, number))
    return medians(found)


def _delta(boxes: dict[Way, Any], number: int) -> dict[str, float]:
    cpu, answers = {}, {}
    for way, box in boxes.items():
        before = box.cpu()
        answers[way] = box.invoke(event(number))
        time.sleep(0.05)  # what is left to do after the answer belongs to it, too
        cpu[way] = (box.cpu() - before) / 1e3
    late = sorted(latencies(answers[PACED]))
    return {
        "paced_cpu_us": (cpu[PACED] - cpu[FEW]) / (PACED.deltas - FEW.deltas),
        "burst_cpu_us": (cpu[BURST] - cpu[FEW]) / (BURST.deltas - FEW.deltas),
        "latency_us": statistics.median(late),
        "latency_p99_us": late[len(late) * 99 // 100],
        "turn_cpu_us": cpu[FEW],
    }


def latencies(answer: Answer) -> Iterable[float]:
    """Of each delta, from its sending by the model to its arrival at the client, in µs."""
    text = b""
    for came, data in answer.pieces:
        text += data
        while len(text) >= PACED.size:
            yield (came - int(text[:STAMP])) / 1e3
            text = text[PACED.size :]


def memory(marks: Sequence[int]) -> Figures:
    """The processes' memory in MB after so many turns."""
    found: Figures = {}
    with upstream(store_wait=0) as up, ExitStack() as stack:
        for contestant in CHAT:
            box = stack.enter_context(contestant.start(up, AT_ONCE))
            done = 0
            found[contestant.name] = {}
            for mark in marks:
                for number in range(done, mark):
                    box.invoke(event(number))
                done = mark
                found[contestant.name][f"after_{mark}_mb"] = box.memory() / 1e6
    return found


def trips(wait: float = 20) -> Figures:
    """With 20 ms on each DynamoDB call: how many times a turn waits before the model is asked, and after."""
    ours, *_ = CHAT
    with upstream(store_wait=wait) as up, ours.start(up, SHORT) as box:
        box.invoke(event(0))
        up.log()
        answer = box.invoke(event(1))
        box.invoke(event(2))  # which waits for what the first has left for later
        asked = up.log()
    model = next(one for one in asked if one.kind == "model")
    turn = [one for one in asked if one.kind not in ("model", "handshake")]
    before = [one for one in turn if one.came < model.came]
    after = [one for one in turn if model.left <= one.came and one.left <= answer.ended]
    return {
        "calls_before": [one.kind for one in before],
        "calls_after": [one.kind for one in after],
        "model_asked_after_ms": (model.came - answer.asked) / 1e6,
        "waits_before": _waves(before),
        "waits_after": _waves(after),
    }


def _waves(calls: Sequence[Asked]) -> int:
    """Round trips: a call that begins when another has been answered begins a new one."""
    waves, answered = 0, 0
    for one in sorted(calls, key=lambda call: call.came):
        if one.came >= answered:
            waves, answered = waves + 1, one.left
        answered = min(answered, one.left)
    return waves


def store(python: str) -> Figures:
    """Calls, write and read units of a turn, ours and LangChain's: see store_cost.py.

    :param python: an interpreter with c1fn's development packages.
    """
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        command = [python, "benchmarks/store_cost.py", "--json", file.name]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        found: Figures = json.loads(Path(file.name).read_text("utf-8"))
    return found


def note(found: dict[str, dict[str, list[float]]], name: str, taken: dict[str, float]) -> None:
    for what, value in taken.items():
        found.setdefault(name, {}).setdefault(what, []).append(value)


def medians(found: dict[str, dict[str, list[float]]]) -> Figures:
    """Of each figure the median of its rounds, and the rounds themselves."""
    return {
        name: {what: round(statistics.median(values), 2) for what, values in figures.items()}
        | {"rounds": {what: [round(v, 2) for v in values] for what, values in figures.items()}}
        for name, figures in found.items()
    }
