"""A service through botocore: what its errors become, and its threads."""

import asyncio
import threading
from contextlib import nullcontext
from typing import Any

import pytest
from botocore import exceptions as theirs
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from c1fn.net.aws import AwsError, Limits, Refused, Unreachable, WronglySetUp
from c1fn.net.aws.boto import Threads, client, config, translated

URL = "http://127.0.0.1:9/"


def told(error: Exception) -> AwsError:
    with pytest.raises(AwsError) as caught, translated():
        raise error
    assert caught.value.__suppress_context__
    return caught.value


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (theirs.EndpointConnectionError(endpoint_url=URL), True),
        (theirs.ConnectTimeoutError(endpoint_url=URL), True),
        (theirs.ConnectionClosedError(endpoint_url=URL), True),
        (theirs.ReadTimeoutError(endpoint_url=URL), True),
        (theirs.SSLError(endpoint_url=URL, error="planted"), True),
        (theirs.ProxyConnectionError(proxy_url="http://user:planted@proxy/"), True),
        (theirs.HTTPClientError(error="planted"), True),
        (theirs.IncompleteReadError(actual_bytes=1, expected_bytes=2), True),
        (theirs.UnknownServiceError(service_name="x", known_service_names="y"), False),
        (theirs.BotoCoreError(), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_could_not_be_sent_or_read_is_unreachable(error: Exception, *, passes: bool) -> None:
    found = told(error)
    assert isinstance(found, Unreachable)
    assert (found.kind, found.passes) == (type(error).__name__, passes)
    assert "planted" not in f"{found!r}"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (theirs.NoRegionError(), "AWS_DEFAULT_REGION"),
        (theirs.InvalidRegionError(region_name="x y"), "eu-central-1"),
        (theirs.ProfileNotFound(profile="p"), "AWS_PROFILE"),
        (theirs.ConfigParseError(path="/p", error="e"), "AWS_CONFIG_FILE"),
        (theirs.PartialCredentialsError(provider="env", cred_var="x"), "Half a pair"),
        (theirs.NoCredentialsError(), "no AWS credentials"),
        (theirs.SSOTokenLoadError(error_msg="e"), "aws sso login"),
        (theirs.CredentialRetrievalError(provider="p", error_msg="planted"), "could not be fetched"),
        (theirs.HTTPClientError(error=ValueError("Invalid header value b'planted\\n'")), "the end of a line"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_set_up_wrong_is_one_sentence(error: Exception, words: str) -> None:
    found = told(error)
    assert isinstance(found, WronglySetUp)
    assert words in str(found)
    assert not found.passes


def test_a_refusal_is_its_code() -> None:
    answer: Any = {"Error": {"Code": "ThrottlingException", "Message": "planted"}, "Item": {"a": {"S": "b"}}}
    found = told(theirs.ClientError(answer, "GetItem"))
    assert isinstance(found, Refused)
    assert (found.code, found.item, found.passes) == ("ThrottlingException", {"a": {"S": "b"}}, True)
    assert "planted" not in f"{found!r}"


def test_a_call_that_botocore_finds_wrong_is_a_bug() -> None:
    with pytest.raises(theirs.ParamValidationError), translated():
        raise theirs.ParamValidationError(report="no such argument")


def test_botocore_does_not_retry() -> None:
    made = config(Limits(connect=1, read=2, connections=3))
    assert made.retries == {"total_max_attempts": 1, "mode": "standard"}
    assert (made.connect_timeout, made.read_timeout, made.max_pool_connections) == (1, 2, 3)
    assert made.tcp_keepalive


@pytest.fixture(scope="module")
def dynamodb() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        for part in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
            patch.setenv(f"AWS_{part}", "testing")
        return client("dynamodb", Limits(1, 1, 1), region="eu-west-3", endpoint=URL)


def test_a_client_is_of_its_region_and_of_its_address(dynamodb: Any) -> None:
    assert (dynamodb.meta.region_name, dynamodb.meta.endpoint_url) == ("eu-west-3", URL)


@pytest.mark.parametrize(
    ("status", "body", "found"),
    [
        (200, b"{}", None),
        (200, b"", "AnswerUnreadable"),
        (200, b"<html>planted</html>", "AnswerUnreadable"),
        (500, b"", "500"),
        (400, b"[]", "400"),
        (400, b'{"__type": "x#AccessDeniedException"}', "AccessDeniedException"),
    ],
)
def test_what_is_no_json_object_is_no_answer(
    dynamodb: Any, status: int, body: bytes, found: str | None
) -> None:
    def sent(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        answer = AWSResponse(request.url, status, {}, None)
        answer._content = body
        return answer

    dynamodb.meta.events.register("before-send", sent, unique_id="sent")
    try:
        with pytest.raises(AwsError, match=f"^{found}$") if found else nullcontext(), translated():
            dynamodb.get_item(TableName="abc", Key={})
        is_well = body in (b"", b"{}") and status == 200
        with nullcontext() if is_well else pytest.raises(AwsError), translated():
            dynamodb.tag_resource(ResourceArn="arn", Tags=[])  # its answer has no body
    finally:
        dynamodb.meta.events.unregister("before-send", unique_id="sent")


@pytest.mark.parametrize(
    ("code", "message", "status", "passes"),
    [
        ("NewException", "", 500, True),
        ("NewException", "", 400, False),
        ("InvalidSignatureException", "Signature expired: now", 400, True),
    ],
)
def test_whether_a_refusal_passes_is_told_by_all_of_it(
    code: str, message: str, status: int, *, passes: bool
) -> None:
    answer: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    assert told(theirs.ClientError(answer, "GetItem")).passes is passes


def test_a_client_that_cannot_be_made_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(WronglySetUp, match="AWS_PROFILE"):
        client("dynamodb", Limits(1, 1, 1), region="eu-west-1")


class Blocking:
    """A client whose calls meet at a barrier."""

    def __init__(self, parties: int) -> None:
        self._barrier = threading.Barrier(parties, timeout=20)
        self.closed = False

    def get_item(self, **arguments: object) -> dict[str, object]:
        self._barrier.wait()
        return arguments

    def close(self) -> None:
        self.closed = True


async def test_calls_run_at_once_and_the_client_is_closed_in_the_end() -> None:
    blocking = Blocking(3)
    service = Threads(blocking, 3)
    assert await asyncio.gather(*(service("get_item", {"n": n}) for n in range(3))) == [
        {"n": n} for n in range(3)
    ]
    await service.aclose()
    assert blocking.closed
