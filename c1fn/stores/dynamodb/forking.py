"""How a thread is forked: its rows are copied, and the new thread is shown when all of them are there.

A copy and not a reference: a turn's rows belong to one thread, so its deletion, retention and expiry need to
know nothing of forks. Rows are copied as they are stored, so that a copy is no different also of a turn that
is damaged, or written by a newer version.
"""

from dataclasses import dataclass, replace

from c1fn.errors import Busy, NotFound, ThreadExists, TooLarge
from c1fn.stores import FORK_BYTES, FORK_TURNS, KILOBYTE
from c1fn.stores.dynamodb.access import Access
from c1fn.stores.dynamodb.calls import Calls
from c1fn.stores.dynamodb.deletion import Deletion
from c1fn.stores.dynamodb.following import Following
from c1fn.stores.dynamodb.forked import Forked
from c1fn.stores.dynamodb.hidden import AT_ONCE, Hidden, HiddenThreads, row_of
from c1fn.stores.dynamodb.items import Item
from c1fn.stores.dynamodb.keys import ThreadKey, row_key, turn_sk
from c1fn.stores.dynamodb.lock import Lock
from c1fn.stores.dynamodb.pack import SLICE
from c1fn.stores.dynamodb.rows import ThreadRow, TurnRow
from c1fn.turn import Source, Thread, Until

