"""``make bench``: everything that is said in docs/performance.md, measured anew and written there.

``--old TREE`` measures an older package of c1fn beside it, as "before" (`make bench OLD=REVISION` makes one).
``--short`` runs each measure once, for breakage only: its figures mean nothing and are not kept. ``--only``
names some of the measures; the figures of the others stay as they were.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import growth, measures, money, plots, quota, report, scale, small, streams
from benchmarks.contestants import CHAT, CORES, OTHERS, ROOT, SHORTLY, older, prepare

RESULTS = Path(__file__).parent / "results.json"

Measure = Callable[[bool], dict[str, Any]]

MEASURES: dict[str, Measure] = {
    "cold": lambda short: measures.cold(1 if short else 9),
    "restore": lambda short: measures.restore(1 if short else 5),
    "bare": lambda short: measures.bare(1 if short else 15, 20 if short else 200),
    "door": lambda short: measures.door(1 if short else 15, 20 if short else 200),
    "chat": lambda short: measures.chat(1 if short else 9, 5 if short else 60),
    "delta": lambda short: measures.delta(1 if short else 7),
    "streams": lambda short: streams.at_once([2], 1, 1) if short else streams.at_once([24, 48], 3, 4),
    "memory": lambda short: measures.memory((10, 20) if short else (100, 300, 1000)),
    "stream memory": lambda _: streams.memory(492),
    "small": lambda short: small.sizes((1769,), 1, 2) if short else small.sizes(money.MEMORY, 3, 20),
    "trips": lambda _: measures.trips(),
    "store": lambda _: measures.store(os.environ.get("PRODUCT_PYTHON", str(ROOT / ".venv/bin/python"))),
    "growth": lambda short: _growth(**(_LITTLE if short else _MUCH)),
}
"""By name; told whether the short form is wanted."""

LONG = {"store", "stream memory"}
"""The short form is for each change: it leaves out what takes its time in any case."""

_MUCH: dict[str, Any] = {
    "turns": [5, 10, 20, 50, 100, 200, 500, 1000],
    "sizes": [1_000, 10_000, 100_000, 500_000, 1_000_000, 2_000_000, 5_000_000],
    "counts": [1, 2, 4, 8, 16, 32, 64],
    "rounds": 3,
}
_LITTLE: dict[str, Any] = {"turns": [5], "sizes": [1_000], "counts": [4], "rounds": 1}


_BLOCKS: dict[str, tuple[set[str], Callable[[dict[str, Any]], str]]] = {
    "goals": ({"machine"}, report.markdown),
    "growth": ({"growth"}, lambda found: report.growth(found["growth"])),
    "money": ({"cold", "delta", "store", "small"}, money.markdown),
    "instances": ({"cold", "delta", "store", "streams", "chat"}, money.on_instances),
    "scale": ({"store"}, lambda found: scale.markdown(scale.run(found))),
}
"""What docs/performance.md shows between its markers: the measures it needs, and how it is written."""


def _growth(turns: list[int], sizes: list[int], counts: list[int], rounds: int) -> dict[str, Any]:
    return {
        "history": growth.history(turns),
        "answers": growth.answers(sizes, rounds),
        "at once": growth.at_once(counts, rounds),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--only", nargs="+", choices=list(MEASURES))
    parser.add_argument("--old", type=Path, metavar="TREE")
    options = parser.parse_args()
    names: list[str] = options.only or [name for name in MEASURES if not (options.short and name in LONG)]
    prepare()
    if options.short:
        CHAT[:] = CHAT[:SHORTLY]
    if options.old:
        CHAT.append(older(options.old))
    os.sched_setaffinity(0, OTHERS)
    found = {} if options.short or not RESULTS.exists() else json.loads(RESULTS.read_text("utf-8"))
    load, began = os.getloadavg()[0], time.monotonic()
    if "small" in names and not quota.possible():
        print("small: left out, for this machine lets nobody make a cgroup with a CPU quota")
        names.remove("small")
    for name in names:
        print(f"[{time.monotonic() - began:4.0f} s] {name}", flush=True)
        found[name] = MEASURES[name](options.short)
        if not options.short:
            RESULTS.write_text(json.dumps(found, indent=1) + "\n", "utf-8")  # a later one may fail
    found["machine"] = {
        "date": datetime.now(UTC).date().isoformat(),
        "cores": len(CORES),
        "cpu": _cpu(),
        "python": platform.python_version(),
        "load_before": round(load, 2),
        "load_after": round(os.getloadavg()[0], 2),
        "minutes": round((time.monotonic() - began) / 60, 1),
    }
    print(report.text(found))
    if not options.short:
        RESULTS.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
        for name, (needs, write) in _BLOCKS.items():
            if needs <= found.keys():
                report.into_page(name, write(found))
        plots.draw(found)
    return 0


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(": ")[2]
    return platform.machine()


if __name__ == "__main__":
    sys.exit(main())
