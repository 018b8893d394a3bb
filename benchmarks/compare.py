"""c1fn beside an older tree of it, or with one cold start optimisation switched off: ``make bench-compare``.

    python -m benchmarks.compare --before TREE              CPU, medians of interleaved rounds, and ratios
    python -m benchmarks.compare --before TREE --count      machine instructions, counted by callgrind
    python -m benchmarks.compare --levers [--count]         each optimisation switched off alone
    python -m benchmarks.compare --with C1FN_X=1 [--count]  with a setting; of TREE, where one is given

``TREE`` is a package as that version's own tool laid it out. The first contestant is today's tree
(`make bench-function`); all others are divided by it. CPU is noisy on a busy machine: look at its least, too.
Instructions do not depend on other load; callgrind makes a process fifty times as slow, and counts a start,
a warm turn and a delta of a burst. Nothing here is written into docs/performance.md by itself.
https://valgrind.org/docs/manual/cl-manual.html
"""

import argparse
import os
import re
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.contestants import (
    BARE_PYTHON,
    CHAT,
    FUNCTION,
    LISTED,
    OTHERS,
    Contestant,
    Upstream,
    adding,
    event,
    older,
    prepare,
    upstream,
)
from benchmarks.measures import AT_ONCE, BURST, FEW, PACED, SHORT
from benchmarks.sandbox import Sandbox
from benchmarks.upstream import Way

IN_PLACE = [str(BARE_PYTHON), "-m", "c1fn.runtime"]

LEVERS = ("garbage", "deferred_models", "authorities", "aws", "compiled", "lazy_imports")
"""The modules of c1fn/startup that ask whether they are switched off."""

WITHOUT = """
import importlib, runpy, sys
importlib.import_module(f"c1fn.startup.{sys.argv[1]}").is_plain = lambda: True
runpy.run_module("c1fn.runtime", run_name="__main__", alter_sys=True)
"""
"""Runs the function with one optimisation off."""

PATIENCE = 900.0
"""Seconds for one answer of a process that callgrind slows down, on a busy machine."""

WARM = 20
"""Turns after the first, over which a warm one is counted."""

MANY = Way(wait=0, deltas=2000, size=32, pace=0)

Figures = dict[str, dict[str, list[float]]]


def today() -> Contestant:
    """Without the shell that starts a deployed one: callgrind follows a process and not what it starts."""
    return replace(CHAT[0], name="today", command=IN_PLACE)


def before(tree: Path) -> Contestant:
    return replace(older(tree), command=IN_PLACE)


def with_setting(contestant: Contestant, setting: str) -> Contestant:
    """:param setting: as in `C1FN_MODEL=m`."""
    name, _, value = setting.partition("=")
    environment = adding(contestant, {name: value})
    return Contestant(f"{contestant.name}, {name}", contestant.command, environment, contestant.folder)


def without(lever: str) -> Contestant:
    """Without the folder of authorities, or what reads it, the environment names the list."""
    environment = adding(today(), LISTED if lever in {"authorities", "aws"} else {})
    return Contestant(f"no {lever}", [str(BARE_PYTHON), "-c", WITHOUT, lever], environment, FUNCTION)


# CPU


def cpu(contestants: Sequence[Contestant], rounds: int, *, starts_only: bool) -> Figures:
    """Milliseconds of a start through its first answer; microseconds of a warm turn and of a delta."""
    found: Figures = {}
    for number in range(rounds):
        for contestant in contestants:
            told = found.setdefault(contestant.name, {})
            with upstream(store_wait=0) as up:
                with contestant.start(up, SHORT) as box:
                    box.invoke(event(number))
                    told.setdefault("start, ms", []).append(box.cpu() / 1e6)
                if starts_only:
                    continue
                with contestant.start(up, AT_ONCE) as box:
                    told.setdefault("warm turn, us", []).append(_warm(box) / 1e3)
                for name, way in (("delta alone, us", PACED), ("delta in a burst, us", BURST)):
                    told.setdefault(name, []).append(_delta(contestant, up, way) / 1e3)
    return found


