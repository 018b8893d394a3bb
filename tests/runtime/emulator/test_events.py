"""HTTP requests to events, and back through the ASGI side."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from c1fn.runtime.emulator import events
from c1fn.runtime.emulator.events import HttpRequest, Place
from c1fn.runtime.request import read
from tests.runtime.bench import EVENTS

NOW = datetime(2026, 5, 24, 10, 15, 30, tzinfo=UTC)


def request(**changes: Any) -> HttpRequest:
    told: dict[str, Any] = {
        "method": "POST",
        "path": "/api/chat",
        "query": "",
        "fields": [("Host", "127.0.0.1:3000"), ("Content-Type", "application/json"), ("Connection", "close")],
        "body": b"{}",
        "peer": "127.0.0.1",
    }
    return HttpRequest(**told | changes)


PLACE = Place(api_id="abc", region="eu-west-1", request_id="r", now=NOW, stage="prod", prefix="/prod")


def url(**changes: Any) -> dict[str, Any]:
    return events.function_url(request(**changes), replace(PLACE, stage="$default", prefix=""))


def rest(path: str = "/api/chat", **changes: Any) -> dict[str, Any]:
    return events.rest_api(request(path=f"/prod{path}", **changes), PLACE)


def http(path: str = "/api/chat", **changes: Any) -> dict[str, Any]:
    return events.http_api(request(path=f"/prod{path}", **changes), PLACE)


def alb(*, several: bool = False, **changes: Any) -> dict[str, Any]:
    return events.load_balancer(request(**changes), PLACE, several=several)


def alb_several(**changes: Any) -> dict[str, Any]:
    return alb(several=True, **changes)


MAKERS = [url, rest, http, alb, alb_several]


def keys(event: Any) -> set[str]:
    """The paths of all keys, but of those whose names a client chooses."""
    free = ("headers", "multiValueHeaders")
    found = set()
    for name, value in event.items():
        found.add(name)
        if isinstance(value, dict) and name not in free:
            found |= {f"{name}.{inner}" for inner in keys(value)}
    return found


@pytest.mark.parametrize(
    ("name", "made"), [("function-url", url()), ("rest-api", rest()), ("http-api", http()), ("alb", alb())]
)
def test_an_event_has_no_key_that_lambdas_own_lacks(name: str, made: dict[str, Any]) -> None:
    sample = json.loads((EVENTS / f"{name}.json").read_text("utf-8"))
    assert keys(made) <= keys(sample)


def test_a_function_urls_domain_is_known_by_its_name() -> None:
    context = url()["requestContext"]
    assert context["domainName"] == "abc.lambda-url.eu-west-1.on.aws"
    assert (context["time"], context["timeEpoch"]) == ("24/May/2026:10:15:30 +0000", 1779617730000)


def test_headers_are_joined_or_kept_apart_as_each_door_does() -> None:
    fields = [("X-A", "1"), ("x-a", "2"), ("Cookie", "a=1; b=2"), ("Connection", "close")]
    assert url(fields=fields)["headers"]["x-a"] == "1,2"
    assert url(fields=fields)["cookies"] == ["a=1", "b=2"]
    assert rest(fields=fields)["multiValueHeaders"]["x-a"] == ["1", "2"]
    assert rest(fields=fields)["headers"]["x-a"] == "2"
    assert "connection" not in url(fields=fields)["headers"] | rest(fields=fields)["headers"]


@pytest.mark.parametrize("make", MAKERS)
def test_text_stays_text_and_the_rest_becomes_base64(make: Any) -> None:
    assert (make(body="ü".encode())["body"], make()["isBase64Encoded"]) == ("ü", False)
    for changes in ({"body": b"\xff"}, {"body": b"x", "fields": [("content-type", "image/png")]}):
        made = make(**changes)
        assert (base64.b64decode(made["body"]), made["isBase64Encoded"]) == (changes["body"], True)


@pytest.mark.parametrize("make", MAKERS)
def test_what_becomes_an_event_becomes_the_same_request_again(make: Any) -> None:
    made = make(path="/a%20b", query="x=1&y=%C3%BC", body=b"\xff\0", fields=[("Cookie", "a=1; b=2")])
    scope, body = read(made, None)
    root = "/prod" if make in (rest, http) else ""
    assert (scope["method"], scope["path"], scope["root_path"], body) == (
        "POST",
        f"{root}/a b",
        root,
        b"\xff\0",
    )
    assert (scope["raw_path"], scope["query_string"]) == (f"{root}/a%20b".encode(), b"x=1&y=%C3%BC")
    assert (b"cookie", b"a=1; b=2") in scope["headers"]
    assert (scope["client"], scope["scheme"]) == (("127.0.0.1", 0), "http")


@pytest.mark.parametrize("make", [url, rest, http, alb_several])
def test_a_parameter_may_come_twice(make: Any) -> None:
    scope, _ = read(make(query="x=1&x=2"), None)
    assert scope["query_string"] == b"x=1&x=2"


def test_a_load_balancer_keeps_the_last_of_several_unless_multi_value_headers_are_on() -> None:
    asked: dict[str, Any] = {"query": "x=1&x=%32", "fields": [("X-A", "1"), ("X-A", "2")]}
    assert (alb(**asked)["queryStringParameters"], alb(**asked)["headers"]["x-a"]) == ({"x": "%32"}, "2")
    several = alb_several(**asked)
    assert several["multiValueQueryStringParameters"] == {"x": ["1", "%32"]}
    assert several["multiValueHeaders"]["x-a"] == ["1", "2"]
    assert "headers" not in several


def test_an_http_api_decodes_the_path_and_ends_it_at_a_question_mark() -> None:
    made = http(path="/a%2Fb%3Fc")
    assert made["rawPath"] == made["requestContext"]["http"]["path"] == "/prod/a/b"


def test_other_doors_leave_the_path_as_it_was_sent() -> None:
    assert (
        url(path="/a%2Fb")["rawPath"] == rest(path="/a%2Fb")["path"] == alb(path="/a%2Fb")["path"] == "/a%2Fb"
    )
    assert rest(path="/a%2Fb")["requestContext"]["path"] == "/prod/a%2Fb"


@pytest.mark.parametrize(
    ("make", "told", "path"),
    [(events.rest_api, "path", "/chat/api"), (events.http_api, "rawPath", "/prod/api")],
)
def test_behind_a_custom_domain_a_rest_api_shows_its_base_path_and_an_http_api_its_stage(
    make: Any, told: str, path: str
) -> None:
    place = replace(PLACE, prefix="/chat", domain="chat.example.com")
    made = make(request(path="/chat/api"), place)
    assert made[told] == path
    assert made["requestContext"]["domainName"] == "chat.example.com"
    scope, _ = read(made, None, "/chat")
    assert (scope["root_path"], scope["path"]) == ("/chat", "/chat/api")


def test_the_console_of_an_api_sends_null_where_nothing_was_filled_in() -> None:
    made = events.console_test(request(fields=[], body=b"", path="/healthz", method="GET"), PLACE)
    for name in ("headers", "multiValueHeaders", "queryStringParameters", "body"):
        assert made[name] is None
    assert made["requestContext"]["stage"] == "test-invoke-stage"
    assert read(made, None)[0]["path"] == "/healthz"
