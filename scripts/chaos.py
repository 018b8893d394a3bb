"""Let storms happen on the DynamoDB store, and check the journals: ``python scripts/chaos.py --seeds 50``.

The defaults are the long run of docs/store.md: eight machines on three threads, 50 seeds, 20 % of all calls
with a fault, and kills. ``C1FN_DYNAMODB=local`` takes Amazon's DynamoDB Local as the server (java, npm),
``dynalite`` that one (node, npm). Ends with 1 if anything is wrong.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from c1fn.stores.dynamodb import connect, table  # noqa: E402 - the path comes first
from tests.stores.chaos import SPEED, Plan, Result, chaos  # noqa: E402
from tests.stores.servers import SERVER, keys_alone  # noqa: E402


def figures(result: Result) -> str:
    return (
        f"{result.claims} turns, {result.forks} forks, {result.views} links opened, "
        f"{result.requests} requests, {result.faults.total()} faults, "
        f"{result.kills} kills, {len(result.wrong)} wrong"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--turns", type=int, default=9, help="of each of the eight machines, in each part")
    parser.add_argument("--kills", type=int, default=3, help="of machines, in each part, at most")
    parser.add_argument("--rate", type=float, default=0.2, help="calls with a fault, as a share")
    parser.add_argument(
        "--speed", type=float, default=SPEED, help="seconds of the storm in one of the system's"
    )
    parser.add_argument("--journals", type=Path, help="keep them here, of seeds in which something was wrong")
    args = parser.parse_args()
    keys_alone(os.environ)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the server and the machines end too
    total, began = Result(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder, SERVER(Path(folder)) as server:
        client = connect(server.url)
        table.create(client, "chaos")
        for seed in range(args.first, args.first + args.seeds):
            plan = Plan(seed, args.turns, args.rate, args.kills, args.speed)
            result = chaos(server.url, "chaos", plan, args.journals)
            total += result
            print(f"seed {seed}: {figures(result)}", flush=True)
            for line in result.wrong:
                print(f"  WRONG {line}", flush=True)
        client.close()
    print(f"faults {dict(total.faults)}, told {dict(total.told)}")
    print(f"{args.seeds} seeds, {time.monotonic() - began:.0f} s: {figures(total)}")
    return 1 if total.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
