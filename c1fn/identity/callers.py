"""Who calls: a request's ASGI scope in, a Caller out. Pure: nothing here does I/O.

The caller is the owner in every key of the store, so another owner's thread cannot even be named. Each mode
is one function; `compose` chooses, and passes in what a mode has to wait for: the verifying of a token, the
reading of a secret. An owner's name carries its kind, so that no two kinds can meet.
"""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from c1fn.errors import TokenRejected, Unauthorized


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sends a request; ``owner`` is stable for one person or one key."""

    owner: str


Scope = Mapping[str, Any]
Identify = Callable[[Scope], Awaitable[Caller]]
""":raises Unauthorized: nobody it knows."""

Claims = Mapping[str, Any]
"""What a token says: https://www.rfc-editor.org/rfc/rfc7519#section-4"""

CHALLENGE = "Bearer"
"""What a caller without a token or a key is told to send (RFC 6750 section 3)."""

SUBJECT = 255
"""Characters of a person's name at its issuer, at most: https://openid.net/specs/openid-connect-core-1_0.html"""

_PRINTABLE = frozenset(map(chr, range(0x20, 0x7F)))

ANYBODY = Caller("anybody")
"""The one caller of a service that asks nobody who they are: the local server."""


async def anybody(scope: Scope) -> Caller:  # noqa: ARG001 - the shape of every mode
    """Mode `none`: all requests are one owner's."""
    return ANYBODY


async def by_iam(scope: Scope) -> Caller:
    """Mode `iam`: the identity that AWS verified before it invoked the function.

    A function URL and an HTTP API tell it in ``authorizer.iam``, a REST API in ``identity``: a signed
    request's user, or the API key that its method requires. A direct invocation has passed IAM too; its
    event has no identity.

    All people of a Cognito identity pool sign as one session of one role. APIs tell who of them it is; a
    function URL does not, and there they are refused rather than mixed up.

    https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads
    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
    """
    event = scope.get("aws.event")
    if not isinstance(event, Mapping):
        raise Unauthorized("No request from AWS: C1FN_AUTH=iam works behind AWS's doors only.")
    if "requestContext" not in event:
        return Caller("lambda:invoke")
    context = _mapping(event["requestContext"])
    signed = _mapping(_mapping(context.get("authorizer")).get("iam")) or _mapping(context.get("identity"))
    signed = {**signed, **_mapping(signed.get("cognitoIdentity"))}
    for kind, field in _IDENTITIES:
        if isinstance(name := signed.get(field), str) and name:
            if kind == "iam" and name.endswith(POOLED):
                raise Unauthorized("Which person of the identity pool signed is not told here: use jwt.")
            return Caller(f"{kind}:{name}")
    raise Unauthorized


POOLED = "/CognitoIdentityCredentials"
"""How the ARN of everybody in an identity pool ends:
https://docs.aws.amazon.com/cognito/latest/developerguide/iam-roles.html"""

_IDENTITIES = (
    ("cognito", "identityId"),  # as an HTTP API names it
    ("cognito", "cognitoIdentityId"),  # as a REST API does
    ("iam", "userArn"),
    ("apikey", "apiKeyId"),  # only told where the method requires a key, which API Gateway has checked
)


def by_key(
    keys: Mapping[str, str], renew: Callable[[], Awaitable[Mapping[str, str]]] | None = None
) -> Identify:
    """Mode `key`: a bearer token, or the header `x-api-key`, that is one of these.

    :param keys: each key by the name of who has it; the name is the owner.
    :param renew: tells the keys as they are now, when a key is not among those that were known.
    """
    known = _digests(keys)

    async def identify(scope: Scope) -> Caller:
        nonlocal known
        headers = _headers(scope)
        key = _bearer(headers) or headers.get(b"x-api-key", b"")
        holder = _holder(known, key)
        if key and holder is None and renew is not None:
            known = _digests(await renew())
            holder = _holder(known, key)
        if holder is None:
            raise Unauthorized(challenge=CHALLENGE)
        return Caller(f"key:{holder}")

    return identify


def _digests(keys: Mapping[str, str]) -> list[tuple[str, bytes]]:
    return [(name, sha256(key.encode()).digest()) for name, key in keys.items()]


def _holder(known: list[tuple[str, bytes]], key: bytes) -> str | None:
    given = sha256(key).digest()
    # Every key is compared, in constant time: how long it takes tells nothing.
    found = [name for name, digest in known if hmac.compare_digest(digest, given)]
    return found[0] if found else None


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose tokens are taken, and for whom they must be."""

    issuer: str
    audiences: frozenset[str]

    def caller(self, claims: Claims) -> Caller:
        """Whom verified claims speak of.

        :raises TokenRejected: they are another issuer's, or for somebody else, or name nobody.
        """
        if claims.get("iss") != self.issuer:
            raise TokenRejected("The token is another issuer's.")
        if self.audiences.isdisjoint(_audience(claims)):
            raise TokenRejected("The token is for another audience.")
        subject = claims.get("sub")
        if not (isinstance(subject, str) and 0 < len(subject) <= SUBJECT and _PRINTABLE.issuperset(subject)):
            raise TokenRejected(f"The token's claim sub is not a name of 1 to {SUBJECT} ASCII characters.")
        return Caller(f"jwt:{self.issuer} {subject}")  # no URL has a space: the pair can be read in one way


def by_jwt(trust: Trust, verify: Callable[[str], Awaitable[Claims]]) -> Identify:
    """Mode `jwt`: a person whom an OpenID Connect issuer knows.

    Claims that API Gateway's authorizer has verified are taken from its event, never from a header; without
    them, ``verify`` verifies a bearer token. Issuer, audience and subject are looked at either way.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-integrate-with-cognito.html
    """

    async def identify(scope: Scope) -> Caller:
        claims: Claims = _from_gateway(scope)
        if not claims:
            token = _bearer(_headers(scope))
            if not token:
                raise Unauthorized(challenge=CHALLENGE)
            claims = await verify(token.decode("latin-1"))
        return trust.caller(claims)

    return identify


def _from_gateway(scope: Scope) -> Claims:
    """The claims that a REST API's Cognito authorizer or an HTTP API's JWT authorizer tells, as text."""
    context = _mapping(_mapping(scope.get("aws.event")).get("requestContext"))
    authorizer = _mapping(context.get("authorizer"))
    claims = _mapping(_mapping(authorizer.get("jwt")).get("claims")) or _mapping(authorizer.get("claims"))
    audience = claims.get("aud")
    if isinstance(audience, str) and audience.startswith("["):  # an HTTP API's way to write a list: [a b]
        return {**claims, "aud": audience.strip("[]").split()}
    return claims


def _audience(claims: Claims) -> set[str]:
    """Whom the token is for. Cognito's access tokens name the app's client instead.

    https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html
    """
    named = claims.get("aud")
    if named is None and claims.get("token_use") == "access":
        named = claims.get("client_id")
    return {one for one in (named if isinstance(named, list) else [named]) if isinstance(one, str)}


def _headers(scope: Scope) -> dict[bytes, bytes]:
    return dict(scope["headers"])


def _bearer(headers: Mapping[bytes, bytes]) -> bytes:
    """https://www.rfc-editor.org/rfc/rfc6750#section-2.1"""
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" else b""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
