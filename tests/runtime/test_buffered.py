"""What is told to each door: the metadata of a stream, and whole answers."""

import base64
import json
from typing import Any

import pytest

from c1fn.runtime import buffered
from c1fn.runtime.asgi import AppError, Headers, Receive, Scope, Send
from c1fn.runtime.buffered import NoJson, Whole, encoded, metadata, problem, refusal, written
from c1fn.runtime.doors import MEGABYTE, BadEvent
from tests.runtime.bench import sample


def v2(**changes: Any) -> dict[str, Any]:
    return sample("function-url", **changes)


def v1(**changes: Any) -> dict[str, Any]:
    return sample("rest-api", **changes)


def test_a_refused_event_is_told_as_a_problem() -> None:
    told = json.loads(problem(BadEvent("why")))
    assert (told["status"], told["detail"], told["code"]) == (400, "why", "bad_event")
    assert refusal(v2(), BadEvent("why"))["statusCode"] == 400


HEADERS: Headers = [
    (b"Content-Type", b"text/plain"),
    (b"set-cookie", b"a=1"),
    (b"set-cookie", b"b=2"),
    (b"vary", b"x"),
    (b"Vary", b"y"),
]


def test_metadata_for_payload_2_has_cookies_and_joined_headers() -> None:
    assert metadata(v2(), 201, HEADERS) == {
        "statusCode": 201,
        "headers": {"content-type": "text/plain", "vary": "x, y"},
        "cookies": ["a=1", "b=2"],
    }


def test_metadata_for_payload_1_has_multi_value_headers() -> None:
    assert metadata(v1(), 201, HEADERS) == {
        "statusCode": 201,
        "headers": {"content-type": "text/plain"},
        "multiValueHeaders": {"set-cookie": ["a=1", "b=2"], "vary": ["x", "y"]},
        "cookies": [],
    }


def test_cookies_are_told_even_when_there_are_none() -> None:
    assert metadata(v2(), 200, []) == {"statusCode": 200, "headers": {}, "cookies": []}


async def test_headers_of_the_connection_are_left_out_by_their_names() -> None:
    gone = [(b"Transfer-Encoding", b"chunked"), (b"connection", b"keep-alive"), (b"upgrade", b"x")]
    kept = (b"x", b"upgrade")
    assert metadata(v2(), 200, [*gone, kept])["headers"] == {"x": "upgrade"}
    sink = Whole()
    await sink.begin(200, [*gone, kept])
    assert sink.headers == [kept]


def test_a_response_header_with_control_characters_is_the_apps_fault() -> None:
    with pytest.raises(AppError, match="control"):
        metadata(v2(), 200, [(b"x", b"a\r\nb")])


# Whole answers

DOORS: dict[str, dict[str, Any]] = {
    "function-url": v2(),
    "http-api": sample("http-api"),
    "http-api 1.0": v1(version="1.0"),
    "rest-api": v1(),
    "alb": sample("alb"),
    "alb, several values": sample("alb", headers=None, multiValueHeaders={"accept": ["*/*"]}),
    "direct": sample("direct"),
}


def whole(body: bytes, *headers: tuple[bytes, bytes], status: int = 200) -> Whole:
    made = Whole()
    made.status, made.headers = status, list(headers)
    made.body += body
    return made


TEXT = (b"content-type", b"text/plain")


def headers_of(answer: dict[str, Any]) -> list[tuple[str, str]]:
    """All headers of a whole answer, wherever its door has them."""
    pairs = [(name.lower(), value) for name, value in (answer.get("headers") or {}).items()]
    several = answer.get("multiValueHeaders") or {}
    pairs += [(name.lower(), value) for name, values in several.items() for value in values]
    return sorted(pairs + [("set-cookie", value) for value in answer.get("cookies", [])])


@pytest.mark.parametrize("name", DOORS)
def test_every_door_is_told_the_same(name: str) -> None:
    made = whole(b"hi", TEXT, (b"vary", b"x"), (b"vary", b"y"), (b"x-a", b"caf\xe9"), status=201)
    answer = written(DOORS[name], made)
    assert (answer["statusCode"], answer["body"]) == (201, "hi")
    assert headers_of(answer) == [("content-type", "text/plain"), ("vary", "x, y"), ("x-a", "café")]


@pytest.mark.parametrize("name", [name for name in DOORS if name != "direct"])
def test_every_door_sets_two_cookies(name: str) -> None:
    answer = written(DOORS[name], whole(b"hi", TEXT, (b"set-cookie", b"a=1"), (b"Set-Cookie", b"b=2")))
    cookies = [value for field, value in headers_of(answer) if field == "set-cookie"]
    assert sorted(cookies) == ["a=1", "b=2"]


def test_a_load_balancer_reads_headers_where_its_event_had_them() -> None:
    answer = whole(b"hi", TEXT)
    assert written(DOORS["alb"], answer)["headers"] == {"content-type": "text/plain"}
    assert "headers" not in written(DOORS["alb, several values"], answer)
    assert written(DOORS["alb, several values"], answer)["multiValueHeaders"] == {
        "content-type": ["text/plain"]
    }


