"""The Runtime API as the platform offers it: its statuses and its rules."""

import asyncio
import base64
from contextlib import suppress

import httpx2
import pytest

from c1fn.runtime.emulator.call import Begun, Call, Ended
from c1fn.runtime.emulator.options import MAX_BUFFERED
from c1fn.runtime.emulator.runtime_api import CUT, TOO_LARGE
from tests.runtime.bench import answer, runtime_api

STREAMING = {
    "Lambda-Runtime-Function-Response-Mode": "streaming",
    "Content-Type": "application/octet-stream",
}


class Runtime:
    """A runtime of the test's own, on an ordinary HTTP client."""

    def __init__(self, port: int, client: httpx2.AsyncClient) -> None:
        self._base = f"http://127.0.0.1:{port}/2018-06-01/runtime"
        self._client = client

    async def next(self) -> httpx2.Response:
        return await self._client.get(self._base + "/invocation/next")

    async def post(
        self, path: str, content: bytes = b"", headers: dict[str, str] | None = None
    ) -> httpx2.Response:
        return await self._client.post(self._base + path, content=content, headers=headers)


async def test_an_invocation_is_given_with_its_headers_and_answered_once() -> None:
    async with runtime_api() as (api, address, notes), httpx2.AsyncClient(timeout=30) as client:
        runtime, call = Runtime(address.port, client), Call(b'{"a":1}', client_context="{}", tenant_id="t")
        api.submit(call)
        got = await runtime.next()
        assert got.json() == {"a": 1}
        assert got.headers["lambda-runtime-aws-request-id"] == call.request_id
        assert got.headers["lambda-runtime-invocation-id"] == call.invocation_id
        assert got.headers["lambda-runtime-client-context"] == "{}"
        assert got.headers["lambda-runtime-aws-tenant-id"] == "t"
        assert int(got.headers["lambda-runtime-deadline-ms"]) > 0
        path = f"/invocation/{call.request_id}/response"
        assert [(await runtime.post(path, b"1")).status_code for _ in range(2)] == [202, 410]
        assert (await answer(call)).body == b"1"
    assert (notes.asks, notes.begun, notes.ended) == (1, [call], [call])


@pytest.mark.parametrize("stale", ["unknown", "another delivery"])
async def test_what_is_stale_is_answered_410(stale: str) -> None:
    async with runtime_api() as (api, address, _), httpx2.AsyncClient(timeout=30) as client:
        call = Call(b"{}")
        api.submit(call)
        name = "unknown" if stale == "unknown" else call.request_id
        headers = {"Lambda-Runtime-Invocation-Id": "older"} if stale != "unknown" else {}
        for kind in ("response", "error"):
            got = await Runtime(address.port, client).post(f"/invocation/{name}/{kind}", b"{}", headers)
            assert (got.status_code, got.json()["errorType"]) == (410, "InvalidRequestID")


async def test_an_error_ends_the_call_with_its_type() -> None:
    async with runtime_api() as (api, address, _), httpx2.AsyncClient(timeout=30) as client:
        call = Call(b"{}")
        api.submit(call)
        body = b'{"errorType":"X","errorMessage":"m","stackTrace":["a"]}'
        got = await Runtime(address.port, client).post(
            f"/invocation/{call.request_id}/error", body, {"Lambda-Runtime-Function-Error-Type": "Function.Y"}
        )
        assert got.status_code == 202
        fault = (await answer(call)).fault
    assert fault
    assert (fault.type, fault.message, fault.trace) == ("Function.Y", "m", ("a",))


@pytest.mark.parametrize("body", [b"", b"no json", b"1", b"[]"])
async def test_an_error_without_a_report_is_one_all_the_same(body: bytes) -> None:
    async with runtime_api() as (api, address, _), httpx2.AsyncClient(timeout=30) as client:
        assert (await Runtime(address.port, client).post("/init/error", body)).status_code == 202
        assert api.init_fault
        assert api.init_fault.type == "Runtime.Unknown"


async def test_a_whole_response_of_more_than_6_megabytes_is_413() -> None:
    async with runtime_api() as (api, address, _), httpx2.AsyncClient(timeout=30) as client:
        call = Call(b"{}")
        api.submit(call)
        got = await Runtime(address.port, client).post(
            f"/invocation/{call.request_id}/response", b" " * (MAX_BUFFERED + 1)
        )
        assert got.status_code == 413
        assert (await answer(call)).fault == TOO_LARGE


async def speak(port: int, call: Call, body: bytes) -> asyncio.StreamWriter:
    """Begin a streamed response by hand."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    head = b"POST /2018-06-01/runtime/invocation/%b/response HTTP/1.1\r\n" % call.request_id.encode()
    head += b"Host: 127.0.0.1\r\n"
    head += b"".join(b"%s: %s\r\n" % (k.encode(), v.encode()) for k, v in STREAMING.items())
    writer.write(head + b"Transfer-Encoding: chunked\r\n\r\n" + body)
    await writer.drain()
    return writer


async def test_trailers_tell_a_fault_midway() -> None:
    async with runtime_api() as (api, address, _):
        call = Call(b"{}")
        api.submit(call)
        report = base64.b64encode(b'{"errorMessage":"m"}')
        trailer = (
            b"0\r\nLambda-Runtime-Function-Error-Type: Function.X\r\n"
            b"Lambda-Runtime-Function-Error-Body: %s\r\n\r\n" % report
        )
        writer = await speak(address.port, call, b"1\r\na\r\n" + trailer)
        got = await answer(call)
        writer.close()
    assert (got.begun, got.body) == (Begun("application/octet-stream", True), b"a")
    assert got.fault
    assert (got.fault.type, got.fault.message) == ("Function.X", "m")


async def test_a_response_that_breaks_off_is_cut() -> None:
    async with runtime_api() as (api, address, _):
        call = Call(b"{}")
        api.submit(call)
        writer = await speak(address.port, call, b"1\r\na\r\n")
        assert [await call.take(), await call.take()] == [Begun("application/octet-stream", True), b"a"]
        writer.close()
        assert await call.take() == Ended(CUT)


async def test_a_worker_that_leaves_while_it_waits_loses_no_call() -> None:
    async with runtime_api() as (api, address, notes), httpx2.AsyncClient(timeout=30) as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", address.port)
        writer.write(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        writer.write_eof()
        with suppress(ConnectionResetError):
            assert await reader.read() == b"", "the platform hangs up, too"
        writer.close()
        api.submit(Call(b'{"a":1}'))
        assert (await Runtime(address.port, client).next()).json() == {"a": 1}
    assert len(notes.begun) == 1


async def test_what_is_not_of_the_api_is_404() -> None:
    async with runtime_api(prefix="/p") as (_, address, _notes), httpx2.AsyncClient(timeout=30) as client:
        base = f"http://127.0.0.1:{address.port}"
        for path in ("/2018-06-01/runtime/invocation/next", "/p/other", "/p/2018-06-01/runtime/x"):
            assert (await client.get(base + path)).status_code == 404
