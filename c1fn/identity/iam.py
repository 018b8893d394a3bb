"""Who calls, as AWS tells it: the mode `iam`, a request's event in, a Caller out."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from c1fn.errors import Unauthorized
from c1fn.identity.callers import Caller, Identify, Scope, door_of, mapping

DIRECT = "direct"
"""The door of an invocation that is no HTTP request."""

DOORS = ("function-url", "rest-api")
"""The doors that the templates make."""


def by_iam(doors: Collection[str], *, sessions: bool = False) -> Identify:
    """Mode `iam`: the identity that AWS verified before it invoked the function.

    A function URL and an HTTP API tell it in ``authorizer.iam``, a REST API in ``identity``: a signed
    request's user, or the API key that its method requires. Whoever may invoke the function directly can
    write such an event himself, so only the doors that the deployment has are believed, and a direct
    invocation is one owner, whoever sends it. docs/security.md tells what remains.

    All people of a Cognito identity pool sign as one session of one role. APIs tell who of them it is; a
    function URL does not, and there they are refused rather than mixed up.

    :param doors: those whose events are believed.
    :param sessions: whether each session of a role is an owner of its own.

    https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads
    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
    """

    async def identify(scope: Scope) -> Caller:
        event = scope.get("aws.event")
        if not isinstance(event, Mapping):
            raise Unauthorized("No request from AWS: C1FN_AUTH=iam works behind AWS's doors only.")
        if (door := door_of(scope)) == DIRECT:
            return Caller("lambda:invoke")
        if door not in doors:
            raise Unauthorized("C1FN_DOORS does not name the door that this request came through.")
        return _signer(mapping(event.get("requestContext")), sessions=sessions)

    return identify


def _signer(context: Mapping[str, Any], *, sessions: bool) -> Caller:
    signed = mapping(mapping(context.get("authorizer")).get("iam")) or mapping(context.get("identity"))
    signed = {**signed, **mapping(signed.get("cognitoIdentity"))}
    for kind, field in _IDENTITIES:
        if isinstance(name := signed.get(field), str) and name:
            if kind == "iam" and name.endswith(POOLED):
                raise Unauthorized("Which person of the identity pool signed is not told here: use jwt.")
            return Caller(f"{kind}:{_person(name, sessions=sessions) if kind == 'iam' else name}")
    raise Unauthorized


def _person(arn: str, *, sessions: bool) -> str:
    """Whom an ARN stands for. Whoever assumes a role chooses the session's name, and SDKs choose a new one
    each time: a session is nobody in particular, unless the deployment says so. IAM Identity Center's roles
    are assumed by it alone, in the person's name.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns
    https://docs.aws.amazon.com/singlesignon/latest/userguide/using-service-linked-roles.html
    """
    assumed = _ASSUMED.fullmatch(arn)
    if assumed is None or sessions or assumed["name"].startswith("AWSReservedSSO_"):
        return arn
    return assumed["role"]


_ASSUMED = re.compile(r"(?P<role>arn:[\w-]+:sts::\d+:assumed-role/(?P<name>[^/]+))/.+")

POOLED = "/CognitoIdentityCredentials"
"""How the ARN of everybody in an identity pool ends:
https://docs.aws.amazon.com/cognito/latest/developerguide/iam-roles.html"""

_IDENTITIES = (
    ("cognito", "identityId"),  # as an HTTP API names it
    ("cognito", "cognitoIdentityId"),  # as a REST API does
    ("iam", "userArn"),
    ("apikey", "apiKeyId"),  # only told where the method requires a key, which API Gateway has checked
)
