"""The connections to DynamoDB."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from c1fn.errors import StoreUnavailable
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
