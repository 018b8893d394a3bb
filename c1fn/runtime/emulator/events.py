"""HTTP requests become the events that Lambda's front doors send. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

import base64
from collections.abc import Sequence
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


def function_url(
    request: HttpRequest, *, url_id: str, region: str, request_id: str, now: datetime
) -> dict[str, Any]:
    """Payload 2.0, with a function URL's domain. ``headers.host`` stays what the client asked for, so that
    a browser's own origin rules hold.
    """
    headers: dict[str, str] = {}
    for name, value in _forwarded(request):
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    cookies = [cookie for cookie in headers.pop("cookie", "").split("; ") if cookie]
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": request.path,
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": {
            "accountId": "anonymous",
            "apiId": url_id,
            "domainName": f"{url_id}.lambda-url.{region}.on.aws",
            "domainPrefix": url_id,
            "http": {
                "method": request.method,
                "path": unquote(request.path),
                "protocol": "HTTP/1.1",
                "sourceIp": request.peer,
                "userAgent": request.header("user-agent"),
            },
            "requestId": request_id,
            "routeKey": "$default",
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(now.timestamp() * 1000),
        },
        **_body(request),
    }
    if cookies:
        event["cookies"] = cookies
    if request.query:
        event["queryStringParameters"] = {name: ",".join(values) for name, values in _query(request).items()}
    return event


def rest_api(
    request: HttpRequest, *, stage: str, api_id: str, region: str, request_id: str, now: datetime
) -> dict[str, Any]:
    """Payload 1.0, of a greedy proxy resource. ``request.path`` is the path without the stage."""
    several: dict[str, list[str]] = {}
    for name, value in _forwarded(request):
        several.setdefault(name, []).append(value)
    query = _query(request)
    path = unquote(request.path)
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": request.method,
        "headers": {name: values[-1] for name, values in several.items()},
        "multiValueHeaders": several,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": {"proxy": path.lstrip("/")},
        "stageVariables": None,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": api_id,
            "domainName": f"{api_id}.execute-api.{region}.amazonaws.com",
            "domainPrefix": api_id,
            "extendedRequestId": request_id,
            "httpMethod": request.method,
            "identity": {"sourceIp": request.peer, "userAgent": request.header("user-agent")},
            "path": f"/{stage}{path}",
            "protocol": "HTTP/1.1",
            "requestId": request_id,
            "requestTime": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "requestTimeEpoch": int(now.timestamp() * 1000),
            "resourceId": "proxy",
            "resourcePath": "/{proxy+}",
            "stage": stage,
        },
        **_body(request, empty=None),
    }


def utc_now() -> datetime:
    return datetime.now(UTC)


def _forwarded(request: HttpRequest) -> list[tuple[str, str]]:
    """The headers a front door passes on, and those it adds; the emulator is reached without TLS."""
    own = [("x-forwarded-for", request.peer), ("x-forwarded-proto", "http")]
    dropped = {"connection", "transfer-encoding", *(name for name, _ in own)}
    return [(name.lower(), value) for name, value in request.fields if name.lower() not in dropped] + own


def _query(request: HttpRequest) -> dict[str, list[str]]:
    query: dict[str, list[str]] = {}
    for name, value in parse_qsl(request.query, keep_blank_values=True):
        query.setdefault(name, []).append(value)
    return query


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
