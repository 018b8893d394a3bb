"""Keys and tokens that nobody was given."""

import base64
import json
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization

from scripts.attack.ledger import Ledger
from scripts.attack.targets import local
from tests.issuer import AUDIENCE, IssuerServer, rsa_key

GOOD_KEY = "a-long-random-key-1"
PATHS = (
    *("/api/threads", "/api/threads/", "//api/threads", "/api//threads", "/api/./threads"),
    *("/healthz/../api/threads", "/api/threads;x=1", "/api/threads%2f", "/API/threads", "/%61pi/threads"),
    *("/api/threads?x=/healthz", "/api/threads#", "/prod/api/threads", "/openapi.json/../api/threads"),
    *("/assets/../api/threads", "/assets/..%2fapi%2fthreads"),
)
"""One list of threads by many names. Who sent no key gets it by none of them."""


async def run(ledger: Ledger, tree: Path) -> None:
    async with IssuerServer() as issuer:
        settings = {"C1FN_AUTH": "jwt", "C1FN_JWT_ISSUER": issuer.url, "C1FN_JWT_AUDIENCE": AUDIENCE}
        async with local(tree, **settings) as server:
            good = await _status(server, {"authorization": f"Bearer {issuer.token()}"})
            ledger.note("a good token is taken: the rest means something", held=good == 200, seen=good)
            for name, token in _forged(issuer):
                status = await _status(server, {"authorization": f"Bearer {token}"})
                ledger.note(f"token: {name}", held=status == 401, seen=status)
    async with local(tree, C1FN_AUTH="key", C1FN_KEYS=json.dumps({"ann": GOOD_KEY})) as server:
        for path in PATHS:
            answer = await server.call("GET", path)
            ledger.note(f"no key, path {path}", held=answer.status_code in (401, 404), seen=answer.text)
        for name, headers in _keys():
            status = await _status(server, headers)
            ledger.note(f"key: {name}", held=status == 401, seen=status)


async def _status(server: Any, headers: dict[str, str]) -> int:
    status: int = (await server.call("GET", "/api/threads", headers=headers)).status_code
    return status


def _keys() -> list[tuple[str, dict[str, str]]]:
    return [
        ("its beginning", {"x-api-key": GOOD_KEY[:-1]}),
        ("with a blank before", {"authorization": f"Basic {GOOD_KEY}"}),
        ("its holder's name", {"x-api-key": "ann"}),
        ("empty", {"x-api-key": ""}),
        ("in capitals", {"x-api-key": GOOD_KEY.upper()}),
        (
            "bearer wrong, x-api-key right (CVE-2026-45339)",
            {"authorization": "Bearer x", "x-api-key": GOOD_KEY},
        ),
        ("in a query's place", {"cookie": f"x-api-key={GOOD_KEY}"}),
    ]


def _forged(issuer: IssuerServer) -> list[tuple[str, str]]:
    key, claims, now = issuer.key, issuer.claims(), int(issuer.claims()["iat"])
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    head = {"kid": issuer.kid}
    unsigned = ".".join([_part({"alg": "none", **head}), _part(claims), ""])
    return [
        ("alg none", unsigned),
        ("alg NoNe", unsigned.replace(_part({"alg": "none", **head}), _part({"alg": "NoNe", **head}))),
        ("HS256 with the public key (CVE-2022-29217)", _hmac(public, claims, head)),
        ("HS256 with the JWK (CVE-2026-48526)", _hmac(json.dumps(issuer.keys[0]).encode(), claims, head)),
        ("an unknown crit header (CVE-2026-32597)", _signed(key, claims, {**head, "crit": ["x"], "x": 1})),
        (
            "a part of the issuer's name (CVE-2024-53861)",
            _signed(key, {**claims, "iss": issuer.url[:-1]}, head),
        ),
        ("a list of issuers", _signed(key, {**claims, "iss": [issuer.url]}, head)),
        ("its own key in the header", _signed(other := rsa_key(), claims, {"jwk": {"kty": "RSA"}})),
        ("another's key", _signed(other, claims, head)),
        ("its own key's address", _signed(other, claims, {**head, "jku": "http://127.0.0.1:1/"})),
        ("a kid that is a path", _signed(other, claims, {"kid": "../../etc/passwd"})),
        ("no kid", _signed(other, claims, {})),
        ("expired", _signed(key, {**claims, "exp": now - 3600}, head)),
        ("not yet", _signed(key, {**claims, "nbf": now + 3600}, head)),
        ("without an end", _signed(key, {k: v for k, v in claims.items() if k != "exp"}, head)),
        ("for another audience", _signed(key, {**claims, "aud": "other"}, head)),
        ("for nobody", _signed(key, {k: v for k, v in claims.items() if k != "aud"}, head)),
        ("of nobody", _signed(key, {**claims, "sub": ""}, head)),
        ("a subject with a line's end", _signed(key, {**claims, "sub": "ann\nbob"}, head)),
        ("a changed payload", issuer.token().replace(".", "." + _part({"sub": "x"}) + "x", 1)),
        ("a changed signature", issuer.token()[:-4] + "AAAA"),
        ("100 KB", "a" * 5000 + "." + "b" * 3000 + ".c"),
    ]


def _signed(key: Any, claims: dict[str, Any], headers: dict[str, Any]) -> str:
    """PyJWT refuses to write some of these itself."""
    return jwt.api_jws.PyJWS().encode(json.dumps(claims).encode(), key, "RS256", headers)


def _hmac(key: bytes, claims: dict[str, Any], headers: dict[str, Any]) -> str:
    import hashlib
    import hmac

    text = f"{_part({'alg': 'HS256', **headers})}.{_part(claims)}"
    digest = hmac.new(key, text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def _part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
