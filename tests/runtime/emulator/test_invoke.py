"""Lambda's Invoke API, spoken to by boto3."""

import asyncio
import base64
import json
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.runtime.bench import get
from tests.runtime.emulated import DOORS, Gate, Lab, emulated, release


def client(lab: Lab) -> Any:
    return boto3.client(
        "lambda",
        endpoint_url=lab.emulator.invoke_url,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}),
    )


async def invoke(lab: Lab, event: Any = None, **more: Any) -> tuple[dict[str, Any], Any]:
    """The response and its payload."""

    def call() -> tuple[dict[str, Any], Any]:
        caller = client(lab)
        payload = (
            {} if event is None else {"Payload": event if isinstance(event, bytes) else json.dumps(event)}
        )
        try:
            got = caller.invoke(FunctionName="function", **payload, **more)
            body = got["Payload"].read()
        finally:
            caller.close()
        return got, json.loads(body) if body else None

    return await asyncio.to_thread(call)


class Stream:
    """An open InvokeWithResponseStream; each event is read in a thread."""

    def __init__(self, lab: Lab, event: Any) -> None:
        self._client = client(lab)
        self.response = self._client.invoke_with_response_stream(
            FunctionName="function", Payload=json.dumps(event)
        )
        self._events = iter(self.response["EventStream"])

    async def next(self) -> dict[str, Any]:
        found: dict[str, Any] = await asyncio.to_thread(next, self._events)
        return found

    async def close(self) -> None:
        self.response["EventStream"].close()
        self._client.close()


def raw(path: str, query: str = "") -> dict[str, Any]:
    return {"raw": json.loads(get(path, query))}


async def test_boto3_reads_a_piece_while_the_app_is_held_at_its_gate() -> None:
    async with emulated(DOORS) as lab, Gate() as gate:
        stream = await asyncio.to_thread(Stream, lab, raw("/gated", f"gate={gate.port}"))
        assert await stream.next() == {"PayloadChunk": {"Payload": b"first "}}
        await release(await gate.held())
        assert await stream.next() == {"PayloadChunk": {"Payload": b"second"}}
        assert await stream.next() == {"InvokeComplete": {}}
        await stream.close()
    assert stream.response["StatusCode"] == 200
    assert stream.response["ResponseStreamContentType"] == "application/vnd.amazon.eventstream"


async def test_boto3_is_told_of_a_fault_midway() -> None:
    async with emulated(DOORS) as lab:
        stream = await asyncio.to_thread(Stream, lab, raw("/midway"))
        assert await stream.next() == {"PayloadChunk": {"Payload": b"half"}}
        complete = (await stream.next())["InvokeComplete"]
        await stream.close()
    assert complete["ErrorCode"] == "Function.Boom"
    assert json.loads(complete["ErrorDetails"])["errorType"] == "Function.Boom"


async def test_an_invocation_is_answered_with_json() -> None:
    async with emulated(DOORS) as lab:
        got, payload = await invoke(lab, {"a": "ü"})
        _, empty = await invoke(lab)
    assert (got["StatusCode"], got["ExecutedVersion"]) == (200, "$LATEST")
    assert "FunctionError" not in got
    assert payload["event"] == {"a": "ü"}
    assert empty["event"] == {}


async def test_a_buffered_invocation_of_a_stream_gets_all_its_bytes() -> None:
    async with emulated(DOORS) as lab:
        _, payload = await invoke(lab, raw("/echo"))
    assert payload["path"] == "/echo"


async def test_a_fault_is_an_unhandled_function_error() -> None:
    async with emulated(DOORS) as lab:
        got, payload = await invoke(lab, raw("/early"))
        large, _ = await invoke(lab, raw("/big", "mb=7"))
    assert (got["FunctionError"], payload["errorType"]) == ("Unhandled", "Function.Boom")
    assert large["FunctionError"] == "Unhandled"


async def test_a_client_context_and_a_tenant_reach_the_function() -> None:
    context = base64.b64encode(b'{"custom":{"a":1}}').decode()
    async with emulated(DOORS) as lab:
        _, payload = await invoke(lab, raw("/echo"), ClientContext=context, TenantId="t-1")
    assert payload["tenant"] == "t-1"


async def test_an_event_is_taken_without_waiting_and_a_dry_run_does_nothing() -> None:
    async with emulated(DOORS) as lab, Gate() as gate:
        got, _ = await invoke(lab, raw("/gated", f"gate={gate.port}"), InvocationType="Event")
        assert got["StatusCode"] == 202
        await release(await gate.held())
        dry, _ = await invoke(lab, raw("/die"), InvocationType="DryRun")
        assert dry["StatusCode"] == 204
        await invoke(lab, raw("/echo"))
        assert len(lab.logged("START")) == 2


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "kind"),
    [
        ("/2015-03-31/functions/other/invocations", b"{}", {}, 404, "ResourceNotFoundException"),
        ("/2015-03-31/functions", b"{}", {}, 404, "UnknownOperationException"),
        ("/2015-03-31/functions/function/invocations", b"{", {}, 400, "InvalidRequestContentException"),
        (
            "/2015-03-31/functions/function/invocations",
            b"{}",
            {"x-amz-client-context": "?"},
            400,
            "InvalidRequestContentException",
        ),
        (
            "/2015-03-31/functions/function/invocations",
            b" " * (6 * 1024 * 1024 + 1),
            {},
            413,
            "RequestTooLargeException",
        ),
    ],
)
async def test_a_bad_call_gets_lambdas_own_error(
    path: str, body: bytes, headers: dict[str, str], status: int, kind: str
) -> None:
    async with emulated(DOORS) as lab:
        got = await lab.client.post(lab.emulator.invoke_url + path, content=body, headers=headers)
    assert (got.status_code, got.headers["x-amzn-errortype"]) == (status, kind)


async def test_a_function_is_known_by_its_arn_too() -> None:
    async with emulated(DOORS) as lab:
        path = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Afunction"
        got = await lab.client.post(f"{lab.emulator.invoke_url}{path}/invocations", content=b"{}")
    assert got.status_code == 200


async def test_a_call_beyond_the_limit_is_throttled() -> None:
    async with emulated(DOORS, concurrency=1) as lab, Gate() as gate:
        await invoke(lab, raw("/gated", f"gate={gate.port}"), InvocationType="Event")
        held = await gate.held()
        path = "/2015-03-31/functions/function/invocations"
        got = await lab.client.post(lab.emulator.invoke_url + path, content=b"{}")
        assert (got.status_code, got.headers["x-amzn-errortype"]) == (429, "TooManyRequestsException")
        await release(held)
