"""The commands for all that one owner has: export, erase, verify."""

import argparse
import sys
from collections.abc import Callable, Coroutine, Mapping

from c1fn.errors import NotFound
from c1fn.local import archive, support
from c1fn.local.progress import Progress, tell
from c1fn.stores import Store
from c1fn.stores.owners import Remnant

Command = Callable[[Store, argparse.Namespace], Coroutine[None, None, int]]
"""Carries a command out on a store; its result is the exit code."""


async def export(store: Store, options: argparse.Namespace) -> int:
    """One document a thread, the newest first."""
    count, progress = 0, Progress()
    async for thread in support.every(store, options.owner):
        try:
            async for piece in archive.document(store, options.owner, thread, tell):
                sys.stdout.buffer.write(piece.encode())
        except NotFound:
            tell(f"{thread.id}: it was deleted meanwhile.")
            continue
        count += 1
        progress("threads", count)
    sys.stdout.buffer.flush()
    tell(f"{count} threads exported.")
    return 0


async def erase(store: Store, options: argparse.Namespace) -> int:
    """All that there is of an owner."""
    question = f"This deletes all that there is of {options.owner}, for good. Type the owner's name: "
    if not (options.yes or input(question) == options.owner):  # noqa: ASYNC250 - nothing else runs meanwhile
        print("Nothing was erased.")
        return 1
    stays = [left async for left in store.owners.erase(options.owner, Progress())]
    written = [left for left in stays if left.kind != "tombstone"]
    print(f"{options.owner} is erased.")
    if written:
        print(f"{len(written)} rows were written meanwhile. Run this again.")
        return 1
    if stays:
        days = [left.goes for left in stays if left.goes is not None]
        until = support.iso(max(days)) if len(days) == len(stays) else "this is run again after a day"
        print(f"{len(stays)} rows without text stay until {until}: they refuse late writes.")
    return 0


async def verify(store: Store, options: argparse.Namespace) -> int:
    """What is left of an owner, and until when."""
    count = 0
    async for left in store.owners.remains(options.owner, Progress()):
        print(support.safe(_line(left)))
        count += 1
    print(f"{count} rows are left." if count else f"Nothing is left of {support.safe(options.owner)}.")
    return 1 if count else 0


def _line(left: Remnant) -> str:
    until = "stays" if left.goes is None else f"until {support.iso(left.goes)}"
    return f"{left.kind:<10}  {until:<26}  {left.key}"


COMMANDS: Mapping[str, Command] = {"export": export, "erase": erase, "verify": verify}
