"""The turn that a prompt resumes, read behind the lock."""

from collections.abc import Sequence

from c1fn.stores import resuming
from c1fn.stores.dynamodb.access import Access
from c1fn.stores.dynamodb.claim import Try
from c1fn.stores.dynamodb.rows import ThreadRow, TurnRow
from c1fn.turn import Turn


async def resumed(
    access: Access, mine: Try, thread: ThreadRow, newest: Sequence[TurnRow], known: TurnRow | None
) -> tuple[Turn | None, Turn | None]:
    """The turn that is resumed, if one is, and what an earlier attempt to do so left.

    :param newest: the newest turn before this one. ``known``: the earlier attempt.
    :raises Refused: it does not wait for this.
    """
    if mine.ask.prompt.resume is None:
        return None, None
    turns = await access.turns.nouns(mine.key, [*newest, *([known] if known else [])])
    before, source = turns[0] if newest else None, thread.forked.source if thread.forked else None
    # The earlier attempt may be one that was refused, and then closed by others: it is checked as it came.
    at = known.started if known else access.clock()
    waiting = resuming.resumed(mine.ask.prompt, before, source, at)
    return waiting, turns[-1] if known and waiting else None
