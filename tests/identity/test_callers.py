from typing import Any

import pytest

from c1fn.errors import TokenRejected, Unauthorized
from c1fn.identity.callers import ANYBODY, Caller, Trust, anybody, by_iam, by_jwt, by_key

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


POOLED = "arn:aws:sts::123456789012:assumed-role/Signed-in/CognitoIdentityCredentials"
PERSON = "eu-central-1:11111111-2222-3333-4444-555555555555"


@pytest.mark.parametrize(
    "scope",
    [
        url({"userArn": POOLED, "cognitoIdentity": {"identityId": PERSON, "identityPoolId": "p", "amr": []}}),
        rest({"userArn": POOLED, "cognitoIdentityId": PERSON, "apiKeyId": None}),
    ],
)
async def test_a_person_of_an_identity_pool_is_not_the_role_they_all_share(scope: dict[str, Any]) -> None:
    assert await by_iam(scope) == Caller(f"cognito:{PERSON}")


async def test_people_whom_nothing_tells_apart_are_refused() -> None:
    """A function URL does not tell which person of an identity pool has signed."""
    with pytest.raises(Unauthorized, match="identity pool"):
        await by_iam(url({"userArn": POOLED, "cognitoIdentity": None}))


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


async def test_a_key_that_is_new_works_once_the_keys_are_told_again() -> None:
    told = [{"ann": "second"}]

    async def renew() -> dict[str, str]:
        return told.pop()

    identify = by_key({"ann": "first"}, renew)
    assert await identify(with_headers(x_api_key="first")) == Caller("key:ann")
    with pytest.raises(Unauthorized):
        await identify(with_headers())  # no key at all is no reason to ask
    assert await identify(with_headers(x_api_key="second")) == Caller("key:ann")
    assert told == []
    assert await identify(with_headers(x_api_key="second")) == Caller("key:ann")


# --- tokens. What makes one valid is test_oidc.py's business; here it is who is meant.

ISSUER = "https://issuer.example"
CLAIMS: dict[str, Any] = {"iss": ISSUER, "aud": "app", "sub": "ann", "exp": "Tue Nov 24 07:00:00 UTC 2026"}


async def nobody_verifies(token: str) -> Any:
    raise AssertionError(token)


AT_THE_GATEWAY = by_jwt(Trust(ISSUER, frozenset({"app", "app2"})), nobody_verifies)


def by_rest(claims: object) -> dict[str, Any]:
    return {"headers": [], "aws.event": {"requestContext": {"authorizer": {"claims": claims}}}}


def by_http(claims: object) -> dict[str, Any]:
    return {"headers": [], "aws.event": {"requestContext": {"authorizer": {"jwt": {"claims": claims}}}}}


@pytest.mark.parametrize("door", [by_rest, by_http])
@pytest.mark.parametrize(
    "claims",
    [
        CLAIMS,
        {**CLAIMS, "aud": "[other app2]"},
        {**CLAIMS, "aud": ["other", "app"]},
        {"iss": ISSUER, "sub": "ann", "token_use": "access", "client_id": "app"},
    ],
)
async def test_claims_that_api_gateway_verified_are_taken_from_its_event(door: Any, claims: Any) -> None:
    assert await AT_THE_GATEWAY(door(claims)) == Caller(f"jwt:{ISSUER} ann")


@pytest.mark.parametrize("door", [by_rest, by_http])
@pytest.mark.parametrize(
    "claims",
    [
        {**CLAIMS, "iss": "https://issuer.example/"},
        {**CLAIMS, "iss": None},
        {**CLAIMS, "aud": "other"},
        {**CLAIMS, "aud": "[other]"},
        {**CLAIMS, "aud": ["other", ["app"]]},
        {**CLAIMS, "aud": None},
        {**CLAIMS, "sub": ""},
        {**CLAIMS, "sub": None},
        {**CLAIMS, "sub": "a\tb"},
        {"iss": ISSUER, "sub": "ann", "client_id": "app"},
        {"iss": ISSUER, "sub": "ann", "client_id": "app", "token_use": "id"},
        {"iss": ISSUER, "sub": "ann", "client_id": "app", "aud": "other", "token_use": "access"},
    ],
)
async def test_verified_claims_must_still_be_of_this_issuer_for_us(door: Any, claims: Any) -> None:
    """An API may have authorizers of several user pools and apps."""
    with pytest.raises(TokenRejected):
        await AT_THE_GATEWAY(door(claims))


@pytest.mark.parametrize(
    "scope",
    [
        with_headers(claims="{}", x_amzn_oidc_data="x", x_amzn_oidc_identity="ann"),
        by_rest(None),
        by_rest({}),
        by_http("sub=ann"),
        {"headers": [], "aws.event": {"requestContext": {"authorizer": {"lambda": CLAIMS, **CLAIMS}}}},
        {"headers": [], "aws.event": {"authorizer": {"claims": CLAIMS}, "claims": CLAIMS}},
        {"headers": [], "aws.event": None},
        {"headers": [], "aws.event": {"prompt": {}}},
    ],
)
async def test_claims_from_anywhere_else_are_none(scope: dict[str, Any]) -> None:
    with pytest.raises(Unauthorized) as caught:
        await AT_THE_GATEWAY(scope)
    assert (type(caught.value), caught.value.challenge) == (Unauthorized, "Bearer")


async def test_cognitos_access_tokens_name_their_client() -> None:
    async def verify(token: str) -> Any:
        assert token == "a.b.c"
        return {"iss": ISSUER, "sub": "ann", "token_use": "access", "client_id": "app"}

    identify = by_jwt(Trust(ISSUER, frozenset({"app"})), verify)
    assert await identify(with_headers(authorization="Bearer a.b.c")) == Caller(f"jwt:{ISSUER} ann")


async def test_owners_of_different_kinds_never_meet() -> None:
    names = {
        await by_iam(url({"userArn": "ann"})),
        await by_iam(rest({"apiKeyId": "ann"})),
        await by_key({"ann": "k"})(with_headers(x_api_key="k")),
        await AT_THE_GATEWAY(by_rest(CLAIMS)),
        await anybody({}),
    }
    assert len(names) == 5
    assert len({caller.owner.partition(":")[0] for caller in names}) == 5
