"""The signature, beside botocore's and AWS's published examples."""

import calendar
import time

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from c1fn.net.aws.signing import Signer

KEY_ID, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
AT = float(calendar.timegm(time.strptime("20150830T123600Z", "%Y%m%dT%H%M%SZ")))
HOST = {"host": "example.amazonaws.com"}
FORM = {"content-type": "application/x-www-form-urlencoded"}

PUBLISHED = [
    ({}, b"", None, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    (FORM, b"Param1=value1", None, "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"),
]
"""Of AWS's suite for Signature Version 4: post-vanilla and post-x-www-form-urlencoded."""


@pytest.mark.parametrize(("headers", "body", "token", "signature"), PUBLISHED)
def test_the_signatures_are_those_that_aws_has_published(
    headers: dict[str, str], body: bytes, token: str | None, signature: str
) -> None:
    signer = Signer(KEY_ID, SECRET, token, "us-east-1", "service")
    told = signer.sign(HOST | headers, body, AT)["authorization"]
    assert told.startswith(f"AWS4-HMAC-SHA256 Credential={KEY_ID}/20150830/us-east-1/service/aws4_request, ")
    assert told.endswith(f", Signature={signature}")


def theirs(signer: Signer, headers: dict[str, str], body: bytes, now: float) -> str:
    """Botocore's own header for this request."""
    credentials = Credentials(signer.key_id, signer.secret, signer.token)
    auth = SigV4Auth(credentials, signer.service, signer.region)
    request = AWSRequest("POST", f"https://{headers['host']}/", headers=dict(headers), data=body)
    request.context["timestamp"] = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    auth._modify_request_before_signing(request)
    canonical = auth.canonical_request(request)
    signature = auth.signature(auth.string_to_sign(request, canonical), request)
    auth._inject_signature_to_request(request, signature)
    return str(request.headers["Authorization"])


WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
NAMES = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=12).map(lambda name: f"x-amz-{name}z")


@given(
    key_id=WORDS,
    secret=WORDS,
    token=st.none() | WORDS,
    region=st.sampled_from(["us-east-1", "eu-central-1", "ap-southeast-5"]),
    service=st.sampled_from(["dynamodb", "secretsmanager", "ssm"]),
    headers=st.dictionaries(NAMES, WORDS, max_size=5),
    body=st.binary(max_size=300),
    now=st.integers(0, 4_000_000_000),
)
def test_it_signs_as_botocore_does(
    *,
    key_id: str,
    secret: str,
    token: str | None,
    region: str,
    service: str,
    headers: dict[str, str],
    body: bytes,
    now: int,
) -> None:
    signer = Signer(key_id, secret, token, region, service)
    sent = {
        "host": f"{service}.{region}.amazonaws.com",
        "content-type": "application/x-amz-json-1.0",
    } | headers
    ours = signer.sign(sent, body, now)
    assert ours["authorization"] == theirs(signer, sent, body, now)
    assert ours.get("x-amz-security-token") == token


def test_the_key_of_another_day_is_another() -> None:
    signer = Signer(KEY_ID, SECRET, None, "us-east-1", "dynamodb")
    for now in (AT, AT + 86_400, AT):
        assert signer.sign(HOST, b"", now)["authorization"] == theirs(signer, HOST, b"", now)


def test_no_secret_is_shown() -> None:
    signer = Signer(KEY_ID, SECRET, "planted-token", "us-east-1", "dynamodb")
    signer.sign(HOST, b"", AT)
    shown = repr(signer)
    assert repr(signer._key) not in shown
    assert SECRET not in shown
    assert "planted" not in shown
