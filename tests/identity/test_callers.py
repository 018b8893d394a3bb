from typing import Any

import pytest

from c1fn.errors import TokenRejected, Unauthorized
from c1fn.identity.callers import ANYBODY, Caller, Trust, anybody, by_jwt, by_key
from c1fn.identity.iam import DOORS, by_iam
from c1fn.telemetry.log import Origin
from tests.identity.test_iam import rest, url

KEYS = by_key({"ann": "key-of-ann", "bob": "key-of-bob"})


def with_headers(**headers: str) -> dict[str, Any]:
    return {"headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]}


async def test_where_nobody_is_asked_all_are_one_owner() -> None:
    assert await anybody({}) == ANYBODY


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


TRUST = Trust(ISSUER, frozenset({"app", "app2"}))
AT_THE_GATEWAY = by_jwt(TRUST, nobody_verifies, ["rest-api", "http-api"])


def by_rest(claims: object) -> dict[str, Any]:
    event = {"requestContext": {"authorizer": {"claims": claims}}}
    return {"headers": [], "aws.event": event, "c1fn.origin": Origin(door="rest-api")}


def by_http(claims: object) -> dict[str, Any]:
    event = {"requestContext": {"authorizer": {"jwt": {"claims": claims}}}}
    return {"headers": [], "aws.event": event, "c1fn.origin": Origin(door="http-api")}


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
async def test_claims_that_api_gateway_verified_are_taken_from_its_event_if_its_door_is_believed(
    door: Any, claims: Any
) -> None:
    assert await AT_THE_GATEWAY(door(claims)) == Caller(f"jwt:{ISSUER} ann")


@pytest.mark.parametrize("subject", ["a", "a b~!", "a" * 255])
async def test_a_subject_of_1_to_255_printable_characters_is_an_owner(subject: str) -> None:
    assert await AT_THE_GATEWAY(by_rest({**CLAIMS, "sub": subject})) == Caller(f"jwt:{ISSUER} {subject}")


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
        {**CLAIMS, "sub": "a\x7f"},
        {**CLAIMS, "sub": "a\u00e9"},
        {**CLAIMS, "sub": "a" * 256},
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


@pytest.mark.parametrize("doors", [(), ("function-url",), ("http-api",)])
async def test_claims_that_anybody_may_have_written_are_not_taken(doors: tuple[str, ...]) -> None:
    """Whoever may invoke the function directly writes an event with claims of his own."""
    with pytest.raises(Unauthorized):
        await by_jwt(TRUST, nobody_verifies, doors)(by_rest(CLAIMS))


@pytest.mark.parametrize("sent", ["Bearer a.b.c", "bearer  a.b.c", "a.b.c", " a.b.c "])
async def test_a_token_that_api_gateway_has_verified_is_verified_again(sent: str) -> None:
    async def verify(token: str) -> Any:
        assert token == "a.b.c"
        return {**CLAIMS, "sub": "bob"}

    scope = by_http(CLAIMS) | with_headers(authorization=sent)
    for doors in ((), ("http-api",)):
        assert await by_jwt(TRUST, verify, doors)(scope) == Caller(f"jwt:{ISSUER} bob")


async def test_a_rejected_token_is_not_made_up_for_by_an_event() -> None:
    async def verify(token: str) -> Any:
        raise TokenRejected(f"{len(token)} characters")

    with pytest.raises(TokenRejected):
        await by_jwt(TRUST, verify, ["http-api"])(by_http(CLAIMS) | with_headers(authorization="Bearer x"))


@pytest.mark.parametrize(
    "sent", ["AWS4-HMAC-SHA256 Credential=a.b.c", "Basic a.b.c", "a.b", "a.b.c.d", "..", "a b.c.d"]
)
async def test_what_is_no_token_is_none(sent: str) -> None:
    with pytest.raises(Unauthorized) as caught:
        await by_jwt(TRUST, nobody_verifies)(with_headers(authorization=sent))
    assert caught.value.challenge == "Bearer"


async def test_cognitos_access_tokens_name_their_client() -> None:
    async def verify(token: str) -> Any:
        assert token == "a.b.c"
        return {"iss": ISSUER, "sub": "ann", "token_use": "access", "client_id": "app"}

    identify = by_jwt(Trust(ISSUER, frozenset({"app"})), verify)
    assert await identify(with_headers(authorization="Bearer a.b.c")) == Caller(f"jwt:{ISSUER} ann")


async def test_owners_of_different_kinds_never_meet() -> None:
    names = {
        await by_iam(DOORS)(url({"userArn": "ann"})),
        await by_iam(DOORS)(rest({"apiKeyId": "ann"})),
        await by_key({"ann": "k"})(with_headers(x_api_key="k")),
        await AT_THE_GATEWAY(by_rest(CLAIMS)),
        await anybody({}),
    }
    assert len(names) == 5
    assert len({caller.owner.partition(":")[0] for caller in names}) == 5
