"""Events to scopes: one reading for every door."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from c1fn.runtime.asgi import Scope
from c1fn.runtime.doors import BadEvent
from c1fn.runtime.request import read
from tests.runtime.bench import sample

CONTEXT = object()


def v2(**changes: Any) -> dict[str, Any]:
    return sample("function-url", **changes)


def v1(**changes: Any) -> dict[str, Any]:
    return sample("rest-api", **changes)


def scope(of: dict[str, Any]) -> Scope:
    return read(of, CONTEXT)[0]


def body(of: dict[str, Any]) -> bytes:
    return read(of, CONTEXT)[1]


@pytest.mark.parametrize("make", [v2, v1])
def test_both_payloads_become_the_same_request(make: Callable[..., dict[str, Any]]) -> None:
    found, content = read(make(), CONTEXT)
    assert found["type"] == "http"
    assert found["asgi"] == {"version": "3.0", "spec_version": "2.4"}
    root = found["root_path"]  # the stage of the REST API, which its clients see
    assert (root, found["method"]) == ("" if make is v2 else "/prod", "POST")
    assert (found["path"], found["raw_path"]) == (f"{root}/api/chat", f"{root}/api/chat".encode())
    assert (found["scheme"], found["client"]) == ("https", ("203.0.113.10", 0))
    assert found["server"][1] == 443
    assert (b"content-type", b"application/json") in found["headers"]
    assert json.loads(content)["threadId"] == "d251ea5b-0f81-472f-9d2a-8c4272e62821"
    assert found["aws.event"] == make()
    assert found["aws.context"] is CONTEXT


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
            read(make(headers=headers, multiValueHeaders=None), CONTEXT)


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
    alone = v1(multiValueQueryStringParameters={"a": [None], "b": None, "c": [""]})
    assert scope(alone)["query_string"] == b"a=&b=&c="
    single = v1(multiValueQueryStringParameters=None, queryStringParameters={"a": "&"})
    assert scope(single)["query_string"] == b"a=%26"


@pytest.mark.parametrize(
    ("host", "server"),
    [
        ("a.b", ("a.b", 443)),
        ("a.b:8000", ("a.b", 8000)),
        ("a:x", ("a", 443)),
        ("[2001:db8::1]", ("2001:db8::1", 443)),
        ("[2001:db8::1]:8443", ("2001:db8::1", 8443)),
        ("a:b:c", ("a", 443)),
        ("", ("", 443)),
        ("a:" + "9" * 5000, ("a", 443)),
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
        read(v2(**changes), CONTEXT)


@pytest.mark.parametrize("changes", [{"multiValueHeaders": [1]}, {"path": 1}, {"queryStringParameters": "a"}])
def test_a_part_of_another_type_is_refused_in_payload_1_too(changes: dict[str, Any]) -> None:
    with pytest.raises(BadEvent, match="is not"):
        read(v1(**{"multiValueQueryStringParameters": None} | changes), CONTEXT)


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
        read(made, CONTEXT)


# Every door


def url(path: str) -> dict[str, Any]:
    return sample("function-url", rawPath=path)


def http_api(path: str, stage: str = "$default", domain: str | None = None) -> dict[str, Any]:
    made = sample("http-api", rawPath=path)
    made["requestContext"] |= {"stage": stage} | ({"domainName": domain} if domain else {})
    made["requestContext"]["http"]["path"] = path
    return made


def http_api_1(path: str, stage: str = "$default") -> dict[str, Any]:
    made = sample("rest-api", version="1.0", path=path)
    made["requestContext"] |= {"stage": stage, "path": path}
    return made


def rest_api(path: str, whole: str, stage: str = "v1", domain: str | None = None) -> dict[str, Any]:
    made = sample("rest-api", path=path)
    made["requestContext"] |= {"stage": stage, "path": whole} | ({"domainName": domain} if domain else {})
    return made


def alb(path: str) -> dict[str, Any]:
    return sample("alb", path=path)


OWN = "abc.execute-api.eu-west-1.amazonaws.com"
CUSTOM = "chat.example.com"


@pytest.mark.parametrize(
    "made",
    [url("/a%2Fb/%41%2520"), alb("/a%2Fb/%41%2520"), rest_api("/a%2Fb/%41%2520", "/v1/a%2Fb/%41%2520")],
    ids=["function url", "load balancer", "rest api"],
)
def test_an_encoded_slash_stays_in_its_segment(made: dict[str, Any]) -> None:
    """And nothing is decoded twice."""
    root = scope(made)["root_path"].encode()
    assert scope(made)["raw_path"] == root + b"/a%2Fb/%41%2520"
    assert scope(made)["path"] == root.decode() + "/a/b/A%20"


@pytest.mark.parametrize("make", [http_api, http_api_1])
def test_an_http_api_decodes_the_path_and_it_is_not_decoded_again(
    make: Callable[[str], dict[str, Any]],
) -> None:
    found = scope(make("/50%25 of ä?#/x"))
    assert found["path"] == "/50%25 of ä?#/x"
    assert found["raw_path"] == b"/50%2525%20of%20%C3%A4%3F%23/x"


@pytest.mark.parametrize(
    ("made", "base", "root", "path"),
    [
        (http_api("/prod/api/chat", "prod", OWN), "", "/prod", "/api/chat"),
        (http_api("/prod", "prod", OWN), "", "/prod", "/"),
        (http_api("/prod/", "prod", OWN), "", "/prod", "/"),
        (http_api("/production/api", "prod", OWN), "", "", "/production/api"),
        (http_api("/api/chat", "$default", OWN), "", "", "/api/chat"),
        (http_api("/prod/api/chat", "prod", CUSTOM), "", "", "/api/chat"),
        (http_api("/prod/api/chat", "prod", CUSTOM), "/v1", "/v1", "/api/chat"),
        (http_api("/v1/api/chat", "$default", CUSTOM), "/v1", "/v1", "/api/chat"),
        (http_api_1("/prod/api/chat", "prod"), "", "/prod", "/api/chat"),
        (rest_api("/api/chat", "/v1/api/chat"), "", "/v1", "/api/chat"),
        (rest_api("/", "/v1"), "", "/v1", "/"),
        (rest_api("/", "/v1/"), "", "/v1", "/"),
        (rest_api("/api/chat", "/api/api/chat", "api"), "", "/api", "/api/chat"),
        (rest_api("/api/chat", "/api/chat", "api", CUSTOM), "", "", "/api/chat"),
        (rest_api("/api/chat", "/mapped/api/chat", "prod", CUSTOM), "", "/mapped", "/api/chat"),
        (rest_api("/api/chat", "/mapped/api/chat", "prod", CUSTOM), "/mapped", "/mapped", "/api/chat"),
        (rest_api("/api/chat/", "/v1/api/chat/"), "", "/v1", "/api/chat/"),
        (rest_api("/chat/api/chat", "/chat/api/chat", "prod", CUSTOM), "/chat", "/chat", "/api/chat"),
        (rest_api("/api/chat", "/api/chat", "test-invoke-stage"), "", "", "/api/chat"),
        (rest_api("/dev/api/chat", "/dev/api/chat", "dev"), "", "/dev", "/api/chat"),
        (alb("/chat/api/chat"), "/chat", "/chat", "/api/chat"),
        (alb("/api/chat"), "/chat", "", "/api/chat"),
        (alb("/chats/api/chat"), "/chat", "", "/chats/api/chat"),
        (alb("/None/api/chat"), "", "", "/None/api/chat"),
        (http_api("/None", "", OWN), "", "", "/None"),
        (url("//api/chat"), "", "", "/api/chat"),
        (url("/deep/er//api/chat"), "/deep/er", "/deep/er", "/api/chat"),
        (http_api("/prod//api/chat", "prod", OWN), "", "/prod", "/api/chat"),
    ],
)
def test_a_stage_and_a_base_path_are_told_apart_from_the_apps_own_path(
    made: dict[str, Any], base: str, root: str, path: str
) -> None:
    found, _ = read(made, CONTEXT, base)
    assert (found["root_path"], found["path"]) == (root, root + path)
    assert found["raw_path"] == (root + path).encode()


@pytest.mark.parametrize("make", [url, http_api, http_api_1, alb])
@pytest.mark.parametrize(
    "missing", ["headers", "body", "cookies", "multiValueHeaders", "queryStringParameters"]
)
def test_a_part_that_is_null_is_a_part_that_is_missing(
    make: Callable[[str], dict[str, Any]], missing: str
) -> None:
    """The console of API Gateway sends null headers, and many hand-made events do."""
    event = make("/x")
    event.pop(missing, None)
    assert {**scope(event | {missing: None}), "aws.event": event} == scope(event)


def test_an_event_without_a_path_asks_for_the_root() -> None:
    made = v2(rawPath=None)
    del made["requestContext"]["http"]["path"]
    assert (scope(made)["path"], scope(made)["raw_path"]) == ("/", b"/")
    assert scope(v1(path=None, requestContext={"resourcePath": "/"}))["path"] == "/"


def test_a_header_that_is_null_is_none() -> None:
    assert scope(v2(headers={"a": None, "b": "1"}))["headers"] == [(b"b", b"1")]
    assert scope(v1(multiValueHeaders={"a": None, "b": ["1", None]}))["headers"] == [(b"b", b"1")]


def test_an_event_without_a_callers_address_has_no_client() -> None:
    """A keep-warm event made by hand has none."""
    made = v2()
    del made["requestContext"]["http"]["sourceIp"]
    assert scope(made)["client"] is None
    assert scope(v1(requestContext={"resourcePath": "/"}))["client"] is None


def test_a_load_balancer_leaves_the_query_encoded_and_it_is_not_encoded_again() -> None:
    one = alb("/") | {"queryStringParameters": {"a": "x%20y+z", "b%5B%5D": "%C3%BC"}}
    assert scope(one)["query_string"] == b"a=x%20y+z&b%5B%5D=%C3%BC"
    several = alb("/") | {
        "multiValueQueryStringParameters": {"a": ["%26", "2"]},
        "queryStringParameters": None,
    }
    assert scope(several)["query_string"] == b"a=%26&a=2"


def test_the_client_of_a_load_balancer_is_the_address_that_it_added() -> None:
    assert scope(alb("/") | {"headers": {"x-forwarded-for": "10.0.0.1, 203.0.113.7"}})["client"] == (
        "203.0.113.7",
        0,
    )
    assert scope(alb("/") | {"headers": {}})["client"] is None


def test_without_tls_the_port_is_80() -> None:
    assert scope(v2(headers={"host": "a.b", "x-forwarded-proto": "http"}))["server"] == ("a.b", 80)


def test_half_a_character_in_a_text_body_reaches_the_app() -> None:
    """It is the app that refuses it: with the words of its own errors."""
    assert body(v2(body="\ud83d", isBase64Encoded=False)) == b"\xed\xa0\xbd"


def test_the_port_may_be_told_beside_the_host() -> None:
    told = {"host": "a.b", "x-forwarded-port": "8443", "x-forwarded-proto": "https"}
    assert scope(v2(headers=told))["server"] == ("a.b", 8443)


def test_a_rest_api_with_a_mapping_is_no_http_api_though_it_tells_a_raw_path() -> None:
    made = rest_api("/api/chat", "/mapped/api/chat", "prod", CUSTOM) | {"rawPath": "/mapped/api/chat"}
    assert (scope(made)["root_path"], scope(made)["path"]) == ("/mapped", "/mapped/api/chat")


def test_an_event_of_no_http_door_is_refused() -> None:
    with pytest.raises(BadEvent, match="no HTTP door"):
        read({"Records": []}, CONTEXT)
