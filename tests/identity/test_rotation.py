"""A key that is changed where it is kept works without a deployment: the whole service, on a real secret."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import boto3
import pytest

from c1fn import compose
from c1fn.settings import Settings
from tests.asgi import Client, client_of
from tests.processes import chat_body
from tests.upstream import Upstream, refuse, say

pytestmark = pytest.mark.usefixtures("aws")

ANN, BOB = "planted-key-of-ann", "planted-key-of-bob"


class Kept:
    """A secret in Secrets Manager."""

    def __init__(self, **fields: Any) -> None:
        self._client: Any = boto3.client("secretsmanager", region_name="eu-west-1")
        self.arn: str = self._client.create_secret(Name="c1fn", SecretString=json.dumps(fields))["ARN"]

    def put(self, **fields: Any) -> None:
        self._client.put_secret_value(SecretId=self.arn, SecretString=json.dumps(fields))


@asynccontextmanager
async def service(kept: Kept, upstream: Upstream, **more: str) -> AsyncGenerator[Client, None]:
    environ = {"C1FN_SECRET": kept.arn, "C1FN_BASE_URL": upstream.url, **more}
    async with client_of(compose.web_app(compose.settle(Settings.read(environ), {}))) as client:
        yield client


async def test_the_turn_that_meets_a_rotated_model_key_is_answered_with_the_new_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    kept = Kept(THESYS_API_KEY="planted-first")
    async with Upstream(key="planted-second") as upstream, service(kept, upstream) as client:
        kept.put(THESYS_API_KEY="planted-second")
        answer = await client.post("/api/chat", chat_body("hi"))
        assert (answer.status, answer.body[:8]) == (200, b"<content")
        assert [r.headers["authorization"] for r in upstream.requests] == [
            "Bearer planted-first",
            "Bearer planted-second",
        ]
        await client.post("/api/chat", chat_body("again", "r2"))
        assert upstream.requests[-1].headers["authorization"] == "Bearer planted-second"
    assert "planted" not in caplog.text


@pytest.mark.parametrize("held", [{"THESYS_API_KEY": "planted"}, {"planted": "x"}, {"THESYS_API_KEY": "\n"}])
async def test_a_rejected_key_that_is_not_rotated_is_told_once(
    caplog: pytest.LogCaptureFixture, held: dict[str, str]
) -> None:
    kept = Kept(THESYS_API_KEY="planted")
    async with Upstream() as upstream, service(kept, upstream) as client:
        kept.put(**held)
        upstream.queue(refuse(401))
        answer = await client.post("/api/chat", chat_body("hi"))
        assert (answer.status, answer.json["code"]) == (502, "model_key_rejected")
        assert upstream.calls == 1
        assert "planted" not in answer.body.decode() + caplog.text


async def test_a_new_key_that_is_rejected_too_ends_the_turn() -> None:
    kept = Kept(THESYS_API_KEY="first")
    async with Upstream() as upstream, service(kept, upstream) as client:
        kept.put(THESYS_API_KEY="second")
        upstream.queue(refuse(403), refuse(403))
        assert (await client.post("/api/chat", chat_body("hi"))).json["code"] == "model_key_rejected"
        assert upstream.calls == 2


async def test_a_key_from_the_environment_is_never_replaced_by_the_secrets() -> None:
    kept = Kept(THESYS_API_KEY="second")
    async with Upstream() as upstream, service(kept, upstream, THESYS_API_KEY="first") as client:
        upstream.queue(refuse(401))
        assert (await client.post("/api/chat", chat_body("hi"))).status == 502
        assert [r.headers["authorization"] for r in upstream.requests] == ["Bearer first"]


async def test_a_callers_new_key_works_and_the_one_it_replaced_does_not() -> None:
    kept = Kept(THESYS_API_KEY="k", C1FN_KEYS={"ann": ANN})
    async with Upstream() as upstream, service(kept, upstream, C1FN_AUTH="key") as client:
        upstream.queue(say("a"))
        assert (await client.post("/api/chat", chat_body("hi"), headers={"x-api-key": ANN})).status == 200
        kept.put(THESYS_API_KEY="k", C1FN_KEYS={"ann": f"{ANN}-2", "bob": BOB})
        for key, status in (BOB, 404), (f"{ANN}-2", 200), (ANN, 401):
            answer = await client.get("/api/threads/t/messages", headers={"x-api-key": key})
            assert answer.status == status


async def test_a_secret_that_is_damaged_later_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    kept = Kept(THESYS_API_KEY="k", C1FN_KEYS={"ann": ANN})
    async with Upstream() as upstream, service(kept, upstream, C1FN_AUTH="key") as client:
        kept.put(THESYS_API_KEY="k", C1FN_KEYS={"bob": "planted"})
        for key, status in ("wrong", 401), (ANN, 200):
            assert (await client.get("/api/threads", headers={"x-api-key": key})).status == status
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("C1FN_KEYS: C1FN_AUTH=key needs a JSON object of keys")
    assert "planted" not in caplog.text
