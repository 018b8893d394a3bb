"""A real DynamoDB server for the tests of the store, a process of its own, and credentials for it."""

import os
import uuid
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import pytest

from c1fn.startup import VARIABLE
from c1fn.stores.dynamodb import connect, table
from tests.stores.clockwork import Clockwork
from tests.stores.machines import Machine
from tests.stores.servers import KEYS, SERVER


@pytest.fixture(scope="session")
def aws() -> Iterator[None]:
    """Credentials for emulators, so that nobody's real ones are ever used."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in KEYS.items():
            patch.setenv(name, value)
        patch.delenv(VARIABLE, raising=False)  # faults are injected into c1fn's own calls
        yield


@pytest.fixture(scope="session")
def dynamodb(aws: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:  # noqa: ARG001
    """A running server's URL."""
    with SERVER(tmp_path_factory.mktemp("dynamodb")) as server:
        yield server.url


@pytest.fixture(scope="session")
def tables(dynamodb: str) -> Iterator[Any]:
    """The client that makes a table for each test: to make a client takes 60 ms."""
    client = connect(dynamodb)
    yield client
    client.close()


@pytest.fixture
def endpoint(dynamodb: str, tables: Any) -> Iterator[tuple[str, str]]:
    name = f"c1fn-{uuid.uuid4()}"
    table.create(tables, name)
    yield dynamodb, name
    tables.delete_table(TableName=name)


@pytest.fixture
def time() -> Clockwork:
    return Clockwork()


@pytest.fixture
async def one(endpoint: tuple[str, str], time: Clockwork) -> AsyncGenerator[Machine, None]:
    machine = Machine(endpoint, time)
    yield machine
    await machine.close()


@pytest.fixture
async def other(endpoint: tuple[str, str], time: Clockwork) -> AsyncGenerator[Machine, None]:
    machine = Machine(endpoint, time)
    yield machine
    await machine.close()
