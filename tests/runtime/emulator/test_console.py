"""The test button of API Gateway's console, as boto3 presses it."""

import asyncio
import json
from typing import Any

import boto3
import pytest

from tests.runtime.emulated import emulated


def press(url: str, **told: Any) -> Any:
    client = boto3.client(
        "apigateway",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )
    return client.test_invoke_method(restApiId="api", resourceId="root", httpMethod="GET", **told)


async def test_a_test_with_nothing_filled_in_is_answered() -> None:
    async with emulated() as lab:
        got = await asyncio.to_thread(press, lab.emulator.invoke_url, pathWithQueryString="/echo?a=1")
    assert got["status"] == 200
    seen = json.loads(got["body"])
    assert (seen["path"], seen["query"], seen["body"]) == ("/echo", "a=1", "")
    assert got["headers"]["content-type"] == "application/json"
    assert got["multiValueHeaders"]["set-cookie"] == ["a=1", "b=2"]


async def test_a_function_that_fails_is_a_500_there() -> None:
    async with emulated() as lab:
        got = await asyncio.to_thread(press, lab.emulator.invoke_url, pathWithQueryString="/early")
    assert (got["status"], json.loads(got["body"])) == (500, {"message": "Internal server error"})


@pytest.mark.parametrize("body", [b"{", b"[1]"])
async def test_what_is_no_test_is_a_400(body: bytes) -> None:
    async with emulated() as lab:
        url = lab.emulator.invoke_url + "/restapis/a/resources/b/methods/GET"
        assert (await lab.client.post(url, content=body)).status_code == 400
