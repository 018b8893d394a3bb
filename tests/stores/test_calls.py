"""The connections to DynamoDB."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from c1fn.errors import StoreUnavailable
from c1fn.net.aws import AwsError, Refused, Unreachable
from c1fn.net.aws.boto import Threads
from c1fn.startup import is_plain
from c1fn.stores.dynamodb.calls import Calls, connect, service
from tests.secure import certificate, serving


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with serving(certificate(tmp_path / "server.pem")) as url:
        yield url


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.mark.skipif(is_plain(), reason="botocore's own way reads it at each connection")
async def test_the_list_of_authorities_is_read_when_the_client_is_made_and_not_again(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted = tmp_path / "server.pem"
    monkeypatch.setenv("AWS_CA_BUNDLE", str(trusted))
    through = Threads(connect(server), 1)
    trusted.unlink()
    calls = Calls(through, "table")
    for _ in range(2):  # a connection each
        assert "Item" not in await calls("get_item", Key={"pk": {"S": "a"}, "sk": {"S": "b"}})
    await calls.aclose()


async def test_a_server_that_no_authority_vouches_for_is_not_spoken_to(server: str) -> None:
    async def at_once(_: float) -> None: ...

    calls = Calls(service(server), "table", sleep=at_once)
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        await calls("get_item", Key={"pk": {"S": "a"}, "sk": {"S": "b"}})
    await calls.aclose()


class Failing:
    """A service that fails each call in the same way."""

    def __init__(self, error: AwsError) -> None:
        self._error = error

    async def __call__(self, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        assert (operation, arguments) == ("get_item", {"Key": {}, "TableName": "table"})
        raise self._error

    def connect(self, count: int) -> None: ...

    async def aclose(self) -> None: ...


@pytest.mark.parametrize(
    ("error", "pauses"),
    [
        (Unreachable("ReadError"), [0.05, 0.1, 0.2, 0.4, 0.8]),
        (Refused("InternalServerError", 500), [0.05, 0.1, 0.2, 0.4, 0.8]),
        (Refused("ThrottlingException", 400), [0.5, 1, 1, 1, 1]),
        (Refused("ProvisionedThroughputExceededException", 400), [0.5, 1, 1, 1, 1]),
        (Refused("429", 429), [0.5, 1, 1, 1, 1]),
    ],
    ids=str,
)
async def test_a_table_that_is_asked_too_often_is_given_more_time(
    error: AwsError, pauses: list[float]
) -> None:
    """Its capacity is counted by the second; six tries within half of one would all be refused."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    calls = Calls(Failing(error), "table", sleep=sleep, jitter=lambda: 1.0)
    with pytest.raises(StoreUnavailable):
        await calls("get_item", Key={})
    assert slept == pauses
