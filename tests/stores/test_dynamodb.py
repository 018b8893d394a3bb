"""The contract, on DynamoDB: moto in process, one call at a time, and a server of its own."""

import uuid
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any

import pytest
from moto import mock_aws

from c1fn.stores import Quota
from c1fn.stores.dynamodb import DynamoStore, connect, table
from tests.stores.clockwork import Clockwork
from tests.stores.contract import Contract
from tests.stores.forks import Forks
from tests.stores.owning import Owning
from tests.stores.reserving import Reserving
from tests.stores.servers import OneAtATime
from tests.stores.sharing import Sharing
from tests.stores.waiting import Waiting


class OnDynamo(Contract, Forks, Owning, Reserving, Sharing):
    @pytest.fixture
    def client(self) -> Any:
        raise NotImplementedError

    @pytest.fixture
    def name(self, client: Any) -> Iterator[str]:
        name = f"c1fn-{uuid.uuid4()}"
        table.create(client, name)
        yield name
        client.delete_table(TableName=name)

    @pytest.fixture
    async def make(
        self, client: Any, name: str, time: Clockwork
    ) -> AsyncGenerator[Callable[[Quota], DynamoStore], None]:
        stores: list[DynamoStore] = []

        def made(quota: Quota) -> DynamoStore:
            stores.append(DynamoStore(client, name, quota=quota, clock=time.clock, sleep=time.sleep))
            return stores[-1]

        yield made
        for store in stores:
            await store.settle()


@pytest.fixture(scope="module")
def in_moto(aws: None) -> Iterator[Any]:  # noqa: ARG001
    with mock_aws():
        yield OneAtATime(connect())


class TestMoto(OnDynamo, Waiting):
    # What waits for a person needs no write that the others do not make: in moto alone.

    @pytest.fixture
    def client(self, in_moto: Any) -> Any:
        return in_moto


class TestServer(OnDynamo):
    @pytest.fixture
    def client(self, tables: Any) -> Any:
        return tables
