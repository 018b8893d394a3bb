"""The requests that are sent and the answers that are read, beside botocore's own."""

import json
import logging
from binascii import crc32
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from hypothesis import given
from hypothesis import strategies as st

from c1fn import __version__
from c1fn.net.aws import Limits, Refused, Unreachable, boto
from c1fn.net.aws.client import DIALECTS, Answer, Client, Request
from c1fn.net.aws.signing import Signer

NOW = 1_700_000_000.0
NAMES = st.text(max_size=4) | st.sampled_from(["B", "M", "S"])
ATTRIBUTES = st.recursive(
    st.fixed_dictionaries({"S": st.text(max_size=8)})
    | st.fixed_dictionaries({"N": st.integers().map(str)})
    | st.fixed_dictionaries({"B": st.binary(max_size=12)})
    | st.fixed_dictionaries({"BOOL": st.booleans()})
    | st.just({"NULL": True}),
    lambda inner: (
        st.fixed_dictionaries({"M": st.dictionaries(NAMES, inner, max_size=3)})
        | st.fixed_dictionaries({"L": st.lists(inner, max_size=3)})
    ),
    max_leaves=8,
)
ITEMS = st.dictionaries(NAMES, ATTRIBUTES, max_size=4)


class Noted:
    """A transport that keeps what is sent, and answers the same each time."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.sent: list[Request] = []
        self.told: list[object] = []
        self.answer = answer or Answer(200, {}, b"{}")

    async def send(self, request: Request) -> Answer:
        self.sent.append(request)
        return self.answer

    def connect(self, count: int) -> None:
        self.told.append(count)

    async def aclose(self) -> None:
        self.told.append("closed")


def client(noted: Noted, name: str = "dynamodb", token: str | None = None) -> Client:
    signer = Signer("AKIDEXAMPLE", "planted-secret", token, "eu-west-1", name)
    return Client(DIALECTS[name], f"{name}.eu-west-1.amazonaws.com", signer, noted, lambda: NOW)


async def got(answer: Answer) -> dict[str, Any]:
    return await client(Noted(answer))("get_item", {})


class Theirs:
    """botocore's clients, which hand over what they would send, and read what they are given."""

    def __init__(self) -> None:
        limits = Limits(1, 1, 1)
        self.seen: list[AWSPreparedRequest] = []
        self.body = b"{}"
        self.clients = {name: boto.client(name, limits, region="eu-west-1") for name in DIALECTS}
        for made in self.clients.values():
            made.meta.events.register("before-send", self._send)

    def _send(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        self.seen.append(request)
        answer = AWSResponse(request.url, 200, {}, None)
        answer._content = self.body
        return answer


@pytest.fixture(scope="module")
def theirs() -> Theirs:
    with pytest.MonkeyPatch.context() as patch:
        for part in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
            patch.setenv(f"AWS_{part}", "testing")
        patch.delenv("AWS_CA_BUNDLE", raising=False)
        return Theirs()


CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("dynamodb", "query", {"TableName": "abc", "KeyConditionExpression": "a = :a", "Limit": 3}),
    ("dynamodb", "batch_get_item", {"RequestItems": {"abc": {"Keys": [{"a": {"S": "b"}}]}}}),
    ("secretsmanager", "get_secret_value", {"SecretId": "arn:aws:secretsmanager:eu-west-1:1:secret:a"}),
    ("ssm", "get_parameter", {"Name": "/c1fn/key", "WithDecryption": True}),
]


@pytest.mark.parametrize(("name", "operation", "arguments"), CALLS)
async def test_a_request_is_botocores(
    theirs: Theirs, name: str, operation: str, arguments: dict[str, Any]
) -> None:
    noted = Noted()
    await client(noted, name)(operation, arguments)
    getattr(theirs.clients[name], operation)(**arguments)
    [ours], other = noted.sent, theirs.seen[-1]
    assert json.loads(ours.body) == json.loads(other.body)
    for header in ("x-amz-target", "content-type"):
        told = other.headers[header]
        assert ours.headers[header] == (told.decode() if isinstance(told, bytes) else told)
    assert f"https://{ours.headers['host']}/" == other.url


@given(item=ITEMS)
async def test_an_item_is_sent_and_read_as_by_botocore(theirs: Theirs, item: dict[str, Any]) -> None:
    noted = Noted()
    await client(noted)("put_item", {"TableName": "abc", "Item": item})
    theirs.clients["dynamodb"].put_item(TableName="abc", Item=item)
    sent = json.loads(noted.sent[0].body)["Item"]
    assert sent == json.loads(theirs.seen[-1].body)["Item"]
    theirs.body = json.dumps({"Item": sent}).encode()
    read = await got(Answer(200, {}, theirs.body))
    assert read["Item"] == theirs.clients["dynamodb"].get_item(TableName="abc", Key={})["Item"] == item


