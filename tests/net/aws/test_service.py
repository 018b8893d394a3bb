"""The contract of a ``Service``: c1fn's own client and botocore's, each on one scripted server."""

import asyncio
import base64
import json
from binascii import crc32
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, suppress
from functools import cache
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest

from c1fn.net.aws import AwsError, Limits, Refused, Service, Unreachable, boto
from c1fn.net.aws.client import DIALECTS, Client
from c1fn.net.aws.connections import Connections
from c1fn.net.aws.signing import Signer
from tests.net.aws.scripted import CUT, Scripted, answer, scripted
from tests.stores.servers import Shared

LIMITS = Limits(connect=10, read=10, connections=4)
HASTY = Limits(connect=10, read=0.2, connections=4)
"""For servers from which nothing comes: nothing else ends such a call."""

KEY = {"pk": {"S": "a"}}
ASKED = {"TableName": "abc", "Key": KEY}

Make = Callable[..., Service]


def ours(server: Scripted, limits: Limits = LIMITS) -> Service:
    signer = Signer("AKIDEXAMPLE", "planted-secret", "planted-token-of-a-session", "eu-west-1", "dynamodb")
    return Client(
        DIALECTS["dynamodb"], server.address, signer, Connections(f"http://{server.address}", limits, None)
    )


def botocores(server: Scripted, limits: Limits = LIMITS) -> Service:
    client, way = redirected(limits)
    way["to"] = f"http://{server.address}/"
    return Shared(client)


@cache
def redirected(limits: Limits) -> tuple[Any, dict[str, str]]:
    """A client whose requests go to another server for each test: to make one takes a third of a second."""
    client = boto.client("dynamodb", limits, region="eu-west-1", endpoint="http://127.0.0.1:9")
    way: dict[str, str] = {}

    def redirect(request: AWSPreparedRequest, **_: object) -> None:
        request.url = way["to"]

    client.meta.events.register("before-send.dynamodb", redirect)
    return client, way


@pytest.fixture(params=[ours, botocores])
async def make(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Make, None]:
    for part in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"):
        monkeypatch.setenv(f"AWS_{part}", f"planted-{part}")
    async with AsyncExitStack() as stack:

        def made(server: Scripted, limits: Limits = LIMITS) -> Service:
            service: Service = request.param(server, limits)
            stack.push_async_callback(service.aclose)
            return service

        yield made


async def refusal(make: Make, *script: bytes | None, limits: Limits = LIMITS) -> AwsError:
    async with scripted(*script) as server:
        with pytest.raises(AwsError) as caught:
            await make(server, limits)("get_item", ASKED)
    assert "planted" not in f"{caught.value!r}{caught.value}"
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    return caught.value


async def test_a_call_is_one_request_and_its_answer(make: Make) -> None:
    binary = base64.b64encode(b"\0\xff").decode()
    found: dict[str, Any] = {
        "Item": {"B": {"S": "a"}, "d": {"B": binary}, "m": {"M": {"B": {"N": "1"}, "x": {"B": ""}}}}
    }
    async with scripted(answer(found)) as server:
        got = await make(server)("get_item", ASKED)
    assert got["Item"] == {
        "B": {"S": "a"},
        "d": {"B": b"\0\xff"},
        "m": {"M": {"B": {"N": "1"}, "x": {"B": b""}}},
    }
    [asked] = server.asked
    assert json.loads(asked.body) == ASKED
    assert asked.headers["x-amz-target"] == "DynamoDB_20120810.GetItem"
    assert asked.headers["content-type"] == "application/x-amz-json-1.0"
    assert asked.headers["accept-encoding"] == "identity"


async def test_binary_data_is_sent_as_base64(make: Make) -> None:
    item = {"pk": {"S": "a"}, "d": {"B": b"\0\xff"}, "l": {"L": [{"B": b"x"}, {"M": {"B": {"BOOL": True}}}]}}
    async with scripted() as server:
        await make(server)("put_item", {"TableName": "abc", "Item": item})
    sent = json.loads(server.asked[0].body)["Item"]
    assert sent == {
        "pk": {"S": "a"},
        "d": {"B": "AP8="},
        "l": {"L": [{"B": "eA=="}, {"M": {"B": {"BOOL": True}}}]},
    }


async def test_a_failed_condition_holds_the_row(make: Make) -> None:
    row = {
        "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
        "Item": {"d": {"B": "AP8="}},
    }
    error = await refusal(make, answer(row, 400))
    assert isinstance(error, Refused)
    assert (error.code, error.item, error.passes) == (
        "ConditionalCheckFailedException",
        {"d": {"B": b"\0\xff"}},
        False,
    )


