"""The day AWS's Python runtime streams, c1fn's handler streams through it; until then nothing changes.

The runtime is a stand-in (tests/runtime/aws), run as its own process against the emulator's Runtime API.
"""

import json
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import awslambdaric
import pytest
from awslambdaric import lambda_runtime_client

from c1fn.runtime import native
from tests.runtime.bench import sample
from tests.runtime.emulated import ROOT, Gate, emulated, release

AWS = Path(__file__).parent / "aws"
HANDLER = "tests.runtime.functions.native.handler"
CHAT = {"prompt": {"role": "user", "content": "hi"}, "threadId": "t", "responseId": "r"}
OFFLINE = {"C1FN_MODEL": "offline", "C1FN_AUTH": "none"}
INVOKE = "/2015-03-31/functions/function/invocations"


def under_aws(handler: str = HANDLER, **environ: str) -> Any:
    path = os.pathsep.join([str(AWS), str(ROOT)])
    return emulated(handler, bootstrap=None, environ={"PYTHONPATH": path, **environ}, init_timeout=30)


@pytest.mark.parametrize("door", ["url", "rest_url"])
async def test_the_first_piece_arrives_while_the_app_is_held_at_its_gate(door: str) -> None:
    async with under_aws() as lab, Gate() as gate:
        url = f"{getattr(lab.emulator, door)}/gated?gate={gate.port}"
        async with lab.client.stream("GET", url) as answer:
            pieces = answer.aiter_bytes()
            first = await anext(pieces)
            await release(await gate.held())
            rest = b"".join([piece async for piece in pieces])
    assert answer.status_code == 200
    assert first
    assert rest


async def test_c1fn_itself_streams_when_asked_to() -> None:
    async with (
        under_aws("handler.handler", C1FN_RUNTIME="aws", **OFFLINE) as lab,
        lab.client.stream("POST", f"{lab.emulator.url}/api/chat", json=CHAT) as answer,
    ):
        pieces = [piece async for piece in answer.aiter_bytes()]
    assert answer.status_code == 200, lab.lines
    assert len(pieces) > 3
    assert b"".join(pieces).startswith(b"<content")


async def test_a_door_that_cannot_stream_gets_a_whole_answer() -> None:
    async with under_aws() as lab:
        event = {**sample("alb"), "path": "/echo"}
        answered = await lab.client.post(f"{lab.emulator.invoke_url}{INVOKE}", json=event)
    assert isinstance(answered.json().get("statusCode"), int), (answered.text, lab.lines)


async def test_a_bad_event_is_told_as_a_streamed_refusal() -> None:
    event = sample("function-url")
    event["headers"] = {"a": 1}
    async with under_aws() as lab:
        answered = await lab.client.post(f"{lab.emulator.invoke_url}{INVOKE}", json=event)
    head, _, body = answered.content.partition(b"\0" * 8)
    assert json.loads(head)["statusCode"] == 400
    assert json.loads(body)["code"] == "bad_event"


def test_todays_runtime_of_aws_does_not_stream() -> None:
    """When this fails, AWS's does: read docs/next.md, and try it."""
    assert not native.can_stream(awslambdaric)
    assert not [name for name in dir(lambda_runtime_client.LambdaRuntimeClient) if "stream" in name]


def test_half_of_it_is_not_enough() -> None:
    half = ModuleType("awslambdaric")
    half.__dict__["streamify_response"] = print
    assert not native.can_stream(half)
    assert not native.can_stream(None)