@pytest.mark.parametrize("name", DOORS)
def test_an_answer_without_a_content_type_gets_none(name: str) -> None:
    assert headers_of(written(DOORS[name], whole(b"", status=204))) == []
    assert written(DOORS[name], whole(b"text"))["body"] == "text"


@pytest.mark.parametrize("name", [name for name in DOORS if name != "direct"])
@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        (b"application/problem+json", b"{}", True),
        (b"application/x-ndjson", b"{}", True),
        (b"image/svg+xml", b"<svg/>", True),
        (b"application/x-thing; charset=utf-8", b"x", True),
        (b"image/png", b"x", False),
        (b"text/plain", b"\xff", False),
        (b"application/json", b"\x1f\x8b", False),
    ],
)
def test_text_is_text_and_the_rest_is_base64(name: str, kind: bytes, body: bytes, text: bool) -> None:  # noqa: FBT001 - a table's column
    answer = written(DOORS[name], whole(body, (b"content-type", kind)))
    assert answer["isBase64Encoded"] is not text
    told = answer["body"].encode() if text else base64.b64decode(answer["body"])
    assert told == body


@pytest.mark.parametrize("name", DOORS)
def test_an_answer_of_most_of_the_worlds_writing_is_sent_as_it_is(name: str) -> None:
    """An escape for each letter would make 3 bytes of one, and of 2.4 MB a refusal."""
    body = ("я" * 250_000).encode()
    sent = encoded(written(DOORS[name], whole(body, TEXT)))
    assert body in sent
    assert len(sent) < len(body) + 1000


@pytest.mark.parametrize("name", DOORS)
def test_an_answer_too_large_for_its_door_is_told_with_the_door_that_carries_it(name: str) -> None:
    limit = MEGABYTE if name.startswith("alb") else 6 * MEGABYTE
    fits, large = whole(b"x" * (limit - 2048), TEXT), whole(b"x" * limit, TEXT)
    assert written(DOORS[name], fits)["statusCode"] == 200
    answer = written(DOORS[name], large)
    assert answer["statusCode"] == 502
    assert ("content-type", "application/problem+json") in headers_of(answer)
    told = json.loads(answer["body"])
    assert told["code"] == "too_large_for_door"
    assert f"carries {limit}" in told["detail"]
    assert "A function URL or a REST API that streams" in told["detail"]


def test_what_a_runtime_of_ascii_makes_of_an_answer_is_counted() -> None:
    """AWS's own runtime writes escapes until Python 3.11."""
    cyrillic = whole(("я" * 1_200_000).encode(), TEXT)
    assert written(DOORS["http-api"], cyrillic)["statusCode"] == 200
    assert written(DOORS["http-api"], cyrillic, escaped=True)["statusCode"] == 502


def test_half_a_character_stays_the_escape_that_json_has() -> None:
    assert encoded("a\ud83d") == b'"a\\ud83d"'
    assert json.loads(encoded("a\ud83dя")) == "a\ud83dя"


async def test_an_app_that_fails_after_its_answer_leaves_the_answer(caplog: pytest.LogCaptureFixture) -> None:
    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"told"})
        raise ValueError

    assert (await buffered.whole(app, {}, b"")).body == b"told"
    assert "after it had answered" in caplog.text


KEYS = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("function-url", KEYS - {"multiValueHeaders"} | {"cookies"}),
        ("http-api", KEYS - {"multiValueHeaders"} | {"cookies"}),
        ("http-api 1.0", KEYS),
        ("rest-api", KEYS),
        ("alb", KEYS - {"multiValueHeaders"}),
        ("alb, several values", KEYS - {"headers"}),
    ],
)
def test_a_door_is_told_nothing_that_it_does_not_know(name: str, keys: set[str]) -> None:
    """One key more, and a REST API or SAM's emulator calls an answer malformed."""
    assert written(DOORS[name], whole(b"hi", TEXT)).keys() == keys


@pytest.mark.parametrize("name", [name for name in DOORS if name != "direct"])
def test_a_cookie_with_a_comma_is_one_cookie(name: str) -> None:
    cookies = [b"a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT", b"b=x, y"]
    told = written(DOORS[name], whole(b"hi", TEXT, *[(b"set-cookie", cookie) for cookie in cookies]))
    assert [value.encode() for field, value in headers_of(told) if field == "set-cookie"] == cookies


@pytest.mark.parametrize("name", [name for name in DOORS if name != "direct"])
def test_every_value_of_a_header_is_text(name: str) -> None:
    """A load balancer answers 502 to a length that is a number."""
    told = written(DOORS[name], whole(b"hi", TEXT, (b"content-length", b"2")))
    assert ("content-length", "2") in headers_of(told)


@pytest.mark.parametrize("wrong", [{"a": object()}, {(1, 2): 3}, float])
def test_what_cannot_be_json_is_told_by_its_type(wrong: Any) -> None:
    with pytest.raises(NoJson, match="Unable to marshal response"):
        encoded(wrong)
