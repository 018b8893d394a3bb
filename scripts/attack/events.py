"""Events as a direct invoker writes them: with an identity of his choice, from a door of his choice."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.attack.ledger import Ledger
from scripts.attack.targets import chat, emulated

OFFLINE = {"C1FN_MODEL": "offline"}
ARN = "arn:aws:iam::123456789012:user/ann"
ROLE = "arn:aws:sts::123456789012:assumed-role/app"
ISSUER = "https://issuer.example"
CLAIMS = {"iss": ISSUER, "aud": "app", "sub": "ann", "exp": "4102444800"}
JWT = {"C1FN_AUTH": "jwt", "C1FN_JWT_ISSUER": ISSUER, "C1FN_JWT_AUDIENCE": "app"}
KEY, TOKEN, PROMPT = "planted-key-of-the-model", "planted-token-of-a-session", "planted words of a person"


def v2(
    context: dict[str, Any], domain: str = "x.execute-api.eu-west-1.amazonaws.com", **more: Any
) -> dict[str, Any]:
    http = {"method": "GET", "path": "/api/threads"}
    context = {"http": http, "domainName": domain, "stage": "$default", **context}
    event = {"version": "2.0", "rawPath": "/api/threads", "headers": {"host": domain}, "body": ""}
    return {**event, "requestContext": context, **more}


def v1(context: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"httpMethod": "GET", "path": "/api/threads", "headers": {"host": "x"},
            "requestContext": {"resourcePath": "/{proxy+}", "stage": "v1", **context}, **more}  # fmt: skip


def identities() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every way in which a door tells an AWS identity."""
    signed = {"accessKey": "A", "accountId": "123456789012", "userArn": ARN, "userId": "U"}
    yield "authorizer.iam", {"authorizer": {"iam": signed}}
    yield "identity", {"identity": signed}
    yield "identity of a pool", {"identity": {**signed, "cognitoIdentityId": "eu-west-1:1"}}
    yield (
        "cognitoIdentity",
        {"authorizer": {"iam": {**signed, "cognitoIdentity": {"identityId": "eu-west-1:1"}}}},
    )
    yield "API key", {"identity": {"apiKeyId": "abc"}}


def doors(context: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Doors that the templates do not make."""
    yield "HTTP API", v2(context)
    yield "HTTP API, payload 1.0", v1(context, version="1.0")
    yield "load balancer", v1({**context, "elb": {"targetGroupArn": "x"}})
    yield "no domain", {**v2(context), "requestContext": {"http": {"method": "GET", "path": "/"}, **context}}


async def run(ledger: Ledger, tree: Path) -> None:
    await ledger.each(_iam(ledger, tree), _jwt(ledger, tree), _levels(ledger, tree))


async def _iam(ledger: Ledger, tree: Path) -> None:
    async with emulated(tree, C1FN_AUTH="iam", **OFFLINE) as function:
        for how, context in identities():
            for door, event in doors(context):
                answer = await function.event(event)
                ledger.note(
                    f"iam: {how} in an event of a {door}",
                    held=answer["statusCode"] in (400, 401),
                    seen=answer,
                )
        for name in ("x-amzn-iam-user-arn", "x-amz-user-arn", "x-forwarded-user"):
            answer = await function.event(
                v2({}, "x.lambda-url.eu-west-1.on.aws", headers={name: ARN, "host": "x"})
            )
            ledger.note(
                f"iam: an identity in the header {name}", held=answer["statusCode"] == 401, seen=answer
            )
        await _sessions(ledger, function)


async def _sessions(ledger: Ledger, function: Any) -> None:
    def by(session: str, path: str = "/api/threads", body: str = "", method: str = "GET") -> dict[str, Any]:
        event = v2(
            {"authorizer": {"iam": {"userArn": f"{ROLE}/{session}"}}},
            "x.lambda-url.eu-west-1.on.aws",
            body=body,
        )
        event["rawPath"] = path
        event["requestContext"]["http"] = {"method": method, "path": path}
        return event

    await function.event(by("botocore-session-1", body='{"threadId": "t"}', method="POST"))
    for session in ("botocore-session-2", "another", "ann@example.com"):
        answer = await function.event(by(session))
        held = '"threadId":"t"' in str(answer.get("body")).replace(" ", "")
        ledger.note(f"iam: a fresh owner under the session {session}", held=held, seen=answer)


async def _jwt(ledger: Ledger, tree: Path) -> None:
    async with emulated(tree, **OFFLINE, **JWT) as function:
        for how, context in (
            ("claims of a JWT authorizer", {"authorizer": {"jwt": {"claims": CLAIMS, "scopes": None}}}),
            ("claims of a Cognito authorizer", {"authorizer": {"claims": CLAIMS}}),
            ("claims of a Lambda authorizer", {"authorizer": {"lambda": CLAIMS, **CLAIMS}}),
        ):
            urls = v2(context, "x.lambda-url.eu-west-1.on.aws"), v1(context)
            for door, event in (*doors(context), ("function URL", urls[0]), ("REST API", urls[1])):
                answer = await function.event(event)
                ledger.note(
                    f"jwt: {how} in an event of a {door}",
                    held=answer["statusCode"] in (400, 401),
                    seen=answer,
                )


async def _levels(ledger: Ledger, tree: Path) -> None:
    """Everything is logged, and the table is at a server that refuses all: requests were printed."""
    loud = {
        "AWS_LAMBDA_LOG_LEVEL": "DEBUG",
        "OPENAI_LOG": "debug",
        "C1FN_STORE": "dynamodb",
        "C1FN_AUTH": "none",
    }
    aws = {
        "AWS_ACCESS_KEY_ID": "A",
        "AWS_SECRET_ACCESS_KEY": "planted-secret-of-aws",
        "AWS_SESSION_TOKEN": TOKEN,
    }
    refusing = await asyncio.start_server(_refuse, "127.0.0.1", 0)
    port = refusing.sockets[0].getsockname()[1]
    where = {"C1FN_DYNAMODB_ENDPOINT": f"http://127.0.0.1:{port}", "THESYS_API_KEY": KEY}
    async with refusing, emulated(tree, **OFFLINE, **loud, **aws, **where) as function:
        await function.event(chat(PROMPT))
        told = "".join(function.lines)
    for what in (KEY, TOKEN, PROMPT, "planted-secret-of-aws"):
        ledger.note(f"DEBUG: {what} in the log", held=what not in told, seen="it stands there")


async def _refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    body = json.dumps(
        {"__type": "com.amazonaws.dynamodb.v20120810#ValidationException", "message": "no"}
    ).encode()
    await reader.read(65536)
    head = b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/x-amz-json-1.0\r\n"
    writer.write(head + b"connection: close\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
    await writer.drain()
    writer.close()