def _warm(box: Sandbox) -> float:
    box.invoke(event(0))
    spent = box.cpu()
    for number in range(1, WARM * 5 + 1):
        box.invoke(event(number))
    return (box.cpu() - spent) / (WARM * 5)


def _delta(contestant: Contestant, up: Upstream, way: Way) -> float:
    used = []
    for each in (FEW, way):
        with contestant.start(up, each) as box:
            box.invoke(event(0))
            spent = box.cpu()
            box.invoke(event(1))
            used.append(box.cpu() - spent)
    return (used[1] - used[0]) / (way.deltas - FEW.deltas)


# Instructions


def instructions(contestants: Sequence[Contestant], rounds: int, *, starts_only: bool) -> Figures:
    """Millions for a start through its first answer and for a warm turn, thousands for a delta of a burst."""
    found: Figures = {}
    for _ in range(rounds):
        for contestant in contestants:
            told = found.setdefault(contestant.name, {})
            start = _counted(contestant, AT_ONCE, 1)
            told.setdefault("start, million", []).append(start / 1e6)
            if starts_only:
                continue
            warm = (_counted(contestant, AT_ONCE, 1 + WARM) - start) / WARM
            told.setdefault("warm turn, million", []).append(warm / 1e6)
            delta = (_counted(contestant, MANY, 1) - start) / (MANY.deltas - AT_ONCE.deltas)
            told.setdefault("delta in a burst, thousand", []).append(delta / 1e3)
    return found


def _counted(contestant: Contestant, way: Way, turns: int) -> int:
    """The instructions of a process from its start to the end of so many turns."""
    with _callgrind(contestant) as (counted, path), upstream(store_wait=0) as up:
        with counted.start(up, way, patience=PATIENCE) as box:
            for number in range(turns):
                box.invoke(event(number))
            box.terminate()
        told = re.search(r"^(?:summary|totals): (\d+)", path.read_text(), re.MULTILINE)
        assert told, path.read_text()[-2000:]
        return int(told[1])


@contextmanager
def _callgrind(contestant: Contestant) -> Iterator[tuple[Contestant, Path]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "callgrind"
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={path}", *contestant.command]
        yield Contestant(contestant.name, command, contestant.environment, contestant.folder), path


# What is told


def text(found: Figures) -> str:
    """A row for each contestant and figure: the median, the least, and the ratio of both to today's."""
    rows, (first, *_) = [], found.values()
    for name, figures in found.items():
        for what, each in figures.items():
            middle, least = statistics.median(each), min(each)
            ratios = middle / statistics.median(first[what]), least / min(first[what])
            rows.append(
                f"{name:28} {what:28} median {middle:10.1f} (x {ratios[0]:.3f})"
                f"   least {least:10.1f} (x {ratios[1]:.3f})   of {len(each)}"
            )
    return "\n".join(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--before", type=Path, metavar="TREE")
    parser.add_argument("--with", action="append", default=[], metavar="NAME=VALUE", dest="settings")
    parser.add_argument("--levers", action="store_true")
    parser.add_argument("--count", action="store_true", help="instructions, by callgrind; needs valgrind")
    parser.add_argument("--rounds", type=int, help="7, or 1 with --count")
    parser.add_argument("--starts", action="store_true", help="measure starts only")
    options = parser.parse_args()
    prepare()
    os.sched_setaffinity(0, OTHERS)
    others = [before(options.before)] if options.before else []
    tree = others[-1] if others else today()
    others += [with_setting(tree, setting) for setting in options.settings]
    others += [without(lever) for lever in LEVERS] if options.levers else []
    measure, usual = (instructions, 1) if options.count else (cpu, 7)
    starts_only = options.starts or options.levers
    print(text(measure([today(), *others], options.rounds or usual, starts_only=starts_only)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
