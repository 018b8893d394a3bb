"""Verifies OpenID Connect tokens: a compact JWT in, its verified claims out.

PyJWT verifies; this module fetches and caches the issuer's keys. They are fetched when the first token
arrives, through the issuer's discovery document or from a given address, and again when they are old or a
token names an unknown key. An attacker can name any key, so fetches are rate-limited, and all requests that
wait for a fetch share it. A fetch does not block the event loop, so other turns continue.

A token is never logged, and no error contains one: PyJWT's errors are translated without a cause.

https://openid.net/specs/openid-connect-discovery-1_0.html · https://www.rfc-editor.org/rfc/rfc7517
https://www.rfc-editor.org/rfc/rfc8725 (best practice: one list of algorithms, checked before the key)
"""

import asyncio
import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx2
import jwt

from c1fn.errors import IssuerUnavailable, TokenRejected
from c1fn.startup import log_levels

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Asymmetric ones alone. With a symmetric one, an issuer's public key would be everybody's signing key."""

LEEWAY = 30
"""Seconds that the issuer's clock may differ from ours: both are set by the network, to well below one."""

LONGEST = 16_384
"""Characters of a token that is looked at. With many groups in it, one has 6,000; headers end at 10,240 in
front of a function URL or an API."""

FRESH = 600.0
"""Seconds for which fetched keys are taken as they are, so a withdrawn key is refused after ten minutes."""

STALE = 3600.0
"""Seconds for which they still serve while the issuer cannot be reached: an outage there is not one here."""

AGAIN = 30.0
"""Seconds between two fetches, at least. A new key is known after that; junk costs an issuer two a minute."""

FAILED_AGAIN = 5.0
"""Seconds after a fetch that failed, during which nobody is kept waiting for another."""

PATIENCE = 5.0
"""Seconds for one fetch, discovery included; issuers answer in a tenth of one."""

DOCUMENT = 262_144
"""Bytes of a document from the issuer; the largest seen, with certificates for each key, have 20,000."""

SECURE = re.compile(r"https://[^\s/]+|http://(127\.0\.0\.1|localhost)(:\d+)?(/|$)")
"""Where keys may come from: what comes over plain HTTP could be anybody's, but for this machine's own."""

_log = logging.getLogger(__name__)
log_levels.keep_private()

Claims = Mapping[str, Any]
Key = Mapping[str, Any]


