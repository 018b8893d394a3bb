"""64 turns at once in one process, one set after another for ten minutes: its memory must stay as it is.

``.cache/bench/bench/bin/python -m benchmarks.flat``, after ``make bench-venvs bench-function``.
"""

import argparse
import os
import statistics
import time

from benchmarks.contestants import CHAT, OTHERS, event, prepare, upstream
from benchmarks.upstream import Way

COUNT = 64
WAY = Way(wait=0, deltas=40, size=32, pace=25)
"""A second each, so that all of them run at once."""

WARM = 0.2
"""Of the time: caches fill, connections open."""

GROWTH = 1.03
"""Of the median memory, from the first third after that to the last: it swings by 1 % from set to set."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    seconds = parser.parse_args().minutes * 60
    prepare()
    os.sched_setaffinity(0, OTHERS)
    seen: list[tuple[float, float]] = []
    number, began = 0, time.monotonic()
    with upstream(store_wait=5) as up, CHAT[0].start(up, WAY, AWS_LAMBDA_MAX_CONCURRENCY=str(COUNT)) as box:
        while (now := time.monotonic() - began) < seconds:
            box.invoke_all([event(number + each) for each in range(COUNT)])
            number += COUNT
            seen.append((now, box.memory() / 1e6))
            if len(seen) % 20 == 1:
                print(f"{now:5.0f} s  {number:6} turns  {seen[-1][1]:.1f} MB", flush=True)
    kept = [memory for now, memory in seen if now > WARM * seconds]
    third = len(kept) // 3
    first, last = statistics.median(kept[:third]), statistics.median(kept[-third:])
    print(f"{number} turns, {COUNT} at once: {first:.1f} MB, later {last:.1f} MB, {last / first:.3f} of it")
    return int(last / first > GROWTH)


if __name__ == "__main__":
    raise SystemExit(main())
