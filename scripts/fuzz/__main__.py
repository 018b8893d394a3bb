import argparse
import asyncio
import sys
from pathlib import Path

from scripts import fuzz
from scripts.fuzz.books import Books

PARTS = ("model", "doors", "http", "agui")


async def main(parts: list[str], seed: int, streams: Path | None, *, short: bool) -> list[Books]:
    found = []
    if "model" in parts:
        from scripts.fuzz import model

        found.append(await model.run(6_000 if short else 200_000, seed))
    if "doors" in parts:
        from scripts.fuzz import doors

        found.append(await doors.run(1_500 if short else 20_000, seed))
    if "http" in parts:
        from scripts.fuzz import http

        found.append(await http.run(*((20, 100) if short else (600, 10_000)), seed))
    if "agui" in parts:
        from scripts.fuzz import agui

        found.append(await agui.run(600 if short else 12_000, seed, streams))
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=fuzz.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    # The choices are told by hand: argparse would look for the whole default among them.
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--short", action="store_true", help="what fits into a minute")
    parser.add_argument("--streams", type=Path, help="a file for the streams of agui")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    books = asyncio.run(
        main(options.parts or list(PARTS), options.seed, options.streams, short=options.short)
    )
    sys.exit(1 if any(part.wrong for part in books) else 0)
