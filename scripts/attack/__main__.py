"""``python -m scripts.attack``: see the package."""

import argparse
import asyncio
import sys
import time
from importlib import import_module
from pathlib import Path

from scripts import attack
from scripts.attack.ledger import Ledger

PARTS = ("events", "tokens", "owners", "pages", "bombs", "spending", "files")
LONG = ("flood",)
"""Parts that run when they are named alone."""


async def main(parts: list[str], tree: Path) -> Ledger:
    ledger, began = Ledger(), time.monotonic()
    for part in parts:
        ledger.part = part
        try:
            await import_module(f"scripts.attack.{part}").run(ledger, tree)
        except Exception as error:  # noqa: BLE001 - an older tree may hang or break: that is a finding too
            ledger.note("the part breaks off", held=False, seen=repr(error))
    print(f"{ledger.table()}\n{time.monotonic() - began:.0f} s")
    return ledger


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=attack.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "parts", nargs="*", metavar="part", help=f"of {', '.join(PARTS)} (default: all), flood"
    )
    parser.add_argument("--tree", type=Path, default=Path(__file__).parents[2], help="the checkout to attack")
    options = parser.parse_args()
    if not (options.tree / "c1fn").is_dir():
        parser.error(f"{options.tree} is no checkout")
    if unknown := set(options.parts) - {*PARTS, *LONG}:
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    found = asyncio.run(main(options.parts or list(PARTS), options.tree.resolve()))
    sys.exit(1 if found.wrong else 0)
