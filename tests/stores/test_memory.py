"""The contract, on the memory store."""

from collections.abc import Callable

import pytest

from c1fn.stores import Quota
from c1fn.stores.memory import MemoryStore
from tests.stores.clockwork import Clockwork
from tests.stores.contract import Contract
from tests.stores.forks import Forks
from tests.stores.owning import Owning


class TestMemory(Contract, Forks, Owning):
    shared = False

    @pytest.fixture
    def make(self, time: Clockwork) -> Callable[[Quota], MemoryStore]:
        return lambda quota: MemoryStore(quota=quota, clock=time.clock, sleep=time.sleep)