@pytest.mark.parametrize(
    ("status", "body", "code", "passes"),
    [
        (400, {"__type": "com.amazon.coral.service#AccessDeniedException"}, "AccessDeniedException", False),
        (400, {"__type": "ThrottlingException"}, "ThrottlingException", True),
        (400, {"__type": "x#ThrottlingException:http://x#y/"}, "ThrottlingException", True),
        (400, {"__type": "x#RequestThrottledException"}, "RequestThrottledException", True),
        (400, {"__type": "x#TransactionInProgressException"}, "TransactionInProgressException", True),
        (409, {"__type": "x#ReplicatedWriteConflictException"}, "ReplicatedWriteConflictException", True),
        (429, b"<html>planted</html>", "429", True),
        (408, b"", "408", True),
        (400, {"__type": "x#ExpiredTokenException"}, "ExpiredTokenException", False),
        (400, {"__type": "x#InvalidSignatureException"}, "InvalidSignatureException", False),
        (500, {"__type": "x#InternalServerError"}, "InternalServerError", True),
        (503, b"<html>planted</html>", "503", True),
        (502, b"", "502", True),
        (400, b"<html>planted</html>", "400", False),
    ],
)
async def test_a_refusal_has_a_code_and_may_pass(
    make: Make, status: int, body: object, code: str, *, passes: bool
) -> None:
    said = body | {"message": "x-amz-security-token:planted"} if isinstance(body, dict) else body
    error = await refusal(make, answer(said, status))
    assert isinstance(error, Refused)
    assert (error.code, error.passes, error.is_malformed) == (code, passes, False)


@pytest.mark.parametrize(
    "message",
    ["Signature expired: 20260101T000000Z is now earlier", "Signature not yet current: 20260101T000000Z is"],
)
async def test_a_signature_of_another_time_is_made_anew(make: Make, message: str) -> None:
    """The process was frozen between the signing and the sending, or its clock is set just now."""
    error = await refusal(make, answer({"__type": "x#InvalidSignatureException", "message": message}, 400))
    assert error.passes


async def test_a_malformed_call_is_told_in_the_services_words(make: Make) -> None:
    error = await refusal(make, answer({"__type": "x#ValidationException", "message": "No such key"}, 400))
    assert isinstance(error, Refused)
    assert (error.is_malformed, error.passes, str(error)) == (True, False, "ValidationException: No such key")


@pytest.mark.parametrize(
    "said", [CUT, None, b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}", b"no HTTP\r\n\r\n"]
)
async def test_where_no_answer_comes_trying_again_may_help(make: Make, said: bytes | None) -> None:
    """It ends, it is silent, it is cut, it is none. One try is one request."""
    error = await refusal(make, said, limits=HASTY)
    assert isinstance(error, Unreachable)
    assert error.passes


async def test_where_nobody_listens_trying_again_may_help(make: Make) -> None:
    async with scripted() as server:
        service = make(server)
    with pytest.raises(Unreachable) as caught:
        await service("get_item", ASKED)
    assert caught.value.passes


async def test_a_call_is_tried_once_and_its_connection_used_again(make: Make) -> None:
    async with scripted(answer({}, 500), answer({})) as server:
        service = make(server)
        with pytest.raises(Refused):
            await service("get_item", ASKED)
        await service("get_item", ASKED)
        assert (len(server.asked), server.connections) == (2, 1)


async def test_a_connection_that_the_server_has_closed_is_not_used(make: Make) -> None:
    async with scripted() as server:
        service = make(server)
        await service("get_item", ASKED)
        [kept] = server.open
        kept.close()
        await kept.wait_closed()
        await service("get_item", ASKED)
        assert (len(server.asked), server.connections) == (2, 2)


async def test_an_answer_that_nobody_asked_for_is_nobodys(make: Make) -> None:
    """It came together with the one before. The call that finds it may fail; the next one is well."""
    own, other = answer({"Count": 1}), answer({"Count": 2})
    async with scripted(own + other, answer({"Count": 3}), answer({"Count": 4})) as server:
        service = make(server)
        counts = []
        for _ in range(3):
            with suppress(Unreachable):
                counts.append((await service("scan", {"TableName": "abc"}))["Count"])
    assert counts in ([1, 3, 4], [1, 4])


async def test_when_the_service_has_forgotten_all_connections_one_call_fails(make: Make) -> None:
    """As after a freeze that the clocks do not tell of. The next try takes a new connection."""
    async with scripted() as server:
        service = make(server)
        await asyncio.gather(*(service("get_item", ASKED) for _ in range(LIMITS.connections)))
        server.forgotten = list(server.open)
        with pytest.raises(Unreachable):
            await service("get_item", ASKED)
        await service("get_item", ASKED)


@pytest.mark.parametrize("body", [b"<html>planted</html>", b"[]", b"null", b"\xfc", b"", b"[" * 100_000])
async def test_what_is_no_json_object_is_no_answer(make: Make, body: bytes) -> None:
    """A proxy's page is not taken for an item that is not there."""
    error = await refusal(make, answer(body))
    assert isinstance(error, Unreachable)
    assert (error.kind, error.passes) == ("AnswerUnreadable", True)


@pytest.mark.parametrize("body", [b"[]", b"null", b"\xfc", b"[" * 100_000])
@pytest.mark.parametrize(("status", "passes"), [(500, True), (400, False)])
async def test_a_refusal_that_is_no_json_object_is_its_status(
    make: Make, body: bytes, status: int, *, passes: bool
) -> None:
    error = await refusal(make, answer(body, status))
    assert isinstance(error, Refused)
    assert (error.code, error.passes) == (str(status), passes)


async def test_an_answer_with_its_checksum_is_taken(make: Make) -> None:
    content = b'{"Count": 1}'
    async with scripted(answer(content, 200, f"x-amz-crc32: {crc32(content)}")) as server:
        assert (await make(server)("scan", {"TableName": "abc"}))["Count"] == 1
