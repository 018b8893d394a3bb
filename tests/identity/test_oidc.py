"""Tokens: each way to be wrong is refused by its own rule; keys are fetched as seldom as they can be."""

import asyncio
import base64
import json
import logging
import time
from collections.abc import AsyncGenerator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from c1fn import compose
from c1fn.errors import IssuerUnavailable, TokenRejected
from c1fn.identity import oidc
from c1fn.identity.oidc import AGAIN, FAILED_AGAIN, FRESH, LEEWAY, LONGEST, STALE, Issuer, Verifier
from c1fn.settings import Settings
from tests.asgi import Client, Exchange, client_of
from tests.issuer import AUDIENCE, HOUR, IssuerServer, public_jwk, rsa_key

LACKING = "The token lacks one of the claims exp, iss and sub."


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def issuer() -> AsyncGenerator[IssuerServer, None]:
    async with IssuerServer() as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def verify(issuer: IssuerServer, clock: Clock) -> Verifier:
    return Verifier(Issuer(issuer.url, clock=clock))


@pytest.fixture
async def client(issuer: IssuerServer) -> AsyncGenerator[Client, None]:
    """The whole service, set up by settings alone."""
    environ = {"C1FN_AUTH": "jwt", "C1FN_JWT_ISSUER": issuer.url, "C1FN_JWT_AUDIENCE": f"other, {AUDIENCE}"}
    async with client_of(compose.web_app(compose.settle(Settings.read(environ), {}))) as client:
        yield client


async def call(client: Client, token: str) -> Exchange:
    return await client.get("/api/threads", headers={"authorization": f"Bearer {token}"})


async def refused(client: Client, token: str) -> str:
    """Why, after everything was checked that must hold for every refused token."""
    answer = await call(client, token)
    assert (answer.status, answer.json["code"]) == (401, "invalid_token")
    why: str = answer.json["detail"]
    challenge = f'Bearer error="invalid_token", error_description="{why}"'
    assert answer.headers["www-authenticate"] == challenge
    return why


# --- Show 2: each by its own test


async def test_a_good_token_is_its_subject(client: Client, issuer: IssuerServer) -> None:
    assert (await call(client, issuer.token())).status == 200


async def test_an_expired_token_is_refused(client: Client, issuer: IssuerServer) -> None:
    token = issuer.token(exp=int(time.time()) - LEEWAY - 5)
    assert await refused(client, token) == "The token has expired."


async def test_a_token_that_is_not_valid_yet_is_refused(client: Client, issuer: IssuerServer) -> None:
    token = issuer.token(nbf=int(time.time()) + LEEWAY + 60)
    assert await refused(client, token) == "The token is not valid yet."


async def test_the_clocks_may_differ_by_the_leeway(client: Client, issuer: IssuerServer) -> None:
    now = int(time.time())
    assert (await call(client, issuer.token(exp=now - 1, nbf=now + 1, iat=now + 1))).status == 200


async def test_another_issuers_token_is_refused(client: Client, issuer: IssuerServer) -> None:
    token = issuer.token(iss="https://other.example")
    assert await refused(client, token) == "The token is another issuer's."


async def test_a_token_for_another_audience_is_refused(client: Client, issuer: IssuerServer) -> None:
    for audience in "the-app2", ["a", "b"], [], [5]:
        assert await refused(client, issuer.token(aud=audience)) == "The token is for another audience."


async def test_a_token_for_nobody_is_refused(client: Client, issuer: IssuerServer) -> None:
    assert await refused(client, issuer.token(aud=None)) == "The token is for another audience."


async def test_one_of_several_audiences_is_enough(client: Client, issuer: IssuerServer) -> None:
    assert (await call(client, issuer.token(aud=["x", AUDIENCE]))).status == 200


async def test_a_token_of_the_algorithm_none_is_refused(client: Client, issuer: IssuerServer) -> None:
    unsigned = assembled({"alg": "none", "kid": "first"}, issuer.claims())
    assert await refused(client, unsigned) == "The token's algorithm is not accepted."
    for spelled in "None", "NONE", "", None, 5, ["RS256"]:
        forged = assembled({"alg": spelled, "kid": "first"}, issuer.claims())
        assert await refused(client, forged) in (
            "The token's algorithm is not accepted.",
            "The token is malformed.",
        )


