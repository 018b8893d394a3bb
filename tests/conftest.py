"""What holds for all tests."""

import signal
from collections.abc import AsyncGenerator, Generator

import pytest
from moto import mock_aws

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


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Generator[None, None, None]:
    """AWS as moto gives it, in this process."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "k")
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    with mock_aws():
        yield
