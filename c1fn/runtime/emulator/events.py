"""Converts HTTP requests into the events of each door. Pure.

What each door does to a path and to a query is seen in events that people have published: an HTTP API
decodes the path, and ends it at a decoded question mark; a load balancer decodes neither; a REST API decodes
the query alone. The path of an HTTP API's event contains the name of the stage.

https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

ACCOUNT = "123456789012"
_TEXT = ("text/", "application/json", "application/javascript", "application/xml", "application/problem+json")


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """``path`` and ``query`` as they were sent; ``fields`` are the headers in order."""

    method: str
    path: str
    query: str
    fields: Sequence[tuple[str, str]]
    body: bytes
    peer: str

    def header(self, name: str) -> str:
        return next((value for field, value in self.fields if field.lower() == name), "")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a door is, and when. ``prefix`` is what clients put before every path, and ``domain`` the custom
    domain that they ask, if there is one.
    """

    api_id: str
    region: str
    request_id: str
    now: datetime
    stage: str = "$default"
    prefix: str = ""
    domain: str = ""


def function_url(request: HttpRequest, place: Place) -> dict[str, Any]:
    """Payload 2.0, with a function URL's domain. ``headers.host`` stays what the client asked for, so that
    a browser's own origin rules hold.
    """
    domain = f"{place.api_id}.lambda-url.{place.region}.on.aws"
    return _payload_2(request, place, request.path, unquote(request.path), domain)


def http_api(request: HttpRequest, place: Place) -> dict[str, Any]:
    """Payload 2.0. Clients of a custom domain see its prefix, and the event the stage in its place."""
    stage = "" if place.stage == "$default" else f"/{place.stage}"
    path = unquote(stage + request.path.removeprefix(place.prefix)).partition("?")[0] or "/"
    return _payload_2(request, place, path, path, place.domain or _execute_api(place))


def _payload_2(request: HttpRequest, place: Place, raw: str, path: str, domain: str) -> dict[str, Any]:
    headers: dict[str, str] = {}
    for name, value in _forwarded(request):
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    cookies = [cookie for cookie in headers.pop("cookie", "").split("; ") if cookie]
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": raw,
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": {
            "accountId": "anonymous" if ".lambda-url." in domain else ACCOUNT,
            "apiId": place.api_id,
            "domainName": domain,
            "domainPrefix": domain.partition(".")[0],
            "http": {
                "method": request.method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": request.peer,
                "userAgent": request.header("user-agent"),
            },
            "requestId": place.request_id,
            "routeKey": "$default",
            "stage": place.stage,
            "time": place.now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(place.now.timestamp() * 1000),
        },
        **_body(request),
    }
    if cookies:
        event["cookies"] = cookies
    if request.query:
        event["queryStringParameters"] = {name: ",".join(values) for name, values in _query(request).items()}
    return event


def rest_api(request: HttpRequest, place: Place) -> dict[str, Any]:
    """Payload 1.0, of a greedy proxy resource. The stage is taken out of the path; a custom domain's prefix
    stays there.
    """
    path = request.path if place.domain else request.path.removeprefix(place.prefix) or "/"
    several = _several(_forwarded(request))
    query = _query(request)
    return {
        **_payload_1(request, path, several, query),
        "requestContext": {
            **_rest_context(request, place),
            "path": request.path,
            "domainName": place.domain or _execute_api(place),
            "domainPrefix": (place.domain or place.api_id).partition(".")[0],
            "identity": {"sourceIp": request.peer, "userAgent": request.header("user-agent")},
            "stage": place.stage,
        },
    }


def console_test(request: HttpRequest, place: Place) -> dict[str, Any]:
    """What the test button of API Gateway's console sends: null where nothing was filled in."""
    return {
        **_payload_1(request, request.path, _several(request.fields), _query(request)),
        "requestContext": {
            **_rest_context(request, place),
            "path": request.path,
            "domainName": "testPrefix.testDomainName",
            "domainPrefix": "testPrefix",
            "identity": {
                "sourceIp": "test-invoke-source-ip",
                "userAgent": "aws-internal/3",
                "apiKey": "test-invoke-api-key",
                "userArn": f"arn:aws:iam::{ACCOUNT}:root",
            },
            "stage": "test-invoke-stage",
        },
    }


def load_balancer(request: HttpRequest, place: Place, *, several: bool) -> dict[str, Any]:
    """:param several: the target group has multi-value headers on."""
    group = f"arn:aws:elasticloadbalancing:{place.region}:{ACCOUNT}:targetgroup/{place.api_id}/1"
    headers = _several(_forwarded(request))
    query: dict[str, list[str]] = {}
    for pair in filter(None, request.query.split("&")):
        name, _, value = pair.partition("=")
        query.setdefault(name, []).append(value)
    event: dict[str, Any] = {
        "requestContext": {"elb": {"targetGroupArn": group}},
        "httpMethod": request.method,
        "path": request.path,
        **({"body": "", "isBase64Encoded": False} | _body(request)),
    }
    if several:
        return event | {"multiValueHeaders": headers, "multiValueQueryStringParameters": query}
    return event | {"headers": _last(headers), "queryStringParameters": _last(query)}


def utc_now() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


def _execute_api(place: Place) -> str:
    return f"{place.api_id}.execute-api.{place.region}.amazonaws.com"


def _payload_1(
    request: HttpRequest, path: str, headers: dict[str, list[str]], query: dict[str, list[str]]
) -> dict[str, Any]:
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": request.method,
        "headers": _last(headers) or None,
        "multiValueHeaders": headers or None,
        "queryStringParameters": _last(query) or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": {"proxy": unquote(path).lstrip("/")},
        "stageVariables": None,
        **_body(request, empty=None),
    }


def _rest_context(request: HttpRequest, place: Place) -> dict[str, Any]:
    return {
        "accountId": ACCOUNT,
        "apiId": place.api_id,
        "extendedRequestId": place.request_id,
        "httpMethod": request.method,
        "protocol": "HTTP/1.1",
        "requestId": place.request_id,
        "requestTime": place.now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "requestTimeEpoch": int(place.now.timestamp() * 1000),
        "resourceId": "proxy",
        "resourcePath": "/{proxy+}",
    }


def _forwarded(request: HttpRequest) -> list[tuple[str, str]]:
    """The headers a front door passes on, and those it adds; the emulator is reached without TLS."""
    own = [("x-forwarded-for", request.peer), ("x-forwarded-proto", "http")]
    dropped = {"connection", "transfer-encoding", *(name for name, _ in own)}
    return [(name.lower(), value) for name, value in request.fields if name.lower() not in dropped] + own


def _several(fields: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    several: dict[str, list[str]] = {}
    for name, value in fields:
        several.setdefault(name, []).append(value)
    return several


def _last(several: Mapping[str, Sequence[str]]) -> dict[str, str]:
    return {name: values[-1] for name, values in several.items()}


def _query(request: HttpRequest) -> dict[str, list[str]]:
    return _several(parse_qsl(request.query, keep_blank_values=True))


def _body(request: HttpRequest, empty: str | None = "") -> dict[str, Any]:
    """Text stays text; what is none, or does not decode, becomes base64."""
    if not request.body:
        return {"isBase64Encoded": False} if empty == "" else {"body": empty, "isBase64Encoded": False}
    if request.header("content-type").startswith(_TEXT):
        try:
            return {"body": request.body.decode(), "isBase64Encoded": False}
        except UnicodeDecodeError:
            pass
    return {"body": base64.b64encode(request.body).decode(), "isBase64Encoded": True}
