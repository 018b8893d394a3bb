"""The port ``Threads``: list, create, load, rename and delete threads, and save the state of forms."""

from c1fn.errors import NotFound
from c1fn.stores import kilobytes
from c1fn.stores.cursor import decode, encode
from c1fn.stores.dynamodb.access import Access
from c1fn.stores.dynamodb.calls import Calls
from c1fn.stores.dynamodb.deletion import Deletion
from c1fn.stores.dynamodb.following import Following
from c1fn.stores.dynamodb.keys import ThreadKey
from c1fn.stores.dynamodb.lock import Lock
from c1fn.stores.dynamodb.pack import pack_text
from c1fn.stores.dynamodb.rows import ThreadRow, TurnRow
from c1fn.stores.dynamodb.turn_rows import TORN
from c1fn.turn import Feedback, Page, Thread, Turn, Until


class DynamoThreads:
    """``Threads`` in DynamoDB."""

    def __init__(self, access: Access, deletion: Deletion, following: Following, calls: Calls) -> None:
        self._access = access
        self._deletion = deletion
        self._following = following
        self._calls = calls

    async def page(self, owner: str, *, cursor: str | None, limit: int) -> Page:
        """In the order of quarters of an hour, and exactly within a page. Deletions that broke off, and that
        are met on the way, go on in the background.
        """
        await self._access.later.settled(owner)
        after = decode(cursor) if cursor is not None else None
        listed = await self._access.threads.page(owner, after, limit + 1)
        for row in listed.unswept:
            key = ThreadKey(owner, row.id)
            self._access.later.do(key, self._deletion.sweep(key, row))
        now, page = self._access.clock(), listed.shown[:limit]
        threads = sorted((row.noun(now) for row in page), key=lambda one: (one.updated, one.id), reverse=True)
        more = len(listed.shown) > limit
        return Page(tuple(threads), encode(page[-1].slot or 0, page[-1].id) if more else None)

    async def create(self, owner: str, thread_id: str, title: str) -> Thread:
        key = ThreadKey(owner, thread_id)
        await self._access.write_quota.count(owner, kilobytes(title))
        row = await self._access.threads.create(key, title)
        if not self._is_there(row):
            await self._deletion.begin_again(key, row, title)
            row = await self._existing(key)
        return row.noun(self._access.clock())

    async def load(
        self, owner: str, thread_id: str, *, before: int | None = None, limit: int | None = None
    ) -> tuple[Turn, ...]:
        await self._access.later.settled(owner, thread_id)
        key, rows = ThreadKey(owner, thread_id), list[TurnRow]()
        for _ in range(TORN):
            thread = await self._existing(key)
            key = key.of(thread)
            rows = await self._access.turns.older(key, before, limit)
            turns = await self._turns_of(key, thread, rows, before)
            torn = _lacks_some(rows, thread, before) and await self._access.threads.is_gone(key)
            if turns is not None and not torn:
                return turns if limit is None else turns[max(0, len(turns) - limit) :]
        return await self._access.turns.nouns(key, rows)

    async def _turns_of(
        self, key: ThreadKey, thread: ThreadRow, rows: list[TurnRow], before: int | None
    ) -> tuple[Turn, ...] | None:
        """The turns of these rows, and the one that runs; None: that one's prompt is not there, because it is
        being written, or is over.
        """
        lock, number = thread.lock, thread.running_number
        unknown = not lock or not lock.attempt or (before is not None and number >= before)
        if not lock or unknown or any(_is_of(row, lock) for row in rows):
            return await self._access.turns.nouns(key, rows)
        if lock.replaces is None and rows and rows[0].number > 1:
            known = await self._access.turns.find(key, lock.response_id)
            if known:  # this lock is of a replay, or its turn is over
                return await self._access.turns.nouns(key, rows) if known.number < number else None
        earlier = [row for row in rows if row.number < number]
        running = await self._following.shown(key, lock, thread)
        return (*await self._access.turns.nouns(key, earlier), running) if running else None

    async def rename(self, owner: str, thread_id: str, title: str) -> Thread:
        key = ThreadKey(owner, thread_id)
        found = await self._existing(key)
        await self._access.write_quota.count(owner, kilobytes(title))
        renamed = await self._access.threads.rename(key, found, title, self._access.token())
        if renamed is None:
            raise NotFound("There is no such conversation.")
        return renamed.noun(self._access.clock())

    async def retitle(self, owner: str, thread_id: str, old: str, new: str) -> None:
        await self._access.threads.retitle(ThreadKey(owner, thread_id), old, new)

    async def delete(self, owner: str, thread_id: str) -> None:
        await self._access.later.settled(owner, thread_id)
        key = ThreadKey(owner, thread_id)
        row = await self._access.threads.get(key)
        if row is None or not (row.sweep or self._is_there(row)):
            raise NotFound("There is no such conversation.")
        await self._deletion.delete(key, row)

    async def fork(self, owner: str, thread_id: str, new_id: str, until: Until) -> Thread:
        await self._access.later.settled(owner, thread_id)
        await self._access.later.settled(owner, new_id)
        from c1fn.stores.dynamodb.forking import Forking  # late: most processes fork nothing

        forking = Forking(self._access, self._deletion, self._following, self._calls)
        row = await forking.fork(ThreadKey(owner, thread_id), ThreadKey(owner, new_id), until)
        return row.noun(self._access.clock())

    async def revise(self, owner: str, thread_id: str, response_id: str, content: str) -> None:
        await self._access.later.settled(owner, thread_id)
        sight = await self._following.look(owner, thread_id, response_id)
        if sight.row is None:
            raise NotFound("There is no such finished turn.")
        await self._access.write_quota.count(owner, kilobytes(content))
        turns, saved = self._access.turns, self._access.token()
        if not await turns.revise(sight.key, sight.row, pack_text(content), saved):
            raise NotFound("There is no such finished turn.")

    async def rate(self, owner: str, thread_id: str, response_id: str, feedback: Feedback | None) -> None:
        await self._access.later.settled(owner, thread_id)
        sight = await self._following.look(owner, thread_id, response_id)
        if sight.row is None:
            raise NotFound("There is no such finished turn.")
        await self._access.write_quota.count(owner, kilobytes((feedback and feedback.comment) or ""))
        if not await self._access.turns.rate(sight.key, sight.row, feedback, self._access.token()):
            raise NotFound("There is no such finished turn.")

    def _is_there(self, row: ThreadRow) -> bool:
        return row.is_there(self._access.clock(), self._access.retention)

    async def _existing(self, key: ThreadKey) -> ThreadRow:
        row = await self._access.threads.get(key)
        if row is None or not self._is_there(row):
            raise NotFound("There is no such conversation.")
        return row


def _is_of(row: TurnRow, lock: Lock) -> bool:
    """Whether the row is what became of the turn that the lock is for."""
    return row.response_id == lock.response_id and row.attempt != lock.replaces


def _lacks_some(rows: list[TurnRow], thread: ThreadRow, before: int | None) -> bool:
    """Whether there should be a newer turn than these, or one between them."""
    newest = thread.n if before is None else min(thread.n, before - 1)
    if newest > 0 and (not rows or rows[-1].number < newest):
        return True
    return bool(rows) and rows[-1].number - rows[0].number >= len(rows)
