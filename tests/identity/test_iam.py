from typing import Any

import pytest

from c1fn.errors import Unauthorized
from c1fn.identity.callers import Caller
from c1fn.identity.iam import DOORS, by_iam
from c1fn.telemetry.log import Origin

ARN = "arn:aws:iam::123456789012:user/ann"
identify = by_iam(DOORS)


def through(door: str, context: object) -> dict[str, Any]:
    return {"aws.event": {"requestContext": context}, "c1fn.origin": Origin(door=door)}


def url(iam: object, door: str = "function-url") -> dict[str, Any]:
    return through(door, {"authorizer": {"iam": iam}})


def rest(identity: object) -> dict[str, Any]:
    return through("rest-api", {"identity": identity})


@pytest.mark.parametrize(
    ("scope", "owner"),
    [
        (url({"userArn": ARN, "userId": "AID"}), f"iam:{ARN}"),
        (rest({"userArn": ARN, "apiKeyId": None}), f"iam:{ARN}"),
        (rest({"userArn": None, "apiKeyId": "abc"}), "apikey:abc"),
        ({"aws.event": {"prompt": {}}, "c1fn.origin": Origin(door="direct")}, "lambda:invoke"),
    ],
)
async def test_aws_tells_who_it_let_in(scope: dict[str, Any], owner: str) -> None:
    assert await identify(scope) == Caller(owner)


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
    assert await identify(scope) == Caller(f"cognito:{PERSON}")


@pytest.mark.parametrize("sessions", [True, False])
async def test_people_whom_nothing_tells_apart_are_refused(sessions: bool) -> None:  # noqa: FBT001 - a row
    """A function URL does not tell which person of an identity pool has signed."""
    with pytest.raises(Unauthorized, match="identity pool"):
        await by_iam(DOORS, sessions=sessions)(url({"userArn": POOLED, "cognitoIdentity": None}))


# --- doors: an event is believed only where the deployment has such a door


@pytest.mark.parametrize("door", ["http-api", "alb", "unknown", "local", ""])
async def test_an_identity_from_a_door_that_nobody_named_is_not_believed(door: str) -> None:
    """Whoever may invoke the function directly writes an event with an identity of his own."""
    with pytest.raises(Unauthorized, match="C1FN_DOORS"):
        await identify(url({"userArn": ARN}, door))


async def test_a_door_that_the_deployment_names_is_believed() -> None:
    assert await by_iam(["http-api"])(url({"userArn": ARN}, "http-api")) == Caller(f"iam:{ARN}")
    with pytest.raises(Unauthorized):
        await by_iam(["http-api"])(url({"userArn": ARN}))


async def test_a_direct_invocation_is_one_owner_whatever_its_event_holds() -> None:
    event = {"prompt": {}, "authorizer": {"iam": {"userArn": ARN}}, "identity": {"userArn": ARN}}
    scope = {"aws.event": event, "c1fn.origin": Origin(door="direct")}
    assert await by_iam(())(scope) == Caller("lambda:invoke")


# --- roles: whoever assumes one chooses the session's name

ROLE = "arn:aws:sts::123456789012:assumed-role/app"
SSO = "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Chat_0123456789abcdef"


@pytest.mark.parametrize("session", ["botocore-session-1", "botocore-session-2", "ann@example.com", "a/b"])
async def test_a_role_is_one_owner_under_whatever_session(session: str) -> None:
    """Else threads would vanish at each refresh, and a new name would reset the daily limits."""
    for scope in (url({"userArn": f"{ROLE}/{session}"}), rest({"userArn": f"{ROLE}/{session}"})):
        assert await identify(scope) == Caller(f"iam:{ROLE}")


async def test_a_session_is_an_owner_where_the_deployment_says_so() -> None:
    named = by_iam(DOORS, sessions=True)
    assert await named(url({"userArn": f"{ROLE}/ann"})) == Caller(f"iam:{ROLE}/ann")


async def test_people_of_identity_center_are_told_apart_for_it_alone_names_their_sessions() -> None:
    assert await identify(url({"userArn": f"{SSO}/ann@example.com"})) == Caller(f"iam:{SSO}/ann@example.com")


@pytest.mark.parametrize(
    "arn",
    [
        ARN,
        "arn:aws:iam::123456789012:root",
        "arn:aws:sts::123456789012:federated-user/ann",
        "arn:aws-us-gov:iam::123456789012:user/assumed-role/ann/bob",
        "arn:aws:sts::123456789012:assumed-role/app",
    ],
)
async def test_who_is_no_session_of_a_role_is_himself(arn: str) -> None:
    assert await identify(url({"userArn": arn})) == Caller(f"iam:{arn}")


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
        through("function-url", None),
        through("function-url", {"authorizer": {"userArn": ARN}}),
        {"headers": [(b"x-amzn-iam-user-arn", ARN.encode())], **through("function-url", {})},
        {"aws.event": {"requestContext": {"authorizer": {"iam": {"userArn": ARN}}}}},
    ],
)
async def test_without_an_identity_of_awss_nobody_gets_in(scope: dict[str, Any]) -> None:
    with pytest.raises(Unauthorized):
        await identify(scope)
