"""The contract, on the memory store."""

import pytest

from c1fn.stores.memory import MemoryStore
from tests.stores.clockwork import Clockwork
from tests.stores.contract import Contract


class TestMemory(Contract):
    @pytest.fixture
    def store(self, time: Clockwork) -> MemoryStore:
        return MemoryStore(clock=time.clock, sleep=time.sleep)
