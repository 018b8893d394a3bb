"""The commands for an owner's threads: list, show, delete, import, restore."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from c1fn.errors import BadField, Busy, NotFound
from c1fn.local import archive, documents, support
from c1fn.local.owners import Command
from c1fn.local.progress import Progress, tell
from c1fn.stores import Store
from c1fn.turn import Thread, Turn

_RESTORED: dict[str, str] = {
    "exists": "there is a thread of this id. To replace it, delete it first: c1fn thread delete",
    "too old": "it is older than C1FN_RETENTION_DAYS. It is not restored.",
}


async def show_all(store: Store, options: argparse.Namespace) -> int:
    """`c1fn thread list`: one JSON object a line."""
    async for found in support.every(store, options.owner):
        told = {"threadId": found.id, "createdAt": support.iso(found.created)}
        print(json.dumps(told | {"updatedAt": support.iso(found.updated), "isRunning": found.running}))
    return 0


async def show(store: Store, options: argparse.Namespace) -> int:
    """`c1fn thread show`."""
    found = await support.show(store, options.owner, options.id, text=options.text)
    print(json.dumps(found) if options.json else "\n".join(support.lines(found)))
    return 0


async def delete(store: Store, options: argparse.Namespace) -> int:
    """`c1fn thread delete`: one thread, or all of the owner's. Returns the exit status."""
    ids = [options.id] if options.id else [found.id async for found in support.every(store, options.owner)]
    question = f"Delete {len(ids)} threads of {options.owner}? Type yes: "
    if not (options.yes or input(question) == "yes"):  # noqa: ASYNC250 - nothing else runs meanwhile
        print("Nothing was deleted.")
        return 1
    deleted = 0
    for thread_id in ids:
        try:
            await store.threads.delete(options.owner, thread_id)
            deleted += 1
        except NotFound:  # somebody else was faster; for one that was named it is an error
            if options.id:
                raise
    print(f"{deleted} deleted.")
    return 0


async def bring_in(store: Store, options: argparse.Namespace) -> int:
    """Threads out of documents. One that cannot be read does not hinder the others."""
    done, progress = Counter[str](), Progress()
    for where, line in _lines(options.files):
        try:
            thread, turns = documents.read(line)
        except BadField as error:
            done["refused"] += 1
            tell(f"{where}: {error}")
        else:
            done[await _restore(store, options.owner, thread, _each(turns))] += 1
        progress("threads", done.total())
    return _sum(done)


async def restore(store: Store, source: Store, options: argparse.Namespace) -> int:
    """Threads out of another table.

    :raises NotFound: the thread that was named is not in it.
    """
    done, progress = Counter[str](), Progress()
    async for thread in support.every(source, options.owner):
        if options.id in (None, thread.id):
            turns = archive.turns_of(source, options.owner, thread.id)
            done[await _restore(store, options.owner, thread, turns)] += 1
            progress("threads", done.total())
    if options.id and not done:
        raise NotFound(f"The table {options.source} has no such conversation of this owner.")
    return _sum(done)


async def _restore(store: Store, owner: str, thread: Thread, turns: AsyncIterable[Turn]) -> str:
    try:
        outcome = await store.owners.restore(owner, thread, turns)
    except (Busy, NotFound) as error:
        tell(f"{thread.id}: {error}")
        return "refused"
    if outcome != "restored":
        tell(f"{thread.id}: {_RESTORED[outcome]}")
    return outcome


async def _each(turns: Iterable[Turn]) -> AsyncGenerator[Turn, None]:
    for turn in turns:
        yield turn


def _lines(files: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """The documents of these files, each with the place where it stands; ``-`` is stdin.

    :raises BadField: a file cannot be read.
    """
    for name in files:
        try:
            with sys.stdin.buffer if name == "-" else Path(name).open("rb") as file:
                for number, line in enumerate(file, 1):
                    if line.strip():
                        yield f"{name} line {number}", line
        except OSError as error:
            raise BadField(f"{name}: {error.strerror or type(error).__name__} while it was read.") from None


def _sum(done: Counter[str]) -> int:
    """Tell what was done; the exit code."""
    others = "".join(f", {count} {why}" for why, count in sorted(done.items()) if why != "restored")
    print(f"{done['restored']} threads restored{others}.")
    return 0 if done.total() == done["restored"] else 1


COMMANDS: Mapping[str, Command] = {
    "list": show_all,
    "show": show,
    "delete": delete,
    "import": bring_in,
}