async def test_hs256_with_the_public_key_as_secret_is_refused(client: Client, issuer: IssuerServer) -> None:
    for form in serialization.PublicFormat.SubjectPublicKeyInfo, serialization.PublicFormat.PKCS1:
        public = issuer.key.public_key().public_bytes(serialization.Encoding.PEM, form)
        signing = assembled({"alg": "HS256", "kid": "first"}, issuer.claims()).removesuffix(".")
        signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(
            signing.encode(), public
        )
        assert await refused(client, f"{signing}.{b64(signature)}") == (
            "The token's algorithm is not accepted."
        )


async def test_a_symmetric_key_among_the_issuers_is_never_used(client: Client, issuer: IssuerServer) -> None:
    secret = b"s" * 32
    issuer.keys.append({"kty": "oct", "kid": "shared", "k": b64(secret)})
    token = jwt.encode(issuer.claims(), secret, "HS256", {"kid": "shared"})
    assert await refused(client, token) == "The token's algorithm is not accepted."
    relabelled = assembled({"alg": "RS256", "kid": "shared"}, issuer.claims(), b"x")
    assert await refused(client, relabelled) == "The token's key is too weak, or not one for its algorithm."


async def test_an_unknown_kid_is_refused(client: Client, issuer: IssuerServer) -> None:
    forged = issuer.token(key=rsa_key(), kid="unknown")
    assert await refused(client, forged) == "The token is not signed with a key of its issuer's."


async def test_another_key_under_a_known_kid_is_refused(client: Client, issuer: IssuerServer) -> None:
    forged = issuer.token(key=rsa_key(), kid="first")
    assert await refused(client, forged) == "The token is not signed with a key of its issuer's."


async def test_a_rotated_key_works_and_the_withdrawn_one_is_refused(
    verify: Verifier, issuer: IssuerServer, clock: Clock
) -> None:
    old = issuer.token()
    await verify(old)
    issuer.rotate("second", withdraw=True)
    clock.now += AGAIN
    assert (await verify(issuer.token()))["sub"] == "ann"
    with pytest.raises(TokenRejected, match="not signed with a key of its issuer's"):
        await verify(old)


async def test_a_withdrawn_key_is_refused_once_the_keys_are_old(
    verify: Verifier, issuer: IssuerServer, clock: Clock
) -> None:
    old = issuer.token()
    await verify(old)
    issuer.rotate("second", withdraw=True)
    clock.now += FRESH - 1
    await verify(old)
    clock.now += 1
    with pytest.raises(TokenRejected):
        await verify(old)


async def test_a_token_of_a_megabyte_is_refused_before_it_is_read(
    client: Client, issuer: IssuerServer
) -> None:
    for long in "x" * 1_000_000, issuer.token(more="x" * 1_000_000), ("e30." * 250_000):
        assert await refused(client, long) == f"The token has more than {LONGEST} characters."
    assert issuer.fetched == 0


async def test_a_token_and_a_document_may_be_exactly_as_long_as_their_limits(
    client: Client, verify: Verifier, issuer: IssuerServer
) -> None:
    assert await refused(client, "x" * LONGEST) == "The token is malformed."
    both = {"issuer": issuer.url, "jwks_uri": f"{issuer.url}/keys", "keys": issuer.keys}
    issuer.body = json.dumps(both).encode().ljust(oidc.DOCUMENT)
    assert (await verify(issuer.token()))["sub"] == "ann"


@pytest.mark.parametrize(
    "garbage",
    ["x", ".", "..", "...", "a.b.c", "e30.e30.e30", "\xff.\xff.\xff", "bnVsbA.e30.", "W10.W10.W10"],
)
async def test_garbage_is_refused(client: Client, issuer: IssuerServer, garbage: str) -> None:
    assert await refused(client, garbage) in (
        "The token is malformed.",
        "The token's algorithm is not accepted.",
    )
    assert issuer.fetched == 0


async def test_a_signed_token_with_strange_claims_is_refused(client: Client, issuer: IssuerServer) -> None:
    strange: list[dict[str, Any]] = [
        {"exp": "soon"},
        {"exp": True},
        {"nbf": []},
        {"iat": "x"},
        {"exp": 1e400},
        {"exp": -1},
    ]
    for changes in strange:
        await refused(client, issuer.token(**changes))
    for payload in "[]", "5", "{", "[" * 5000:
        await refused(client, signed(issuer, payload.encode()))


async def test_a_token_without_a_subject_is_refused(client: Client, issuer: IssuerServer) -> None:
    assert await refused(client, issuer.token(sub=None)) == LACKING
    for subject in "", 5, ["ann"], "a" * 256, "a\nb", "é":
        await refused(client, signed(issuer, json.dumps(issuer.claims(sub=subject)).encode()))


async def test_a_token_without_an_end_is_refused(client: Client, issuer: IssuerServer) -> None:
    assert await refused(client, issuer.token(exp=None)) == LACKING