async def test_a_requests_body_has_no_spaces_and_its_headers_are_these() -> None:
    """What a proxy may change on its way is not signed."""
    noted = Noted()
    await client(noted)("get_item", {"Key": {"a": {"S": "b c"}}, "Limit": 1})
    [sent] = noted.sent
    assert sent.body == b'{"Key":{"a":{"S":"b c"}},"Limit":1}'
    headers = dict(sent.headers)
    signed = headers.pop("authorization").partition("SignedHeaders=")[2].partition(",")[0]
    assert signed == "content-type;host;x-amz-date;x-amz-target"
    assert headers == {
        "content-type": "application/x-amz-json-1.0",
        "host": "dynamodb.eu-west-1.amazonaws.com",
        "x-amz-date": "20231114T221320Z",
        "x-amz-target": "DynamoDB_20120810.GetItem",
        "accept-encoding": "identity",
        "content-length": str(len(sent.body)),
        "user-agent": f"c1fn/{__version__}",
    }


async def test_what_json_cannot_hold_is_a_bug() -> None:
    with pytest.raises(TypeError, match="set is no part of a call"):
        await client(Noted())("get_item", {"Key": {1}})


@pytest.mark.parametrize("on_lambda", [True, False])
async def test_a_call_belongs_to_the_trace_of_its_invocation(
    monkeypatch: pytest.MonkeyPatch, *, on_lambda: bool
) -> None:
    """As with botocore: X-Ray joins them, and Lambda finds a loop of functions by it."""
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1;x=\u00e9 ")
    (monkeypatch.setenv if on_lambda else lambda *_: None)("AWS_LAMBDA_FUNCTION_NAME", "c1fn")
    noted = Noted()
    await client(noted)("get_item", {})
    told = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1;x=%C3%A9%20" if on_lambda else None
    assert noted.sent[0].headers.get("x-amzn-trace-id") == told
    assert "trace" not in noted.sent[0].headers["authorization"]


async def test_a_sessions_token_is_sent_and_signed() -> None:
    noted = Noted()
    await client(noted, token="planted-token")("get_item", {})
    headers = noted.sent[0].headers
    assert headers["x-amz-security-token"] == "planted-token"
    assert "x-amz-security-token" in headers["authorization"]


@pytest.mark.parametrize(
    ("headers", "body", "kind"),
    [
        ({"x-amz-crc32": "1"}, b"{}", "ChecksumMismatch"),
        ({"x-amz-crc32": str(crc32(b"{}"))}, b"{} ", "ChecksumMismatch"),
        ({"x-amz-crc32": "one"}, b"{}", "ChecksumMismatch"),
        ({}, b"<html>planted</html>", "AnswerUnreadable"),
        ({}, b"[]", "AnswerUnreadable"),
        ({}, b"", "AnswerUnreadable"),
        ({}, b"\xff", "AnswerUnreadable"),
        ({}, b'{"Item": {"d": {"B": "a"}}}', "AnswerUnreadable"),
        ({"content-encoding": "gzip"}, b"\x1f\x8b\x08", "AnswerUnreadable"),
        ({}, b"[" * 100_000, "AnswerUnreadable"),
    ],
)
async def test_an_answer_that_is_not_what_was_sent_is_none(
    headers: Mapping[str, str], body: bytes, kind: str
) -> None:
    """A checksum that does not fit, a proxy's page: trying again may help, and nothing is taken for empty."""
    with pytest.raises(Unreachable) as caught:
        await got(Answer(200, headers, body))
    assert (caught.value.kind, caught.value.passes) == (kind, True)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"__type": "a#B"}', "B"),
        (b'{"__type": "AccessDenied:http://internal/"}', "AccessDenied"),
        (b'{"__type": null}', "400"),
        (b'{"__type": 7, "Item": "none"}', "7"),
        (b"[]", "400"),
        (b"[" * 100_000, "400"),
    ],
)
async def test_a_refusal_of_any_form_has_a_code(body: bytes, code: str) -> None:
    with pytest.raises(Refused) as caught:
        await got(Answer(400, {}, body))
    assert (caught.value.code, caught.value.item) == (code, None)


@pytest.mark.parametrize("name", ["message", "Message"])
@pytest.mark.parametrize("code", ["ValidationException", "SerializationException"])
async def test_the_services_words_have_either_name(code: str, name: str) -> None:
    """It depends on the service."""
    body = json.dumps({"__type": code, name: "No such key"}).encode()
    with pytest.raises(Refused, match=f"{code}: No such key") as caught:
        await got(Answer(400, {}, body))
    assert caught.value.is_malformed


async def test_a_failed_condition_has_the_row() -> None:
    body = b'{"__type": "x#ConditionalCheckFailedException", "Item": {"d": {"B": "AP8="}}}'
    with pytest.raises(Refused) as caught:
        await got(Answer(400, {}, body))
    assert caught.value.item == {"d": {"B": b"\0\xff"}}


async def test_its_connections_are_its_transports() -> None:
    noted = Noted()
    client(noted).connect(3)
    await client(noted).aclose()
    assert noted.told == [3, "closed"]


async def test_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.NOTSET)
    await client(Noted(), token="planted-token")("put_item", {"Item": {"text": {"S": "planted words"}}})
    assert caplog.text == ""
