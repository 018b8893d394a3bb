"""What holds for all tests."""

import signal
from collections.abc import AsyncGenerator

import pytest

from tests.upstream import Upstream

# A shell starts what it puts into the background deaf to Ctrl-C, and that is inherited. The commands under
# test must hear it, wherever the tests were started.
signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["tests.leaks"]


@pytest.fixture
async def upstream() -> AsyncGenerator[Upstream, None]:
    """A model's server, which answers by a script."""
    async with Upstream() as server:
        yield server
