"""Secrets that are read as a deployed function reads them: by c1fn's own client, from servers."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest

from c1fn.identity.secret import LIMITS, PAUSE, SecretError, read, tried
from c1fn.net.aws import AwsError, Refused, Service, Unreachable, choice
from c1fn.net.aws.client import Client
from c1fn.startup import VARIABLE
from tests.stores.servers import KEYS, Ministack

NAME = "THESYS_API_KEY"


class Secrets(Ministack):
    services = "secretsmanager,ssm"

    def _warm(self) -> None:
        """There is nothing to make."""


@pytest.fixture(autouse=True, scope="module")
def keys() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_CA_BUNDLE", VARIABLE):
            patch.delenv(name, raising=False)
        for name, value in KEYS.items():
            patch.setenv(name, value)
        yield


def at(url: str) -> Callable[..., Service]:
    connect = partial(choice.service, endpoint=url)
    assert isinstance(connect("ssm", LIMITS, region="eu-west-1"), Client)
    return connect


def test_a_secret_and_a_parameter_of_a_server(tmp_path: Path) -> None:
    with Secrets(tmp_path) as server:
        client: Any = boto3.client("secretsmanager", "eu-west-1", endpoint_url=server.url)
        arn = client.create_secret(Name="c1fn", SecretString='{"THESYS_API_KEY": "planted"}')["ARN"]
        assert read(arn, NAME, at(server.url)) == {NAME: "planted"}
        client = boto3.client("ssm", "eu-west-1", endpoint_url=server.url)
        client.put_parameter(Name="/c1fn/key", Value="planted", Type="SecureString")
        parameter = "arn:aws:ssm:eu-west-1:000000000000:parameter/c1fn/key"
        assert read(parameter, NAME, at(server.url)) == {NAME: "planted"}
        with pytest.raises(SecretError, match=r"cannot be read: ResourceNotFoundException\.$"):
            read(f"{arn}x", NAME, at(server.url))


class Failing:
    """A service that fails each time, and is told what for."""

    def __init__(self, *errors: AwsError) -> None:
        self.errors = list(errors)

    async def __call__(self, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        if self.errors:
            raise self.errors.pop(0)
        return {operation: arguments}

    def connect(self, count: int) -> None:
        raise NotImplementedError

    async def aclose(self) -> None:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("errors", "pauses", "left"),
    [
        ([Unreachable("x")] * 2, [PAUSE, 2 * PAUSE], 0),
        ([Unreachable("x")] * 4, [PAUSE, 2 * PAUSE], 1),
        ([Refused("AccessDeniedException", 400)] * 2, [], 1),
    ],
)
async def test_it_is_tried_three_times_at_most(
    errors: list[AwsError], pauses: list[float], left: int
) -> None:
    service, slept = Failing(*errors), list[float]()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    if left:
        with pytest.raises(type(errors[0])):
            await tried(service, "get_parameter", {}, sleep)
    else:
        assert await tried(service, "get_parameter", {}, sleep) == {"get_parameter": {}}
    assert (slept, len(service.errors)) == (pauses, left)
