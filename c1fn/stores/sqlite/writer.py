"""Writes what has changed in memory: the rows that differ from what was last written.

The comparison is made in the event loop, between two awaits, so that what is written is one state. SQLite
itself is called in a thread of its own, which takes one write after the other. Turns are frozen, so the same
object is the same turn, and a thread of 1,000 turns is compared in less than 0.1 ms.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from c1fn.errors import StoreUnavailable
from c1fn.stores.memory.state import Conversation, Link, Memory, Used
from c1fn.stores.sqlite.file import File, Statement
from c1fn.stores.sqlite.rows import LinkRow, ThreadRow, TurnRow, UsedRow, decode

Key = tuple[str, str]
"""An owner and a thread's id."""


@dataclass(slots=True)
class Written:
    """What the file has of one thread: its row, by this number, and its turns."""

    thread: Conversation
    number: int
    row: ThreadRow | None = None
    turns: list[TurnRow] = field(default_factory=list)

    def turns_now(self) -> list[TurnRow]:
        """Those of memory, with the row that is written for each that has not changed."""
        known = {id(row.turn): row for row in self.turns}
        now = zip(self.thread.attempts, self.thread.turns, strict=True)
        return [
            row if (row := known.get(id(turn))) and row.attempt == attempt else TurnRow(attempt, turn)
            for attempt, turn in now
        ]


@dataclass(slots=True)
class Changes:
    """What one transaction writes, and what is known once it is written."""

    statements: list[Statement] = field(default_factory=list)
    known: list[Callable[[], object]] = field(default_factory=list)
    erased: bool = False

    def put(self, sql: str, *values: object) -> None:
        self.statements.append((sql, values))

    def delete(self, sql: str, *key: object) -> None:
        self.statements.append((sql, key))
        self.erased = True