class Issuer:
    """An issuer's keys.

    :param url: the issuer's name, as tokens carry it; its discovery document is below it.
    :param jwks: the address of the keys, instead of discovery.
    :param clock: seconds since the epoch: a monotonic clock may stand still while a function is frozen.
    """

    def __init__(self, url: str, jwks: str | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self.url = url
        self._jwks = jwks
        self._clock = clock
        self._keys: dict[str | None, Key] = {}
        self._fetched = self._next = 0.0
        self._fetching = asyncio.Lock()

    async def key(self, kid: str | None) -> Key | None:
        """The key of this name, a JWK; None when the issuer has none.

        :raises IssuerUnavailable: its keys cannot be had.
        """
        if not self._knows(kid):
            async with self._fetching:
                if not self._knows(kid) and self._clock() >= self._next:
                    await self._fetch()
        if not self._keys or self._age() > STALE:
            raise IssuerUnavailable(retry_after=FAILED_AGAIN)
        return self._keys.get(kid)

    def _knows(self, kid: str | None) -> bool:
        return kid in self._keys and self._age() < FRESH

    def _age(self) -> float:
        return self._clock() - self._fetched

    async def _fetch(self) -> None:
        """Fetch the keys; after a failure the old ones stay."""
        self._next = self._clock() + FAILED_AGAIN
        try:
            async with asyncio.timeout(PATIENCE), httpx2.AsyncClient(timeout=PATIENCE) as client:
                found = _keys(await _get(client, self._jwks or await self._discovered(client)))
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            why = str(error) if isinstance(error, _UnusableError) else type(error).__name__
            _log.warning("the keys of the issuer %s cannot be had: %s", self.url, why)
            return
        self._keys, self._fetched = found, self._clock()
        self._next = self._fetched + AGAIN

    async def _discovered(self, client: httpx2.AsyncClient) -> str:
        about = await _get(client, f"{self.url.rstrip('/')}/.well-known/openid-configuration")
        if about.get("issuer") != self.url:
            raise _UnusableError("its discovery document is another issuer's")
        return str(about.get("jwks_uri"))


class Verifier:
    """Verifies the tokens of one issuer."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer

    async def __call__(self, token: str) -> Claims:
        """The claims of a token that this issuer has signed and that holds now.

        Its audience is not looked at here: who a token is for depends on who asks.

        :raises TokenRejected: why, in words that quote nothing of it.
        :raises IssuerUnavailable: the issuer's keys cannot be had.
        """
        if len(token) > LONGEST:
            raise TokenRejected(f"The token has more than {LONGEST} characters.")
        try:
            header = jwt.get_unverified_header(token)
            if (algorithm := header.get("alg")) not in ALGORITHMS:
                raise TokenRejected("The token's algorithm is not accepted.")
            return await self._verified(token, algorithm, header.get("kid"))
        except (jwt.PyJWTError, ValueError, OverflowError, RecursionError) as error:
            raise _rejection(error) from None

    async def _verified(self, token: str, algorithm: str, kid: str | None) -> Claims:
        key = await self._issuer.key(kid)
        if key is None or key.get("alg", algorithm) != algorithm:
            raise TokenRejected("The token is not signed with a key of its issuer's.")
        claims: Claims = jwt.decode(
            token,
            jwt.PyJWK(dict(key), algorithm),
            algorithms=[algorithm],
            issuer=self._issuer.url,
            leeway=LEEWAY,
            options=_OPTIONS,
        )
        return claims


_OPTIONS: Any = {"require": ["exp", "iss", "sub"], "verify_aud": False, "enforce_minimum_key_length": True}

_WHY: tuple[tuple[type[Exception], str], ...] = (
    (jwt.ExpiredSignatureError, "The token has expired."),
    (jwt.ImmatureSignatureError, "The token is not valid yet."),
    (jwt.InvalidIssuerError, "The token is another issuer's."),
    (jwt.MissingRequiredClaimError, "The token lacks one of the claims exp, iss and sub."),
    (jwt.InvalidSignatureError, "The token is not signed with a key of its issuer's."),
    (jwt.InvalidKeyError, "The token's key is too weak, or not one for its algorithm."),
)


def _rejection(error: Exception) -> TokenRejected:
    return TokenRejected(next((why for kind, why in _WHY if isinstance(error, kind)), None))


class _UnusableError(ValueError):
    """A document that is not what it should be; the message says how, in our words."""


async def _get(client: httpx2.AsyncClient, url: str) -> dict[str, Any]:
    """A JSON object from the issuer. Redirects are not followed: keys come from where the settings say."""
    if not SECURE.match(url):
        raise _UnusableError("its keys are not at an https address")
    body = bytearray()
    async with client.stream("GET", url, headers={"accept": "application/json"}) as response:
        if response.status_code != httpx2.codes.OK:
            raise _UnusableError(f"status {response.status_code}")
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > DOCUMENT:
                raise _UnusableError(f"a document of more than {DOCUMENT} bytes")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _UnusableError("a document that is no JSON object")
    return found


def _keys(document: Mapping[str, Any]) -> dict[str | None, Key]:
    """The keys for signatures, by their names. One without a name is for tokens that name none."""
    listed = document.get("keys")
    found: dict[str | None, Key] = {
        key.get("kid"): key
        for key in (listed if isinstance(listed, list) else [])
        if isinstance(key, dict) and isinstance(key.get("kid"), str | None) and key.get("use", "sig") == "sig"
    }
    if not found:
        raise _UnusableError("a document without keys for signatures")
    return found
