"""Clients of AWS's services."""

from pathlib import Path
from typing import Any

import pytest

from c1fn import aws
from c1fn.stores.dynamodb.calls import CONFIG
from scripts import authorities
from tests.secure import certificate


def told(url: str) -> Any:
    keys = {"pk": {"S": "a"}}
    client = aws.client("dynamodb", CONFIG, region_name="eu-west-1", endpoint_url=url)
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
