"""Events to scopes, apps to responses."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from c1fn.runtime.asgi import (
    AppError,
    BadEvent,
    Cycle,
    Headers,
    Message,
    Receive,
    Scope,
    Send,
    State,
    metadata,
    payload,
    problem,
    refusal,
    request,
)

EVENTS = Path(__file__).parents[2] / "events"
CONTEXT = object()


def event(name: str, **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text("utf-8"))
    return found | changes


def v2(**changes: Any) -> dict[str, Any]:
    return event("function-url", **changes)


def v1(**changes: Any) -> dict[str, Any]:
    return event("rest-api", **changes)


def scope(of: dict[str, Any]) -> Scope:
    return request(of, CONTEXT)[0]


def body(of: dict[str, Any]) -> bytes:
    return request(of, CONTEXT)[1]


@pytest.mark.parametrize("make", [v2, v1])
def test_both_payloads_become_the_same_request(make: Callable[..., dict[str, Any]]) -> None:
    found, content = request(make(), CONTEXT)
    assert found["type"] == "http"
    assert found["asgi"] == {"version": "3.0", "spec_version": "2.4"}
    assert (found["method"], found["path"], found["raw_path"]) == ("POST", "/api/chat", b"/api/chat")
    assert (found["scheme"], found["client"]) == ("https", ("203.0.113.10", 0))
    assert found["server"][1] == 443
    assert (b"content-type", b"application/json") in found["headers"]
    assert json.loads(content)["threadId"] == "d251ea5b-0f81-472f-9d2a-8c4272e62821"
    assert found["aws.event"] == make()
    assert found["aws.context"] is CONTEXT


@pytest.mark.parametrize(
    ("name", "version"), [("function-url", "2.0"), ("http-api", "2.0"), ("rest-api", "1.0"), ("alb", "1.0")]
)
def test_the_payload_is_known_by_its_shape(name: str, version: str) -> None:
    assert payload(event(name)) == version


@pytest.mark.parametrize(
    "other", [None, 1, "x", [], {}, {"requestContext": None}, {"requestContext": {}}, {"Records": []}]
)
def test_what_is_no_http_event_is_refused(other: Any) -> None:
    assert payload(other) is None
    with pytest.raises(BadEvent, match="no known shape"):
        request(other, CONTEXT)


@pytest.mark.parametrize("make", [v2, v1])
def test_a_base64_body_is_decoded(make: Callable[..., dict[str, Any]]) -> None:
    assert body(make(body="w6Q=", isBase64Encoded=True)) == "ä".encode()


@pytest.mark.parametrize("text", ["???", "w6Q", "w6Q=\n x", "ä"])
def test_a_body_that_is_not_base64_though_it_says_so_is_refused(text: str) -> None:
    with pytest.raises(BadEvent, match="base64"):
        body(v2(body=text, isBase64Encoded=True))


@pytest.mark.parametrize(("given", "read"), [(None, b""), ("", b""), ("ä", "ä".encode())])
def test_a_text_body_is_utf_8_and_may_be_missing(given: str | None, read: bytes) -> None:
    assert body(v2(body=given)) == body(v1(body=given)) == read


def test_cookies_become_one_header() -> None:
    assert (b"cookie", b"a=1; b=2") in scope(v2(cookies=["a=1", "b=2"]))["headers"]


def test_headers_with_several_values_stay_apart() -> None:
    headers = scope(v1(multiValueHeaders={"X-A": ["1", "2"]}))["headers"]
    assert headers == [(b"x-a", b"1"), (b"x-a", b"2")]


def test_single_headers_serve_where_there_are_no_others() -> None:
    assert scope(v1(multiValueHeaders=None, headers={"X-A": "1"}))["headers"] == [(b"x-a", b"1")]


def test_headers_outside_latin_1_are_utf_8() -> None:
    assert scope(v2(headers={"x": "é", "y": "字"}))["headers"] == [(b"x", b"\xe9"), (b"y", "字".encode())]


@pytest.mark.parametrize("character", ["\0", "\r", "\n", "\x1b", "\x7f"])
@pytest.mark.parametrize("make", [v2, v1])
def test_control_characters_in_a_header_are_refused(
    make: Callable[..., dict[str, Any]], character: str
) -> None:
    for headers in ({"x": f"a{character}b"}, {f"x{character}": "a"}):
        with pytest.raises(BadEvent, match="control characters"):
            request(make(headers=headers, multiValueHeaders=None), CONTEXT)


@pytest.mark.parametrize(
    ("given", "path", "raw"),
    [
        ("/a%20b/%C3%A4", "/a b/ä", b"/a%20b/%C3%A4"),
        ("/ä", "/ä", b"/%C3%A4"),
        ("", "/api/chat", b"/api/chat"),
    ],
)
def test_a_path_is_decoded_and_kept_as_it_was(given: str, path: str, raw: bytes) -> None:
    found = scope(v2(rawPath=given))
    assert (found["path"], found["raw_path"]) == (path, raw)


def test_a_query_string_is_kept_as_it_was() -> None:
    assert scope(v2(rawQueryString="a=1&a=2&b=%20x+y"))["query_string"] == b"a=1&a=2&b=%20x+y"


def test_a_query_of_several_values_is_put_together() -> None:
    several = v1(multiValueQueryStringParameters={"a": ["1", "2"], "b": ["x y"]})
    assert scope(several)["query_string"] == b"a=1&a=2&b=x+y"
    single = v1(multiValueQueryStringParameters=None, queryStringParameters={"a": "&"})
    assert scope(single)["query_string"] == b"a=%26"


@pytest.mark.parametrize(
    ("host", "server"),
    [
        ("a.b", ("a.b", 443)),
        ("a.b:8000", ("a.b", 8000)),
        ("a:x", ("a", 443)),
        (f"a:{'9' * 5000}", ("a", 443)),
    ],
)
def test_the_server_is_the_host_that_was_asked_for(host: str, server: tuple[str, int]) -> None:
    assert scope(v2(headers={"host": host}))["server"] == server


@pytest.mark.parametrize(
    "changes",
    [
        {"headers": [1]},
        {"headers": {"a": 1}},
        {"cookies": "a=1"},
        {"cookies": [1]},
        {"body": 1},
        {"rawPath": 1},
        {"rawQueryString": [1]},
        {"requestContext": {"http": {"method": None}}},
    ],
    ids=str,
)
def test_a_part_of_another_type_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadEvent, match="is not"):
        request(v2(**changes), CONTEXT)


@pytest.mark.parametrize("changes", [{"multiValueHeaders": [1]}, {"path": 1}, {"queryStringParameters": "a"}])
def test_a_part_of_another_type_is_refused_in_payload_1_too(changes: dict[str, Any]) -> None:
    with pytest.raises(BadEvent, match="is not"):
        request(v1(**{"multiValueQueryStringParameters": None} | changes), CONTEXT)


def test_a_refused_event_is_told_as_a_problem() -> None:
    told = json.loads(problem(BadEvent("why")))
    assert (told["status"], told["detail"], told["code"]) == (400, "why", "bad_event")
    assert refusal(BadEvent("why"))["statusCode"] == 400


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


def test_headers_of_the_connection_are_left_out() -> None:
    gone = [(b"Transfer-Encoding", b"chunked"), (b"connection", b"keep-alive"), (b"upgrade", b"x")]
    assert metadata(v2(), 200, gone)["headers"] == {}


def test_a_response_header_with_control_characters_is_the_apps_fault() -> None:
    with pytest.raises(AppError, match="control"):
        metadata(v2(), 200, [(b"x", b"a\r\nb")])


class Kept:
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        self.got: list[Any] = []

    async def begin(self, status: int, headers: Headers) -> None:
        self.got.append((status, headers))

    async def write(self, body: bytes, *, last: bool) -> None:
        self.got.append((body, last))


def sends(*messages: Message) -> Callable[[Scope, Receive, Send], Any]:
    async def app(_: Scope, __: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    return app


START: Message = {"type": "http.response.start", "status": 200}
LAST: Message = {"type": "http.response.body", "body": b"x"}


async def test_a_response_goes_to_its_sink_in_order() -> None:
    sink = Kept()
    more: Message = {"type": "http.response.body", "body": b"a", "more_body": True}
    cycle = Cycle({}, b"", sink)
    await cycle.run(sends(START, more, {"type": "http.response.body"}))
    assert sink.got == [(200, []), (b"a", False), (b"", True)]
    assert cycle.state is State.COMPLETE


@pytest.mark.parametrize(
    "messages",
    [
        (),
        (START,),
        (LAST,),
        (START, START),
        (START, LAST, LAST),
        (START, {"type": "http.response.body", "more_body": True}),
        ({"type": "websocket.accept"},),
    ],
    ids=["nothing", "no body", "no start", "two starts", "two ends", "no end", "another protocol"],
)
async def test_an_app_that_breaks_the_rules_is_told(messages: tuple[Message, ...]) -> None:
    with pytest.raises(AppError):
        await Cycle({}, b"", Kept()).run(sends(*messages))


async def test_an_app_hears_of_the_end_only_when_its_response_is_complete() -> None:
    heard: list[str] = []
    waiting = asyncio.Event()

    async def listen(receive: Receive) -> None:
        waiting.set()
        heard.append((await receive())["type"])

    async def app(_: Scope, receive: Receive, send: Send) -> None:
        assert await receive() == {"type": "http.request", "body": b"in", "more_body": False}
        listening = asyncio.create_task(listen(receive))
        await waiting.wait()
        await send(START)
        assert heard == []
        await send(LAST)
        await listening

    await Cycle({}, b"in", Kept()).run(app)
    assert heard == ["http.disconnect"]


@pytest.mark.parametrize(
    "made",
    [
        v1(path="/\ud800"),
        v1(queryStringParameters={"a": "\ud800"}, multiValueQueryStringParameters=None),
        v2(rawPath="/\ud800"),
        v2(rawQueryString="a=\udc00"),
    ],
)
def test_half_a_character_in_the_url_is_refused(made: dict[str, Any]) -> None:
    with pytest.raises(BadEvent, match="half a character"):
        request(made, CONTEXT)
