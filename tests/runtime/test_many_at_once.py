"""Many invocations at once in one process, as on Managed Instances: each is alone with what is its own.

tests/runtime/test_emulator.py has fifty of them through the doors, and a slow client beside a quick one.
"""

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable

import pytest

from c1fn.runtime.asgi import Receive, Scope, Send
from c1fn.runtime.doors import Doors
from c1fn.runtime.emulator.call import Begun, Call
from c1fn.runtime.emulator.http import Exchange, Server
from c1fn.runtime.emulator.runtime_api import RuntimeApi
from c1fn.runtime.fault import Fault
from c1fn.runtime.function import Function
from c1fn.runtime.load_handler import Plain
from c1fn.runtime.loop import serve
from c1fn.runtime.protocol import Address
from tests.runtime.bench import answer, get, runtime_api, submit, working
from tests.runtime.emulated import Gate, emulated, release
from tests.runtime.functions.plain import app as plain
from tests.runtime.test_loop import Gated

GONE = Fault("Sandbox.Timedout", "the platform ended it")


class Meeting:
    """An app that answers the path ``/wait`` when the test says so; other paths are those of ``plain``."""

    def __init__(self, inside: Callable[[Scope], Awaitable[None]] | None = None) -> None:
        self.entered = asyncio.Semaphore(0)
        self.gate = asyncio.Event()
        self._inside = inside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != "/wait":
            await plain(scope, receive, send)
            return
        self.entered.release()
        await self.gate.wait()
        if self._inside:
            await self._inside(scope)
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": scope["aws.context"].aws_request_id.encode()})


async def met(api: RuntimeApi, app: Meeting, count: int) -> list[Call]:
    """So many calls of ``/wait`` that are all in the app."""
    calls = [submit(api, get("/wait")) for _ in range(count)]
    for _ in calls:
        await app.entered.acquire()
    return calls


async def test_lines_of_invocations_that_run_at_once_carry_each_its_own_request_id() -> None:
    """Also those that a thread or a task of an invocation writes, whoever wrote last."""
    async with emulated(managed=8, concurrency=1) as lab, Gate() as gate:
        url = lab.emulator.url + "/chorus"
        asking = [asyncio.create_task(lab.client.get(f"{url}?gate={gate.port}&n={n}")) for n in range(8)]
        held = [await gate.held() for _ in asking]
        for one in reversed(held):
            await release(one)
        ids = {n: (await got).headers["x-amzn-requestid"] for n, got in enumerate(asking)}
        assert len(lab.emulator.function.processes) == 1
    lines = [json.loads(line) for line in lab.logged('"logger": "plain"')]
    told = [(line["message"], line["requestId"]) for line in lines]
    assert sorted(told) == sorted(
        (f"{where} {n}", ids[n]) for n in ids for where in ("app", "task", "thread")
    )


async def test_each_invocation_has_its_own_deadline() -> None:
    left: asyncio.Queue[int] = asyncio.Queue()

    async def look(scope: Scope) -> None:
        left.put_nowait(scope["aws.context"].get_remaining_time_in_millis())

    app = Meeting(look)
    headers = [("lambda-runtime-aws-request-id", "id-{}"), ("lambda-runtime-deadline-ms", "{}")]
    deadlines = iter((10**12, 4 * 10**12))  # long ago, and in the year 2096

    async def platform(exchange: Exchange) -> None:
        await exchange.body(100_000)
        deadline = next(deadlines, None) if exchange.method == "GET" else 0
        if exchange.method == "POST":
            await exchange.respond(202)
        elif deadline is None:
            await exchange.unless_gone(asyncio.Event().wait())
        else:
            told = [(name, value.format(deadline)) for name, value in headers]
            await exchange.respond(200, told, get("/wait"))

    server = await Server.listen(platform)
    address = Address("127.0.0.1", server.port, "")
    serving = asyncio.create_task(serve(address, Plain(app), app, concurrency=2))
    for _ in range(2):
        await app.entered.acquire()
    app.gate.set()
    short, long = sorted([await left.get(), await left.get()])
    os.kill(os.getpid(), signal.SIGTERM)
    await serving
    await server.close()
    assert short == 0
    assert long > 10**12


async def test_one_that_the_platform_gave_up_leaves_the_others_alone_and_its_place_is_used_again() -> None:
    app = Meeting()
    async with working(app, workers=3, managed=3) as (api, tasks):
        calls = await met(api, app, 3)
        api.over(calls[0], GONE)
        app.gate.set()
        assert [(await answer(call)).body.decode() for call in calls[1:]] == [
            call.request_id for call in calls[1:]
        ]
        again = await met(api, app, 3)
        assert all([(await answer(call)).fault is None for call in again])
        assert not any(task.done() for task in tasks)


