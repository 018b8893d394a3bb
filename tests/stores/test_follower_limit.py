"""Followers are counted in their owner's usage row, also through faults."""

import pytest

from c1fn.errors import TooManyAtOnce
from c1fn.stores.dynamodb.follower_limit import FollowerLimit
from c1fn.stores.dynamodb.usage_rows import UsageRows
from tests.stores.clockwork import Clockwork
from tests.stores.machines import Machine


async def test_the_last_place_through_a_lost_reply(one: Machine, time: Clockwork) -> None:
    """Whose reply was lost has the place: it is not refused, and the next one is."""
    followers = FollowerLimit(UsageRows(one.store._calls), time.clock, 2)
    await followers.begin("ann", "first")
    one.sky.at("UpdateItem", one.sky.lost)
    await followers.begin("ann", "second")
    with pytest.raises(TooManyAtOnce):
        await followers.begin("ann", "third")
    await followers.end("ann", "second")
    await followers.begin("ann", "third")
