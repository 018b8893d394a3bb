"""Counts a turn against its owner's quota: one conditional write, and reads only where something is unknown.

The row is first read at half price, beside the calls that open the turn. A turn whose thread has a place
there already may ask the model while it is being counted; any other is counted first. So however many
requests race, no more of them ask the model in vain than an owner has places.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html#WorkingWithItems.ConditionalUpdate
"""

import asyncio
import itertools
from collections.abc import Callable, Iterator

from c1fn.errors import OverQuota, StoreUnavailable, TooManyAtOnce
from c1fn.stores import Quota
from c1fn.stores.dynamodb.calls import Calls, ConditionFailed
from c1fn.stores.dynamodb.rows import Spot, ThreadRow, usage_key
from c1fn.stores.dynamodb.threads import Threads
from c1fn.stores.dynamodb.usage import Count, Entry, Known, UsageRow

ROUNDS = 16
"""Writes of one turn that others may get ahead of. Each that fails tells what another has changed; turns that
only count themselves do not disturb each other."""

EXAMINED = 8
"""Places that one turn looks at, where its owner may run any number at once; otherwise at all. So the places
of turns that are over go faster than new ones come, and a busy owner's turn costs no more for it."""


class Admission:
    def __init__(self, calls: Calls, threads: Threads, clock: Callable[[], float], quota: Quota) -> None:
        self._calls = calls
        self._threads = threads
        self._clock = clock
        self._quota = quota

    async def look(self, owner: str, *, consistent: bool = False) -> UsageRow | None:
        """What the owner used; not consistent: as it was a moment ago, at half price."""
        answer = await self._calls("get_item", Key=usage_key(owner), ConsistentRead=consistent)
        return UsageRow.read(answer["Item"]) if "Item" in answer else None

    def may_run_ahead(self, entry: Entry, seen: UsageRow | None) -> bool:
        """Whether the model may be asked while the turn is being counted."""
        count = Count.of(seen, entry, {}, self._clock())
        return count.mine is not None and count.refusal(self._quota) is None

    async def admit(self, entry: Entry, seen: UsageRow | None) -> None:
        """Count the turn, once.

        :param seen: the row as it was a moment ago. Nobody is refused because of what stood there then.
        :raises OverQuota: its owner may not begin a turn now.
        """
        known: Known = {}
        for attempt in itertools.count():
            if seen is not None:
                await self._examine(entry, seen, known)
            count = Count.of(seen, entry, known, self._clock())
            if count.is_made:
                return
            refusal = count.refusal(self._quota)
            if refusal and attempt and not self._has_more(entry, seen, known, refusal):
                raise refusal
            if attempt == ROUNDS:
                raise StoreUnavailable("This owner's turns begin faster than they can be counted.")
            if refusal:
                seen = await self.look(entry.owner, consistent=True)
                continue
            operation, arguments = count.write(self._quota)
            try:
                await self._calls(operation, ReturnValuesOnConditionCheckFailure="ALL_OLD", **arguments)
            except ConditionFailed as failed:
                seen = UsageRow.read(failed.item) if failed.item else None
            else:
                return

    def _has_more(self, entry: Entry, row: UsageRow | None, known: Known, refusal: OverQuota) -> bool:
        """Whether turns that nobody looked at yet may be over and make room: an owner has more places than
        are allowed if the limit was lowered.
        """
        unknown = _unknown(entry, row, known) if row and isinstance(refusal, TooManyAtOnce) else iter(())
        return next(unknown, None) is not None

    async def _examine(self, entry: Entry, row: UsageRow, known: Known) -> None:
        """Read the threads of other places that nothing is known of."""
        most = max(EXAMINED, self._quota.at_once)
        unknown = list(itertools.islice(_unknown(entry, row, known), most))
        rows = await asyncio.gather(*(self._threads.get(Spot(entry.owner, at)) for at, _ in unknown))
        for (at, attempt), thread in zip(unknown, rows, strict=True):
            known[at, attempt] = thread or ThreadRow(at)


def _unknown(entry: Entry, row: UsageRow, known: Known) -> Iterator[tuple[str, str]]:
    """Other places whose threads were not read yet."""
    others = ((at, place.attempt) for at, place in row.places.items() if at != entry.thread.id)
    return (key for key in others if key not in known)