@pytest.mark.parametrize("path", ["/early", "/midway", "/silent", "/cancel", "/leave"])
async def test_one_that_fails_leaves_the_others_alone_and_its_place_is_used_again(path: str) -> None:
    """Even one that ends its process: AWS's runtime has a process for each, so the others live on there."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/cancel":
            raise asyncio.CancelledError
        await meeting(scope, receive, send)

    meeting = Meeting()
    async with working(app, workers=3, managed=3) as (api, tasks):
        calls = await met(api, meeting, 2)
        assert (await answer(submit(api, get(path)))).fault
        assert (await answer(submit(api, get("/echo")))).fault is None
        meeting.gate.set()
        assert [(await answer(call)).body.decode() for call in calls] == [call.request_id for call in calls]
        assert not any(task.done() for task in tasks)


async def test_a_plain_function_that_exits_in_its_thread_leaves_the_others_alone() -> None:
    begun, gate = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def handler(event: dict[str, str], _: object) -> str:
        if event["rawPath"] == "/exit":
            raise SystemExit(3)
        loop.call_soon_threadsafe(begun.set)
        asyncio.run_coroutine_threadsafe(gate.wait(), loop).result()
        return "served"

    async with working(Function(handler, Doors(), 2), workers=2, managed=2) as (api, tasks):
        call = submit(api, get("/"))
        await begun.wait()
        fault = (await answer(submit(api, get("/exit")))).fault
        assert fault
        assert fault.type == "Function.SystemExit"
        gate.set()
        assert (await answer(call)).body == b"served"
        assert not any(task.done() for task in tasks)


async def test_a_process_that_dies_fails_all_that_it_ran_and_the_next_call_gets_another() -> None:
    async with emulated(managed=3, concurrency=1) as lab, Gate() as gate:
        url = f"{lab.emulator.url}/gated?gate={gate.port}"
        asking = [asyncio.create_task(lab.client.get(url)) for _ in range(2)]
        held = [await gate.held() for _ in asking]
        died = (await lab.get("/echo")).json()["pid"]
        assert (await lab.get("/die")).status_code == 502
        assert all(
            isinstance(one, Exception) for one in await asyncio.gather(*asking, return_exceptions=True)
        )
        for one in held:
            one.close()
        assert (await lab.get("/echo")).json()["pid"] != died
    assert len(lab.logged("Status: error")) == 3


async def test_a_refusal_of_one_request_for_an_invocation_leaves_the_others_alone() -> None:
    """It is repeated, as by AWS's runtime where several run at once: to go would end the process for all."""
    refusals, app = iter((500, 403)), Meeting()
    headers = [("lambda-runtime-aws-request-id", "id"), ("lambda-runtime-deadline-ms", "0")]
    given: asyncio.Queue[bytes] = asyncio.Queue()
    answered = asyncio.Semaphore(0)

    async def platform(exchange: Exchange) -> None:
        await exchange.body(100_000)
        if exchange.method == "POST":
            await exchange.respond(202)
            answered.release()
        elif refusal := next(refusals, None):
            await exchange.respond(refusal, (), b'{"errorType":"No"}')
        else:
            await exchange.respond(200, headers, await exchange.unless_gone(given.get()))

    server = await Server.listen(platform)
    address = Address("127.0.0.1", server.port, "")
    serving = asyncio.create_task(serve(address, Plain(app), app, concurrency=2))
    for _ in range(2):
        given.put_nowait(get("/wait"))
    for _ in range(2):
        await app.entered.acquire()
    app.gate.set()
    for _ in range(2):
        await answered.acquire()
    os.kill(os.getpid(), signal.SIGTERM)
    await serving
    await server.close()


@pytest.mark.parametrize("count", [1, 2, 48])
async def test_so_many_requests_for_an_invocation_wait_as_may_run_at_once_on_as_many_connections(
    count: int,
) -> None:
    """Not one more, also after answers: each worker keeps its connection."""
    waiting, events = asyncio.Semaphore(0), asyncio.Queue[int]()
    ports: set[int] = set()

    async def platform(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ports.add(writer.get_extra_info("peername")[1])
        while head := await _head(reader):
            if head.startswith(b"GET"):
                waiting.release()
                number = await events.get()
                body = get("/empty")
                writer.write(_INVOCATION % (number, len(body)) + body)
            else:
                await reader.readuntil(b"0\r\n\r\n")
                writer.write(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(platform, "127.0.0.1", 0)
    address = Address("127.0.0.1", server.sockets[0].getsockname()[1], "")
    serving = asyncio.create_task(serve(address, Plain(plain), plain, concurrency=count))
    for turn in range(2):
        for _ in range(count):
            await waiting.acquire()
        assert waiting.locked()
        assert len(ports) == count
        for number in range(count):
            events.put_nowait(turn * count + number)
    os.kill(os.getpid(), signal.SIGTERM)
    await serving
    server.close()


_INVOCATION = (
    b"HTTP/1.1 200 OK\r\nlambda-runtime-aws-request-id: id-%d\r\nlambda-runtime-deadline-ms: 0\r\n"
    b"content-length: %d\r\n\r\n"
)


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""


async def test_at_sigterm_all_that_run_get_their_grace_and_the_process_ends() -> None:
    app = Gated()
    async with runtime_api(managed=48) as (api, address, _):
        serving = asyncio.create_task(serve(address, Plain(app), app, concurrency=48))
        calls = [submit(api, get("/")) for _ in range(40)]
        for call in calls:
            assert isinstance(await call.take(), Begun)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0)
        app.gate.set()
        answers = [await answer(call) for call in calls]
        await serving
    assert all(got.fault is None and got.body.endswith(b"firstsecond") for got in answers)