async def test_a_token_without_an_issuer_is_refused(client: Client, issuer: IssuerServer) -> None:
    assert await refused(client, issuer.token(iss=None)) == LACKING


async def test_a_changed_claim_breaks_the_signature(client: Client, issuer: IssuerServer) -> None:
    head, _, signature = issuer.token().split(".")
    forged = f"{head}.{b64(json.dumps(issuer.claims(sub='bob')).encode())}.{signature}"
    assert await refused(client, forged) == "The token is not signed with a key of its issuer's."


async def test_a_critical_extension_nobody_knows_is_refused(client: Client, issuer: IssuerServer) -> None:
    token = jwt.encode(issuer.claims(), issuer.key, "RS256", {"kid": "first", "crit": ["x"], "x": 1})
    assert await refused(client, token) == "The token is malformed."


async def test_without_a_token_a_caller_is_told_to_send_one(client: Client) -> None:
    for headers in {}, {"authorization": "Basic x"}, {"authorization": "Bearer "}, {"x-api-key": "k"}:
        answer = await client.get("/api/threads", headers=headers)
        assert (answer.status, answer.json["code"]) == (401, "unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"


# --- keys


RSA = rsa_key()


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        *((f"{kind}{bits}", RSA) for kind in ("RS", "PS") for bits in (256, 384, 512)),
        ("ES256", ec.generate_private_key(ec.SECP256R1())),
        ("ES384", ec.generate_private_key(ec.SECP384R1())),
        ("ES512", ec.generate_private_key(ec.SECP521R1())),
        ("EdDSA", ed25519.Ed25519PrivateKey.generate()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_every_asymmetric_algorithm_is_accepted(
    verify: Verifier, issuer: IssuerServer, algorithm: str, key: Any
) -> None:
    issuer.keys = [public_jwk(key, "k")]
    assert (await verify(issuer.token(key=key, algorithm=algorithm, kid="k")))["sub"] == "ann"


def test_the_list_of_algorithms_is_asymmetric() -> None:
    symmetric = [name for name in oidc.ALGORITHMS if name.startswith(("HS", "none"))]
    assert (symmetric, len(oidc.ALGORITHMS)) == ([], 10)


async def test_a_key_is_used_for_its_own_algorithm_and_purpose_alone(
    verify: Verifier, issuer: IssuerServer
) -> None:
    other = rsa_key()
    issuer.keys = [
        public_jwk(issuer.key, "first", alg="RS512"),
        public_jwk(other, "encryption", use="enc"),
    ]
    for token in issuer.token(), issuer.token(key=other, kid="encryption"):
        with pytest.raises(TokenRejected, match="not signed with a key of its issuer's"):
            await verify(token)


async def test_a_weak_key_is_refused(verify: Verifier, issuer: IssuerServer) -> None:
    weak = rsa_key(1024)
    issuer.keys = [public_jwk(weak, "weak")]
    with pytest.warns(jwt.InsecureKeyLengthWarning):  # PyJWT's word to whoever signs
        token = issuer.token(key=weak, kid="weak")
    with pytest.raises(TokenRejected, match="too weak"):
        await verify(token)


async def test_a_token_without_a_kid_needs_a_key_without_one(
    verify: Verifier, issuer: IssuerServer, clock: Clock
) -> None:
    token = issuer.token(kid=None)
    with pytest.raises(TokenRejected):
        await verify(token)
    issuer.keys = [public_jwk(issuer.key, None)]
    clock.now += AGAIN
    await verify(token)


async def test_keys_are_fetched_once_for_all_who_wait(verify: Verifier, issuer: IssuerServer) -> None:
    issuer.gate = asyncio.Event()
    waiting = [asyncio.create_task(verify(issuer.token())) for _ in range(16)]
    await issuer.arrived.wait()
    issuer.gate.set()
    assert {claims["sub"] for claims in await asyncio.gather(*waiting)} == {"ann"}
    assert issuer.fetched == 1


async def test_junk_kids_do_not_hammer_the_issuer(
    verify: Verifier, issuer: IssuerServer, clock: Clock
) -> None:
    await verify(issuer.token())
    for number in range(100):
        with pytest.raises(TokenRejected):
            await verify(issuer.token(kid=f"junk-{number}"))
    assert issuer.fetched == 1
    clock.now += AGAIN
    for number in range(100):
        with pytest.raises(TokenRejected):
            await verify(issuer.token(kid=f"more-{number}"))
    assert issuer.fetched == 2
    await verify(issuer.token())


async def test_other_turns_go_on_while_keys_are_fetched(client: Client, issuer: IssuerServer) -> None:
    issuer.gate = asyncio.Event()
    held = asyncio.create_task(call(client, issuer.token()))
    await issuer.arrived.wait()
    assert (await client.get("/healthz")).status == 200
    issuer.gate.set()
    assert (await held).status == 200


async def test_keys_may_come_from_an_address_without_discovery(issuer: IssuerServer) -> None:
    verify = Verifier(Issuer("https://named.example", f"{issuer.url}/keys"))
    assert (await verify(issuer.token(iss="https://named.example")))["sub"] == "ann"


# --- an issuer that fails


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"status": 500}, "status 500"),
        ({"status": 302}, "status 302"),
        ({"body": b"planted"}, "a document that is no JSON object"),
        ({"body": b"[]"}, "a document that is no JSON object"),
        ({"body": b"[" * 100_000}, "a document that is no JSON object"),
        ({"body": b" " * (oidc.DOCUMENT + 1)}, "a document of more than 262144 bytes"),
        ({"keys": []}, "a document without keys for signatures"),
        ({"keys": ["x", {"kid": 5}]}, "a document without keys for signatures"),
        ({"about": {"issuer": "https://other.example"}}, "its discovery document is another issuer's"),
        ({"about": {"jwks_uri": "http://elsewhere.example/keys"}}, "its keys are not at an https address"),
        ({"about": {"jwks_uri": 5}}, "its keys are not at an https address"),
        ({"about": {"jwks_uri": "file:///etc/passwd"}}, "its keys are not at an https address"),
    ],
)
async def test_an_issuer_that_fails_is_a_503_and_a_line_for_the_operator(
    client: Client, issuer: IssuerServer, caplog: pytest.LogCaptureFixture, wrong: dict[str, Any], told: str
) -> None:
    vars(issuer).update(wrong)
    token = issuer.token()
    answer = await call(client, token)
    assert (answer.status, answer.json["code"]) == (503, "issuer_unavailable")
    assert answer.headers["retry-after"] == "5"
    assert caplog.messages == [f"the keys of the issuer {issuer.url} cannot be had: {told}"]
    assert token not in caplog.text + answer.body.decode()


