"""HTTP requests to events, and back through the ASGI side."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from c1fn.runtime.emulator import events
from c1fn.runtime.emulator.events import HttpRequest
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


def url(**changes: Any) -> dict[str, Any]:
    return events.function_url(request(**changes), url_id="abc", region="eu-west-1", request_id="r", now=NOW)


def rest(**changes: Any) -> dict[str, Any]:
    return events.rest_api(
        request(**changes), stage="prod", api_id="api", region="eu-west-1", request_id="r", now=NOW
    )


def keys(event: Any) -> set[str]:
    """The paths of all keys, but of those whose names a client chooses."""
    free = ("headers", "multiValueHeaders")
    found = set()
    for name, value in event.items():
        found.add(name)
        if isinstance(value, dict) and name not in free:
            found |= {f"{name}.{inner}" for inner in keys(value)}
    return found


@pytest.mark.parametrize(("name", "made"), [("function-url", url()), ("rest-api", rest())])
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


@pytest.mark.parametrize("make", [url, rest])
def test_text_stays_text_and_the_rest_becomes_base64(make: Any) -> None:
    assert (make(body="ü".encode())["body"], make()["isBase64Encoded"]) == ("ü", False)
    for changes in ({"body": b"\xff"}, {"body": b"x", "fields": [("content-type", "image/png")]}):
        made = make(**changes)
        assert (base64.b64decode(made["body"]), made["isBase64Encoded"]) == (changes["body"], True)


@pytest.mark.parametrize("make", [url, rest])
def test_what_becomes_an_event_becomes_the_same_request_again(make: Any) -> None:
    made = make(path="/a%20b", query="x=1&x=2&y=%C3%BC", body=b"\xff\0", fields=[("Cookie", "a=1; b=2")])
    scope, body = read(made, None)
    assert (scope["method"], scope["path"], body) == ("POST", "/a b", b"\xff\0")
    assert scope["query_string"] == b"x=1&x=2&y=%C3%BC"
    assert (b"cookie", b"a=1; b=2") in scope["headers"]
    assert (scope["client"], scope["scheme"]) == (("127.0.0.1", 0), "http")