class Writer:
    """:raises StoreUnavailable: what is in the file cannot be read."""

    def __init__(self, file: File, memory: Memory) -> None:
        self._file, self._memory = file, memory
        self._threads: defaultdict[Key, list[Written]] = defaultdict(list)
        self._used: dict[str, UsedRow] = {}
        self._links: dict[str, LinkRow] = {}
        self._buried: set[Key] = set()  # keys of deleted threads: memory forgets those after a day
        self._owed: set[Key] = set()
        self._numbers = 0
        self._writing = asyncio.Lock()
        self._worker = ThreadPoolExecutor(1, "sqlite")
        try:
            self._read()
        except StoreUnavailable:
            self.close()
            raise
        except (ValueError, TypeError, AttributeError) as error:
            self.close()
            raise file.damaged(f"a row cannot be read: {error}") from None

    @asynccontextmanager
    async def keeping(self, owner: str, *thread_ids: str) -> AsyncGenerator[None, None]:
        """What is changed of the owner and of these threads is written at the end, also after an error."""
        try:
            yield
        finally:
            self._owed |= {(owner, thread_id) for thread_id in thread_ids or ("",)}
            await self.write()

    async def write(self) -> None:
        """Write all that is owed. What fails stays owed, and is written with the next change.

        :raises StoreUnavailable: it was not written.
        """
        async with self._writing:
            owed, self._owed = self._owed | (self._buried - self._memory.deleted.keys()), set()
            changes = self._changes(owed)
            if not changes.statements:
                return
            loop = asyncio.get_running_loop()
            writing = loop.run_in_executor(
                self._worker, lambda: self._file.write(changes.statements, erased=changes.erased)
            )
            try:
                await writing
            except BaseException:  # cancelled, too: it may be written, and is written once more
                self._owed |= owed
                raise
            for fact in changes.known:
                fact()

    async def written(self) -> None:
        """Wait until what can be seen in memory is written, or has failed to be."""
        async with self._writing:
            return

    def close(self) -> None:
        self._worker.shutdown()
        self._file.close()

    # ---- what differs

    def _changes(self, owed: set[Key]) -> Changes:
        changes = Changes()
        for key in owed:
            self._compare_threads(changes, key)
        for owner in {owner for owner, _ in owed}:
            self._compare_used(changes, owner)
        self._compare_links(changes)
        return changes

    def _compare_threads(self, changes: Changes, key: Key) -> None:
        there: list[tuple[Conversation, ThreadRow]] = []
        if live := self._memory.threads.get(key):
            there.append((live, ThreadRow.of(*key, live)))
        if gone := self._memory.deleted.get(key):
            there.append((gone[1], ThreadRow.of_deleted(*key, *gone)))
            self._buried.add(key)
        else:
            self._buried.discard(key)
        several = self._threads[key]
        for thread, row in there:
            self._compare_thread(changes, self._of(several, thread), row)
        for one in several:
            if all(one.thread is not thread for thread, _ in there):
                changes.delete("DELETE FROM thread WHERE number = ?", one.number)
                changes.delete("DELETE FROM turn WHERE thread = ?", one.number)
                changes.known.append(partial(several.remove, one))

    def _of(self, several: list[Written], thread: Conversation) -> Written:
        for one in several:
            if one.thread is thread:
                return one
        self._numbers += 1
        several.append(Written(thread, self._numbers))
        return several[-1]

    def _compare_thread(self, changes: Changes, one: Written, row: ThreadRow) -> None:
        if row != one.row:
            changes.put("INSERT OR REPLACE INTO thread VALUES (?, ?)", one.number, row)
            changes.known.append(partial(setattr, one, "row", row))
        turns = [] if row.gone else one.turns_now()
        before = dict(enumerate(one.turns))
        changed = [at for at, turn in enumerate(turns) if turn is not before.get(at)]
        for at in changed:
            changes.put("INSERT OR REPLACE INTO turn VALUES (?, ?, ?)", one.number, at + 1, turns[at])
        if shorter := len(turns) < len(before):
            changes.delete("DELETE FROM turn WHERE thread = ? AND number > ?", one.number, len(turns))
        if changed or shorter:
            changes.known.append(partial(setattr, one, "turns", turns))

    def _compare_used(self, changes: Changes, owner: str) -> None:
        used, key = self._memory.used.get(owner), json.dumps(owner)
        if used is None and owner not in self._used:
            return
        if used is None:
            changes.delete("DELETE FROM used WHERE owner = ?", key)
            changes.known.append(partial(self._used.pop, owner, None))
            return
        row = UsedRow(owner, _copy(used))
        if row != self._used.get(owner):
            changes.put("INSERT OR REPLACE INTO used VALUES (?, ?)", key, row)
            changes.known.append(partial(self._used.__setitem__, owner, row))

    def _compare_links(self, changes: Changes) -> None:
        links = {token: LinkRow.of(link, self._number(link)) for token, link in self._memory.links.items()}
        for token in self._links.keys() - links.keys():
            changes.delete("DELETE FROM link WHERE token = ?", token)
        for token, row in links.items():
            if row != self._links.get(token):
                changes.put("INSERT OR REPLACE INTO link VALUES (?, ?)", token, row)
        changes.known.append(partial(setattr, self, "_links", links))

    def _number(self, link: Link) -> int:
        """The number of the thread that was shared; 0: it is forgotten."""
        several = self._threads.get((link.owner, link.share.thread_id), [])
        return next((one.number for one in several if one.thread is link.thread), 0)

    # ---- the start

    def _read(self) -> None:
        """Bring all that is in the file into memory."""
        rows, memory, threads = self._file.rows, self._memory, dict[int, Conversation]()
        turns: defaultdict[int, list[TurnRow]] = defaultdict(list)
        for number, body in rows("SELECT thread, body FROM turn ORDER BY thread, number"):
            turns[number].append(decode(TurnRow, body))
        for number, body in rows("SELECT number, body FROM thread"):
            row: ThreadRow = decode(ThreadRow, body)
            threads[number] = thread = row.thread(turns[number])
            key = row.owner, row.id
            self._threads[key].append(Written(thread, number, row, turns[number]))
            self._numbers = max(self._numbers, number)
            if row.gone is None:
                memory.threads[key] = thread
            else:
                memory.deleted[key] = row.gone, thread
                self._buried.add(key)
        for (body,) in rows("SELECT body FROM used"):
            used: UsedRow = decode(UsedRow, body)
            self._used[used.owner] = used
            memory.used[used.owner] = _copy(used.used)
        for token, body in rows("SELECT token, body FROM link"):
            link: LinkRow = decode(LinkRow, body)
            self._links[token] = link
            thread = threads.get(link.thread) or Conversation("", 0, 0)  # one that find() never gives
            memory.links[token] = Link(link.owner, thread, link.share, link.day, link.views)


def _copy(used: Used) -> Used:
    """As it is now. Who follows a turn is gone with the process."""
    slots = {attempt: replace(slot) for attempt, slot in used.slots.items()}
    return replace(used, slots=slots, followers=0)
