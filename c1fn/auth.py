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

from c1fn.errors import Unauthorized


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sends a request; ``owner`` is stable for one person or one key."""

    owner: str


Scope = Mapping[str, Any]
Identify = Callable[[Scope], Awaitable[Caller]]
""":raises Unauthorized: nobody it knows."""

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
    for kind, field in _IDENTITIES:
        if isinstance(name := signed.get(field), str) and name:
            return Caller(f"{kind}:{name}")
    raise Unauthorized


_IDENTITIES = (
    ("iam", "userArn"),
    ("apikey", "apiKeyId"),  # only told where the method requires a key, which API Gateway has checked
)


def by_key(keys: Mapping[str, str]) -> Identify:
    """Mode `key`: a bearer token, or the header `x-api-key`, that is one of these.

    :param keys: each key by the name of who has it; the name is the owner.
    """
    digests = [(name, sha256(key.encode()).digest()) for name, key in keys.items()]

    async def identify(scope: Scope) -> Caller:
        given = sha256(_token(scope)).digest()
        # Every key is compared, in constant time: how long it takes tells nothing.
        found = [name for name, digest in digests if hmac.compare_digest(digest, given)]
        if not found:
            raise Unauthorized
        return Caller(f"key:{found[0]}")

    return identify


def _token(scope: Scope) -> bytes:
    headers: dict[bytes, bytes] = dict(scope["headers"])
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" else headers.get(b"x-api-key", b"")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
