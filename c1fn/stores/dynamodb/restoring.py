"""Writes a thread as it was, hidden until all of it is written (see hidden.py)."""

from collections.abc import AsyncIterable
from contextlib import suppress
from dataclasses import dataclass, replace

from c1fn.errors import Busy
from c1fn.stores.dynamodb.access import Access
from c1fn.stores.dynamodb.forked import Forked
from c1fn.stores.dynamodb.hidden import AT_ONCE, Hidden, HiddenThreads, row_of
from c1fn.stores.dynamodb.items import Item, S
from c1fn.stores.dynamodb.keys import ThreadKey, row_key, turn_sk
from c1fn.stores.dynamodb.pack import Packed, pack_text, pack_turn, prompt_hash
from c1fn.stores.dynamodb.rows import TurnRow, feedback_value
from c1fn.stores.owners import Restored
from c1fn.turn import State, Thread, Turn, Until


@dataclass(frozen=True, slots=True)
class Written:
    """The newest turn that was written, and the tokens that it took."""

    row: TurnRow
    context: int


class Restoring:
    """Writes the threads of an export, each hidden until it is complete."""

    def __init__(self, access: Access, hidden: HiddenThreads) -> None:
        self._access = access
        self._hidden = hidden

    async def restore(self, key: ThreadKey, thread: Thread, turns: AsyncIterable[Turn]) -> Restored:
        """See the port."""
        now = self._access.clock()
        if thread.updated <= self._access.retention.oldest(now):
            return "too old"
        row = await self._access.threads.get(key)
        if row and row.is_there(now, self._access.retention):
            return "exists"
        if row and row.is_imported(now):
            raise Busy("This conversation is being restored by another process.")
        hidden = await self._hidden.begin(key, row)
        try:
            await self._hidden.show(hidden, self._shown(thread, await self._turns(hidden, turns)))
        except BaseException:
            with suppress(Exception):  # the owner's next list does it
                await self._hidden.undo(hidden)
            raise
        return "restored"

    async def _turns(self, hidden: Hidden, turns: AsyncIterable[Turn]) -> Written | None:
        """Write the turns that the retention would not hide; the newest of them."""
        last, rows = None, list[Item]()
        async for turn in turns:
            if turn.started <= self._access.retention.oldest(self._access.clock()):
                continue
            row = _packed(hidden.token, turn, last.row.number + 1 if last else 1)
            row = replace(row, expires=self._access.retention.until(turn.started))
            await self._hidden.hold(hidden)
            for text in (row.body, row.revised):
                if text:
                    await self._access.texts.write(hidden.key, text, row.expires)
            rows.append(row_key(hidden.key, turn_sk(row.number)) | _value(row))
            last = Written(row, turn.usage.tokens)
            if len(rows) == AT_ONCE:
                await self._hidden.write(hidden, rows)
                rows = []
        await self._hidden.write(hidden, rows)
        return last

    def _shown(self, thread: Thread, last: Written | None) -> Item:
        """The thread's row. It expires no earlier than its turns do."""
        source = thread.source
        return row_of(
            thread,
            last.row if last else None,
            context=last.context if last else 0,
            forked=Forked(source, Until(source.response_id)) if source else None,
            expires=self._access.retention.row(thread.updated),
        )


def _packed(token: str, turn: Turn, number: int) -> TurnRow:
    attempt = f"{token}-{number}"
    state = State.INTERRUPTED if turn.state is State.RUNNING else turn.state
    revised = None if turn.revised is None else Packed.of(pack_text(turn.revised), f"{attempt}-saved")
    return TurnRow(
        number=number,
        response_id=turn.response_id or attempt,  # a turn that could not be read may have none
        attempt=attempt,
        state=state,
        started=turn.started,
        hash=prompt_hash(turn.prompt),
        body=Packed.of(pack_turn(turn.prompt, turn.reply, turn.usage), attempt),
        revised=revised,
        error=turn.error,
        detail=turn.detail,
        saved=None if revised is None else attempt,
        feedback=turn.feedback,
        rated=None if turn.feedback is None else attempt,
    )


def _value(row: TurnRow) -> Item:
    value = row.value
    if row.revised and row.saved:
        value |= {"revised": row.revised.value, "saved": S(row.saved)}
    if row.feedback and row.rated:
        value |= {"feedback": feedback_value(row.feedback), "rated": S(row.rated)}
    return value
