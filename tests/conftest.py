"""What holds for all tests."""

import signal
from collections.abc import AsyncGenerator, Generator, Iterator
from pathlib import Path

import hypothesis
import pytest
from moto import mock_aws

from c1fn.startup import VARIABLE, authorities
from tests.secure import certificate, serving
from tests.upstream import Upstream

# A shell starts what it puts into the background deaf to Ctrl-C, and that is inherited. The commands under
# test must hear it, wherever the tests were started.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long one example takes says nothing on a busy machine.
hypothesis.settings.register_profile("c1fn", deadline=None)
hypothesis.settings.load_profile("c1fn")

pytest_plugins = ["tests.leaks"]
pytest.register_assert_rewrite("tests.stores.contract")  # before any test imports it


@pytest.fixture
async def upstream() -> AsyncGenerator[Upstream, None]:
    """A model's server, which answers by a script."""
    async with Upstream() as server:
        yield server


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Generator[None, None, None]:
    """AWS as moto gives it, in this process: under botocore, which this variable means to no purpose."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "k")
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    with mock_aws():
        yield


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package's authorities: none yet."""
    for variable in (*authorities.NAMED, "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    folder = tmp_path / "authorities"
    folder.mkdir()
    monkeypatch.setattr(authorities, "FOLDER", folder)
    return folder


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    return certificate(tmp_path / "server.pem")


@pytest.fixture
def secure_server(pair: Path) -> Iterator[str]:
    with serving(pair) as url:
        yield url
