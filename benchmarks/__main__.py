"""``make bench``: everything that is said in docs/performance.md, measured anew and written there.

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

from benchmarks import measures, report
from benchmarks.contestants import CORES, OTHERS, prepare

RESULTS = Path(__file__).parent / "results.json"

Measure = Callable[[bool], dict[str, Any]]

MEASURES: dict[str, Measure] = {
    "cold": lambda short: measures.cold(1 if short else 9),
    "door": lambda short: measures.door(1 if short else 15, 20 if short else 200),
    "chat": lambda short: measures.chat(1 if short else 9, 5 if short else 60),
    "delta": lambda short: measures.delta(1 if short else 7),
    "memory": lambda short: measures.memory((10, 20) if short else (100, 300, 1000)),
    "trips": lambda _: measures.trips(),
}
"""By name; told whether the short form is wanted."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--only", nargs="+", choices=list(MEASURES), default=list(MEASURES))
    options = parser.parse_args()
    prepare()
    os.sched_setaffinity(0, OTHERS)
    found = {} if options.short or not RESULTS.exists() else json.loads(RESULTS.read_text("utf-8"))
    load, began = os.getloadavg()[0], time.monotonic()
    for name in options.only:
        print(f"[{time.monotonic() - began:4.0f} s] {name}", flush=True)
        found[name] = MEASURES[name](options.short)
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
        report.into_page("goals", report.markdown(found))
    return 0


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(": ")[2]
    return platform.machine()


if __name__ == "__main__":
    sys.exit(main())
