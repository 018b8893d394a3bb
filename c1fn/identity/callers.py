"""Authentication: a request's ASGI scope in, a Caller out. Pure: nothing here does I/O.

The caller is the owner in every key of the store, so another owner's thread cannot be addressed. Each mode is
one function; `compose` chooses it and passes in the functions that do I/O: verifying a token, reading a
secret. An owner's name contains its kind, so that owners of different kinds are never the same.
"""

import hmac
import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from c1fn.errors import TokenRejected, Unauthorized


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a request; ``owner`` is stable for one person or one key.

    ``claims`` are those of a verified token; other modes have none.
    """

    owner: str
    claims: "Claims" = field(default_factory=dict, compare=False, repr=False)


Scope = Mapping[str, Any]
Identify = Callable[[Scope], Awaitable[Caller]]
""":raises Unauthorized: the caller is unknown."""

Claims = Mapping[str, Any]
"""What a token says: https://www.rfc-editor.org/rfc/rfc7519#section-4"""

CHALLENGE = "Bearer"
"""What a caller without a token or a key is told to send (RFC 6750 section 3)."""

SUBJECT = 255
"""Characters of a person's name at its issuer, at most:
https://openid.net/specs/openid-connect-core-1_0.html
"""

_PRINTABLE = frozenset(map(chr, range(0x20, 0x7F)))

ANYBODY = Caller("anybody")
"""The only caller of a service without authentication, such as the local server."""


async def anybody(scope: Scope) -> Caller:  # noqa: ARG001 - the shape of every mode
    """Mode `none`: all requests have the same owner."""
    return ANYBODY


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
        return Caller(
            f"jwt:{self.issuer} {subject}", claims
        )  # no URL has a space: the pair can be read in one way


def by_jwt(trust: Trust, verify: Callable[[str], Awaitable[Claims]], doors: Collection[str] = ()) -> Identify:
    """Mode `jwt`: a person whom an OpenID Connect issuer knows.

    A token in the header ``authorization`` is verified here, also one that API Gateway's authorizer has
    verified before. An authorizer may take its token from somewhere else. Its claims in the event are then
    taken, if the deployment believes that door: who may invoke the function directly can write such an event.
    Issuer, audience and subject are looked at either way.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-integrate-with-cognito.html
    """

    async def identify(scope: Scope) -> Caller:
        if token := _token(_headers(scope)):
            return trust.caller(await verify(token.decode("latin-1")))
        if door_of(scope) in doors and (claims := _from_gateway(scope)):
            return trust.caller(claims)
        raise Unauthorized(challenge=CHALLENGE)

    return identify


def _token(headers: Mapping[bytes, bytes]) -> bytes:
    """A bearer token, or one without a scheme, as API Gateway's authorizers take it too."""
    alone = headers.get(b"authorization", b"").strip()
    return _bearer(headers) or (alone if _COMPACT.fullmatch(alone) else b"")


_COMPACT = re.compile(rb"[\w-]+\.[\w-]+\.[\w-]*")
"""https://www.rfc-editor.org/rfc/rfc7515#section-7.1"""


def _from_gateway(scope: Scope) -> Claims:
    """The claims that a REST API's Cognito authorizer or an HTTP API's JWT authorizer tells, as text."""
    context = mapping(mapping(scope.get("aws.event")).get("requestContext"))
    authorizer = mapping(context.get("authorizer"))
    claims = mapping(mapping(authorizer.get("jwt")).get("claims")) or mapping(authorizer.get("claims"))
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


def door_of(scope: Scope) -> str:
    """How the request reached the function: its entry tells it, from the whole event."""
    door: str = getattr(scope.get("c1fn.origin"), "door", "")
    return door


def _headers(scope: Scope) -> dict[bytes, bytes]:
    return dict(scope["headers"])


def _bearer(headers: Mapping[bytes, bytes]) -> bytes:
    """https://www.rfc-editor.org/rfc/rfc6750#section-2.1"""
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" else b""


def mapping(value: Any) -> Mapping[str, Any]:
    """The value, or an empty mapping for anything else: what a door tells may lack any part."""
    return value if isinstance(value, Mapping) else {}