async def test_an_issuer_that_is_down_is_a_503_and_is_not_asked_again_at_once(
    verify: Verifier, issuer: IssuerServer, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    token = issuer.token()
    await issuer.down()
    for _ in range(3):
        with pytest.raises(IssuerUnavailable):
            await verify(token)
    assert len(caplog.messages) == 1
    clock.now += FAILED_AGAIN
    with pytest.raises(IssuerUnavailable):
        await verify(token)
    assert caplog.messages[1].endswith("cannot be had: ConnectError")


async def test_an_issuer_that_hangs_is_given_up(
    verify: Verifier, issuer: IssuerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc, "PATIENCE", 0.05)
    issuer.gate = asyncio.Event()
    with pytest.raises(IssuerUnavailable):
        await verify(issuer.token())


async def test_known_keys_outlive_an_outage_of_the_issuer(
    verify: Verifier, issuer: IssuerServer, clock: Clock
) -> None:
    token = issuer.token(exp=int(time.time()) + 2 * HOUR)
    await verify(token)
    await issuer.down()
    clock.now += STALE
    await verify(token)
    clock.now += 1
    with pytest.raises(IssuerUnavailable):
        await verify(token)


async def test_no_token_is_told_in_an_error_or_a_log(
    verify: Verifier, issuer: IssuerServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    expired = issuer.token(exp=1)
    for token in expired, expired[:-4], assembled({"alg": "RS256", "kid": expired[-20:]}, {}):
        with pytest.raises(TokenRejected) as caught:
            await verify(token)
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
        assert expired[-20:] not in f"{caught.value!r} {caught.value.challenge} {caplog.text}"


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def assembled(header: object, claims: object, signature: bytes = b"") -> str:
    """A token that no library would make."""
    return f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}.{b64(signature)}"


def signed(issuer: IssuerServer, payload: bytes) -> str:
    """Any payload, well signed."""
    return jwt.api_jws.encode(payload, issuer.key, "RS256", {"kid": "first"})


@pytest.mark.parametrize("subject", ["a", "a b~!", "auth0|507f1f77bcf86cd799439011", "a" * 255])
async def test_a_subject_of_1_to_255_printable_characters_is_an_owner(
    client: Client, issuer: IssuerServer, subject: str
) -> None:
    token = signed(issuer, json.dumps(issuer.claims(sub=subject)).encode())
    assert (await call(client, token)).status == 200
