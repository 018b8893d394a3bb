from typing import Any

import pytest

from c1fn.auth import ANYBODY, Caller, anybody, by_iam, by_key
from c1fn.errors import Unauthorized

ARN = "arn:aws:iam::123456789012:user/ann"
KEYS = by_key({"ann": "key-of-ann", "bob": "key-of-bob"})


def url(iam: object) -> dict[str, Any]:
    return {"aws.event": {"requestContext": {"authorizer": {"iam": iam}}}}


def rest(identity: object) -> dict[str, Any]:
    return {"aws.event": {"requestContext": {"identity": identity}}}


def with_headers(**headers: str) -> dict[str, Any]:
    return {"headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]}


async def test_where_nobody_is_asked_all_are_one_owner() -> None:
    assert await anybody({}) == ANYBODY


@pytest.mark.parametrize(
    ("scope", "owner"),
    [
        (url({"userArn": ARN, "userId": "AID"}), f"iam:{ARN}"),
        (rest({"userArn": ARN, "apiKeyId": None}), f"iam:{ARN}"),
        (rest({"userArn": None, "apiKeyId": "abc"}), "apikey:abc"),
        ({"aws.event": {"prompt": {}}}, "lambda:invoke"),
    ],
)
async def test_aws_tells_who_it_let_in(scope: dict[str, Any], owner: str) -> None:
    assert await by_iam(scope) == Caller(owner)


@pytest.mark.parametrize(
    "scope",
    [
        {},
        {"aws.event": None},
        url(None),
        url({}),
        url("arn"),
        url({"userArn": ""}),
        url({"userArn": 5}),
        rest({}),
        rest({"userArn": None, "apiKey": "secret"}),
        {"aws.event": {"requestContext": None}},
        {"aws.event": {"requestContext": {"authorizer": {"userArn": ARN}}}},
        {**with_headers(x_amzn_iam_user_arn=ARN), "aws.event": {"requestContext": {}}},
    ],
)
async def test_without_an_identity_of_awss_nobody_gets_in(scope: dict[str, Any]) -> None:
    with pytest.raises(Unauthorized):
        await by_iam(scope)


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer key-of-ann"},
        {"authorization": "bearer  key-of-ann "},
        {"x_api_key": "key-of-ann"},
    ],
)
async def test_a_key_is_its_holder(headers: dict[str, str]) -> None:
    assert await KEYS(with_headers(**headers)) == Caller("key:ann")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": "Bearer key-of-an"},
        {"authorization": "Basic key-of-ann"},
        {"authorization": "key-of-ann"},
        {"x_api_key": "KEY-OF-ANN"},
        {"x_api_key": "ann"},
        {"x_api_key": ""},
        {"authorization": "Bearer wrong", "x_api_key": "key-of-ann"},
        {"x_api_key": "x" * 1_000_000},
    ],
)
async def test_no_other_key_gets_in(headers: dict[str, str]) -> None:
    with pytest.raises(Unauthorized):
        await KEYS(with_headers(**headers))


async def test_owners_of_different_kinds_never_meet() -> None:
    names = {
        await by_iam(url({"userArn": "ann"})),
        await by_iam(rest({"apiKeyId": "ann"})),
        await by_key({"ann": "k"})(with_headers(x_api_key="k")),
    }
    assert len(names) == 3
