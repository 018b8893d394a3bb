"""Clients of AWS's services."""

import asyncio
import select
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from c1fn.errors import StoreUnavailable
from c1fn.local.package import authorities
from c1fn.net.aws.boto import Threads, config
from c1fn.startup import KEPT_OPEN, aws
from c1fn.startup.authorities import AuthoritiesUnusable
from c1fn.stores.dynamodb.calls import LIMITS, Calls
from tests.secure import certificate, serving


def told(url: str) -> Any:
    keys = {"pk": {"S": "a"}}
    client = aws.client("dynamodb", config(LIMITS), region_name="eu-west-1", endpoint_url=url)
    try:
        return client.get_item(TableName="abc", Key=keys)["ResponseMetadata"]["HTTPStatusCode"]
    finally:
        client.close()


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(variable, "testing")


def test_a_client_of_aws_trusts_the_folder(trusted: Path, pair: Path, secure_server: str) -> None:
    with pytest.raises(Exception, match="CERTIFICATE_VERIFY_FAILED"):
        told(secure_server)
    authorities.add(pair.read_text(), trusted)
    assert told(secure_server) == 200


def test_a_client_of_aws_trusts_an_operators_own_list_alone(
    trusted: Path, pair: Path, secure_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authorities.add(pair.read_text(), trusted)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate(tmp_path / "other.pem")))
    with pytest.raises(Exception, match="CERTIFICATE_VERIFY_FAILED"):
        told(secure_server)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(pair))
    assert told(secure_server) == 200


@pytest.fixture
def seen(pair: Path, trusted: Path) -> Iterator[tuple[str, list[str]]]:
    """A trusted server's URL, and what it sees. It sends one ticket: on a busy machine a second one may come
    after the first was read, and then the connection counts as ended.
    """
    authorities.add(pair.read_text(), trusted)
    came: list[str] = []
    with serving(pair, came, tickets=1) as url:
        yield url, came


def client_of(url: str) -> Any:
    return aws.client("dynamodb", config(LIMITS), region_name="eu-west-1", endpoint_url=url)


def get(client: Any) -> None:
    client.get_item(TableName="abc", Key={"pk": {"S": "a"}})


def test_a_call_takes_the_connection_that_was_opened_for_it(seen: tuple[str, list[str]]) -> None:
    url, came = seen
    client = client_of(url)
    pool = client._endpoint.http_session._manager.connection_from_url(url)
    connection = pool._get_conn()
    pool._put_conn(connection)
    give = aws.connect(client)
    wait_for(lambda: came == ["connected"])
    select.select([connection.sock], [], [], 5)  # the server's ticket is there: something to read
    give()
    get(client)
    assert came == ["connected", "asked"]
    client.close()


def test_a_connection_that_has_ended_meanwhile_is_not_used(seen: tuple[str, list[str]]) -> None:
    url, came = seen
    client = client_of(url)
    give = aws.connect(client)
    wait_for(lambda: came == ["connected"])
    http = client._endpoint.http_session
    [pool] = http._manager.pools._container.values()
    give()
    waiting = pool._get_conn()
    waiting.sock.shutdown(socket.SHUT_RDWR)  # what a server's going does to it
    aws._give(pool, waiting)
    get(client)
    assert came == ["connected", "connected", "asked"]
    client.close()


def test_a_connection_that_has_waited_long_is_not_used(seen: tuple[str, list[str]]) -> None:
    url, came = seen
    client, now = client_of(url), [1000.0]
    give = aws.connect(client, lambda: now[0])
    wait_for(lambda: came == ["connected"])
    now[0] += KEPT_OPEN
    give()
    get(client)
    assert came == ["connected", "connected", "asked"]
    client.close()


def test_a_server_that_cannot_be_reached_is_met_by_the_call(trusted: Path) -> None:
    assert trusted.exists()
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        url = f"https://127.0.0.1:{nobody.getsockname()[1]}"
    client = client_of(url)
    aws.connect(client)()
    with pytest.raises(EndpointConnectionError):
        get(client)
    client.close()


def test_nothing_is_opened_ahead_through_a_proxy_or_without_tls(
    seen: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, came = seen
    plain = client_of("http://127.0.0.1:9")
    aws.connect(plain)()
    plain.close()
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    client = client_of(url)
    aws.connect(client)()
    client.close()
    assert came == []


def wait_for(done: Callable[[], bool]) -> None:
    while not done():
        threading.Event().wait(0.01)


async def test_a_stores_first_call_takes_the_connection_that_was_opened_ahead(
    pair: Path, trusted: Path
) -> None:
    """A ticket that arrives between the giving and the call would cost a new connection: none is sent."""
    authorities.add(await asyncio.to_thread(pair.read_text), trusted)
    came: list[str] = []
    with serving(pair, came, tickets=0) as url:
        calls = Calls(Threads(client_of(url), 3), "table")
        calls.connect(1)
        await asyncio.to_thread(wait_for, lambda: came == ["connected"])
        await calls("get_item", Key={"pk": {"S": "a"}, "sk": {"S": "b"}})
        assert came == ["connected", "asked"]
        await calls.aclose()


@pytest.mark.usefixtures("trusted")
async def test_a_handshake_that_failed_ahead_is_met_by_the_call(secure_server: str) -> None:
    """The server is not trusted, and urllib3 leaves the socket of a failed handshake with the connection."""
    calls = Calls(Threads(client_of(secure_server), 3), "table", jitter=lambda: 0)
    calls.connect(2)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await calls("get_item", Key={"pk": {"S": "a"}, "sk": {"S": "b"}})
    await calls.aclose()


async def test_connections_that_nobody_used_are_closed_with_the_store(seen: tuple[str, list[str]]) -> None:
    url, came = seen
    calls = Calls(Threads(client_of(url), 3), "table")
    calls.connect(3)
    await calls.aclose()
    assert "asked" not in came


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_certificates_that_cannot_be_read_are_one_sentence(
    monkeypatch: pytest.MonkeyPatch, trusted: Path, variable: str
) -> None:
    monkeypatch.setenv(variable, str(trusted / "missing.pem"))
    with pytest.raises(AuthoritiesUnusable, match=r"^AWS_CA_BUNDLE: .*/missing\.pem\.$"):
        aws.client("dynamodb", config(LIMITS), region_name="eu-west-1")
