"""Counts an owner's followers, the requests that wait for a running turn, in the owner's usage row.

A follower adds an entry when it begins and removes it when it ends: two small writes. It runs for at most
``FOLLOWED`` seconds, so the entry of a killed process expires soon after.
"""

import itertools
from collections.abc import Callable
from contextlib import suppress

from c1fn.errors import StoreUnavailable, TooManyAtOnce
from c1fn.stores import FOLLOWED, LEASE
from c1fn.stores.dynamodb.failures import ConditionFailed
from c1fn.stores.dynamodb.items import N, S
from c1fn.stores.dynamodb.usage_row import SETTLED, UsageRow, Write, lend, strange
from c1fn.stores.dynamodb.usage_rows import TRIES, UsageRows


class FollowerLimit:
    """Holds an owner's followers to a number.

    :param at_once: of them, at most.
    """

    def __init__(self, rows: UsageRows, clock: Callable[[], float], at_once: int) -> None:
        self._rows = rows
        self._clock = clock
        self._at_once = at_once

    async def begin(self, owner: str, token: str) -> None:
        """:raises TooManyAtOnce: every place is taken."""
        for _ in range(TRIES):
            now = self._clock()
            place = {"M": {"until": N(now + FOLLOWED + LEASE)}}
            write = Write(
                names={"#mine": token}, values={":place": place, ":at_once": N(self._at_once), ":map": S("M")}
            )
            write.sets.append("#following.#mine = :place")
            write.conditions += ["attribute_type(#following, :map)", "size(#following) < :at_once"]
            try:
                await self._rows.write(owner, write)
            except ConditionFailed as failed:
                row = UsageRow.read(failed.item or {})
                if token not in (row.followers or {}):
                    await self._make_room(owner, row, now)
                    continue
            return
        raise StoreUnavailable("This owner's followers begin faster than they can be counted.")

    async def end(self, owner: str, token: str) -> None:
        """Give the place back."""
        write = Write(removes=["#following.#mine"], names={"#mine": token})
        write.conditions.append("attribute_exists(#following.#mine)")
        with suppress(ConditionFailed):  # done before, or it was taken for dead
            await self._rows.write(owner, write)

    async def _make_room(self, owner: str, row: UsageRow, now: float) -> None:
        """Begin the row's map, take out those whose time is over, or give a time to those that have none.

        :raises TooManyAtOnce: neither is the reason.
        """
        over = {token: place for token, place in (row.followers or {}).items() if place.until <= now}
        unread, write = strange(row.followers), Write()
        if not over and unread:
            write = lend("following", unread, now + FOLLOWED + LEASE)
        elif row.followers is None:
            write.sets.append("#following = :none")
            write.values |= {":none": {"M": {}}, ":map": S("M")}
            write.conditions.append("NOT attribute_type(#following, :map)")
        elif not over:
            raise TooManyAtOnce
        for index, token in enumerate(itertools.islice(over, SETTLED)):
            write.names[f"#s{index}"] = token
            write.values[f":s{index}"] = N(over[token].until)
            write.conditions.append(f"#following.#s{index}.#until = :s{index}")
            write.removes.append(f"#following.#s{index}")
        with suppress(ConditionFailed):  # somebody else did
            await self._rows.write(owner, write)