OF_ITS_OWN = ("feedback", "rated")
"""Attributes of a turn's row that a copy does not have: an answer is rated once."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The turns of a fork: the rows to be copied, and the turn after them if its machine died, so that it has
    no row yet.
    """

    items: list[Item]
    rows: list[TurnRow]  # the same, read
    dead: TurnRow | None

    @property
    def kilobytes(self) -> int:
        """As they are counted for their owner: those of each turn, and one for the thread."""
        rows = [*self.rows, *([self.dead] if self.dead else [])]
        return 1 + sum(-(-_size(row) // KILOBYTE) for row in rows)

    @property
    def last(self) -> TurnRow | None:
        """The newest turn that is taken."""
        return self.dead or (self.rows[-1] if self.rows else None)


class Forking:
    """Copies turns into a thread that nobody sees until it has them all."""

    def __init__(self, access: Access, deletion: Deletion, following: Following, calls: Calls) -> None:
        self._access = access
        self._following = following
        self._hidden = HiddenThreads(access, deletion, calls)

    async def fork(self, key: ThreadKey, new: ThreadKey, until: Until) -> ThreadRow:
        """See the port."""
        there = await self._access.threads.get(new)
        if there and self._is_made(there, key, until):
            return there
        thread = await self._access.threads.get(key)
        if thread is None or not self._is_there(thread):
            raise NotFound("There is no such conversation.")
        key = key.of(thread)
        taken = await self._taken(key, thread, until)
        await self._access.write_quota.count(key.owner, taken.kilobytes)
        source = Source(key.thread_id, taken.last.response_id if taken.last else None)
        hidden = await self._hidden.begin(new, there)
        return await self._copied(key, thread, taken, hidden, Forked(source, until))

    def _is_made(self, row: ThreadRow, key: ThreadKey, until: Until) -> bool:
        """Whether this fork was made before.

        :raises C1fnError: it cannot be made under this id.
        """
        now, forked = self._access.clock(), row.forked
        same = forked is not None and (forked.source.thread_id, forked.until) == (key.thread_id, until)
        if self._is_there(row):
            if not same:
                raise ThreadExists
            return True
        if row.is_imported(now):
            raise Busy("This conversation is just being made. Wait for it, then send again.")
        remembered = row.gone and row.importing is None and (row.sweep or (row.expires or 0) > now)
        if same and remembered:
            raise NotFound("This conversation was deleted.")
        return False

    def _is_there(self, row: ThreadRow) -> bool:
        return row.is_there(self._access.clock(), self._access.retention)

    # ---- which turns

    async def _taken(self, key: ThreadKey, thread: ThreadRow, until: Until) -> Taken:
        lock, dead = await self._unwritten(key, thread), None
        last = await self._last(key, thread, until, lock)
        if lock and last >= thread.running_number:
            if lock.until > self._access.clock():
                raise Busy
            dead = await self._following.fenced(key, lock, thread.running_number)
            last = thread.running_number - 1
        taken, size = Taken([], [], dead), 0
        async for item in self._access.turns.items(key, last):
            row = TurnRow.read(item)
            taken.items.append(item)
            taken.rows.append(row)
            size += _size(row)
            if len(taken.items) > FORK_TURNS or size > FORK_BYTES:
                raise TooLarge(
                    f"A fork takes {FORK_TURNS} turns, and {FORK_BYTES} bytes as they are stored, at most. "
                    "Fork through an earlier turn."
                )
        some = [row.number for row in taken.rows] != list(
            range(1, last + 1)
        )  # others are too old, or deleted
        if some and await self._access.threads.is_gone(key):
            raise NotFound("This conversation was deleted.")
        return taken

    async def _unwritten(self, key: ThreadKey, thread: ThreadRow) -> Lock | None:
        """The lock of a turn that has no row yet, or whose row is of an earlier attempt."""
        lock = thread.lock
        if lock is None:
            return None
        written = await self._access.turns.get(key, thread.running_number)
        if written and written.attempt != lock.replaces:
            return None
        known = await self._access.turns.find(key, lock.response_id) if lock.replaces is None else None
        return None if known and known.number <= thread.n else lock  # a replay

    async def _last(self, key: ThreadKey, thread: ThreadRow, until: Until, lock: Lock | None) -> int:
        """The number of the last turn to be taken; 0: none."""
        if until.response_id is None:
            newest = await self._access.turns.newest(key, 1)
            return thread.running_number if lock else newest[0].number if newest else 0
        row = await self._access.turns.find(key, until.response_id)
        if row is None and (lock is None or lock.response_id != until.response_id):
            raise NotFound("There is no such answer in this conversation.")
        if row and lock and row.number >= thread.running_number and row.response_id != lock.response_id:
            raise _changed()  # the thread's row is older: the turn of its lock is over, and others followed
        number = row.number if row else thread.running_number
        return number if until.taken else number - 1

    # ---- the copy

    async def _copied(
        self, key: ThreadKey, thread: ThreadRow, taken: Taken, hidden: Hidden, forked: Forked
    ) -> ThreadRow:
        try:
            for start in range(0, len(taken.items), AT_ONCE):
                await self._copy(key, taken, slice(start, start + AT_ONCE), hidden)
            if taken.dead:
                await self._write(taken.dead, hidden)
            return await self._hidden.show(hidden, self._shown(hidden, thread, taken.last, forked))
        except BaseException:
            self._access.later.do(hidden.key, self._hidden.undo(hidden))
            raise

    async def _copy(self, key: ThreadKey, taken: Taken, some: slice, hidden: Hidden) -> None:
        """Some rows, with their parts: the parts come first."""
        for row in taken.rows[some]:
            for text in (row.body, row.revised):
                if text and text.count:
                    await self._hidden.hold(hidden)
                    if not await self._access.texts.copy(key, text, hidden.key):
                        await self._check(key, row)
        await self._hidden.write(hidden, [_copy(hidden.key, item) for item in taken.items[some]])

    async def _write(self, dead: TurnRow, hidden: Hidden) -> None:
        row = replace(dead, expires=self._access.retention.until(self._access.clock()))
        await self._access.texts.write(hidden.key, row.body, row.expires)
        await self._hidden.write(hidden, [row_key(hidden.key, turn_sk(row.number)) | row.value])

    async def _check(self, key: ThreadKey, row: TurnRow) -> None:
        """A part of this turn is not there: it is damaged, or not what it was.

        :raises NotFound: its thread was deleted meanwhile.
        :raises Busy: it was written anew meanwhile.
        """
        found = await self._access.turns.get(key, row.number)
        if found is None:
            raise NotFound("This conversation was deleted.")
        if found != row:
            raise _changed()

    def _shown(self, hidden: Hidden, thread: ThreadRow, last: TurnRow | None, forked: Forked) -> Item:
        """The new thread's row. It expires no earlier than its turns do, some of which may not."""
        now, until = self._access.clock(), self._access.retention.row(self._access.clock())
        if until is not None:
            until = None if thread.expires is None else max(until, int(thread.expires))
        new = Thread(hidden.key.thread_id, thread.title, now, now)
        return row_of(new, last, context=thread.context, forked=forked, expires=until)


def _changed() -> Busy:
    return Busy("This conversation was changed while it was copied. Send again.")


def _size(row: TurnRow) -> int:
    """Bytes of its texts, as they are stored."""
    texts = [text for text in (row.body, row.revised) if text]
    return sum(text.count * SLICE + len(text.data) for text in texts)


def _copy(key: ThreadKey, item: Item) -> Item:
    copied = {name: value for name, value in item.items() if name not in OF_ITS_OWN}
    return copied | row_key(key, item["sk"]["S"])
