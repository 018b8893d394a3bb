import asyncio
import json
from collections.abc import Mapping
from typing import Any

import boto3
import pytest

from c1fn.identity.secret import AGAIN, Secret, SecretError, read

pytestmark = pytest.mark.usefixtures("aws")

NAME = "THESYS_API_KEY"


def secret(text: str) -> str:
    client: Any = boto3.client("secretsmanager", region_name="eu-west-1")
    arn: str = client.create_secret(Name="c1fn", SecretString=text)["ARN"]
    return arn


def test_a_json_object_is_its_fields() -> None:
    text = json.dumps({NAME: "planted", "C1FN_KEYS": {"ann": "k"}})
    assert read(secret(text), NAME) == {NAME: "planted", "C1FN_KEYS": '{"ann": "k"}'}


def test_plain_text_is_the_models_key() -> None:
    assert read(secret("planted\n"), NAME) == {NAME: "planted"}


def test_a_parameter_of_ssm_does_as_well() -> None:
    client: Any = boto3.client("ssm", region_name="eu-west-1")
    client.put_parameter(Name="/c1fn/key", Value="planted", Type="SecureString")
    assert read("arn:aws:ssm:eu-west-1:123456789012:parameter/c1fn/key", NAME) == {NAME: "planted"}


@pytest.mark.parametrize(
    ("arn", "code"),
    [
        ("arn:aws:secretsmanager:eu-west-1:123456789012:secret:nope", "ResourceNotFoundException"),
        ("arn:aws:ssm:eu-west-1:123456789012:parameter/nope", "ParameterNotFound"),
        ("arn:aws:secretsmanager", "ResourceNotFoundException"),
    ],
)
def test_a_secret_that_is_not_there_is_one_sentence(arn: str, code: str) -> None:
    with pytest.raises(SecretError) as caught:
        read(arn, NAME)
    assert str(caught.value) == f"The secret {arn} cannot be read: {code}."


def test_a_damaged_secret_is_not_repeated() -> None:
    with pytest.raises(SecretError) as caught:
        read(secret('{"planted'), NAME)
    assert "planted" not in f"{caught.value!r}{caught.value.__cause__!r}"
    assert caught.value.__suppress_context__


def test_a_secret_of_bytes_is_one_sentence() -> None:
    client: Any = boto3.client("secretsmanager", region_name="eu-west-1")
    arn = client.create_secret(Name="c1fn", SecretBinary=b"planted")["ARN"]
    with pytest.raises(SecretError, match="is no text"):
        read(arn, NAME)


# --- read again


async def test_a_rotated_secret_is_read_again_but_not_more_than_once_a_minute() -> None:
    arn, now = secret("first"), [1000.0]
    reads: list[str] = []

    def reading() -> Mapping[str, str]:
        reads.append(arn)
        return read(arn, NAME)

    held = Secret({NAME: "first"}, reading, lambda: now[0])
    client: Any = boto3.client("secretsmanager", region_name="eu-west-1")
    client.put_secret_value(SecretId=arn, SecretString="second")
    found = await asyncio.gather(*(held.again() for _ in range(64)))
    assert found == [{NAME: "second"}] * 64
    client.put_secret_value(SecretId=arn, SecretString="third")
    now[0] += AGAIN - 1
    assert await held.again() == {NAME: "second"}
    now[0] += 1
    assert await held.again() == {NAME: "third"}
    assert len(reads) == 2


async def test_a_secret_that_cannot_be_read_again_is_what_it_was(caplog: pytest.LogCaptureFixture) -> None:
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:gone"
    held = Secret({NAME: "planted"}, lambda: read(arn, NAME))
    assert await held.again() == {NAME: "planted"}
    assert caplog.messages == [f"The secret {arn} cannot be read: ResourceNotFoundException."]
