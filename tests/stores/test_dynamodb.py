"""The contract, on DynamoDB: moto in process, one call at a time, and a server of its own; through c1fn's own
calls, and through botocore.
"""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any

import pytest
from moto import mock_aws

from c1fn.net.aws import Service
from c1fn.net.aws.client import Client
from c1fn.stores import Quota
from c1fn.stores.dynamodb import DynamoStore, connect, service, table
from tests.stores.clockwork import Clockwork
from tests.stores.contract import Contract
from tests.stores.forks import Forks
from tests.stores.owning import Owning
from tests.stores.reserving import Reserving
from tests.stores.servers import OneAtATime, Shared
from tests.stores.sharing import Sharing
from tests.stores.waiting import Waiting


class OnDynamo:
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
    def way(self, client: Any) -> Callable[[], Service]:
        """How a store's calls get there."""
        return lambda: Shared(client)

    @pytest.fixture
    async def make(
        self, way: Callable[[], Service], name: str, time: Clockwork
    ) -> AsyncGenerator[Callable[[Quota], DynamoStore], None]:
        stores: list[DynamoStore] = []

        def made(quota: Quota) -> DynamoStore:
            stores.append(DynamoStore(way(), name, quota=quota, clock=time.clock, sleep=time.sleep))
            stores[-1]._calls._sleep = asyncio.sleep  # a busy server is asked again in real time
            return stores[-1]

        yield made
        for store in stores:
            await store.aclose()


@pytest.fixture(scope="module")
def in_moto(aws: None) -> Iterator[Any]:  # noqa: ARG001
    with mock_aws():
        yield OneAtATime(connect())


class TestMoto(OnDynamo, Contract, Forks, Owning, Reserving, Sharing, Waiting):
    # What waits for a person needs no write that the others do not make: in moto alone.

    @pytest.fixture
    def client(self, in_moto: Any) -> Any:
        return in_moto


class TestServer(OnDynamo, Contract, Forks, Owning, Reserving, Sharing):
    """What ships: c1fn's own calls."""

    @pytest.fixture
    def client(self, tables: Any) -> Any:
        return tables

    @pytest.fixture
    def way(self, dynamodb: str) -> Callable[[], Service]:
        return lambda: service(dynamodb)

    def test_its_calls_take_the_way_of_a_deployed_function(self, way: Callable[[], Service]) -> None:
        assert isinstance(way(), Client)


class TestBotocore(OnDynamo, Contract):
    """The same server through botocore: the fallback."""

    @pytest.fixture
    def client(self, tables: Any) -> Any:
        return tables
