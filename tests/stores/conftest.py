"""A real DynamoDB server for the tests of the store, a process of its own, and credentials for it."""

import uuid
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import pytest

from c1fn.stores.dynamodb import connect, table
from tests.stores.clockwork import Clockwork
from tests.stores.machines import Machine
from tests.stores.servers import SERVER


@pytest.fixture(scope="session")
def aws() -> Iterator[None]:
    """Credentials for emulators, so that nobody's real ones are ever used."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
            patch.setenv(f"AWS_{name}", "testing")
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        patch.delenv("AWS_PROFILE", raising=False)
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
