"""The loop against the emulator's Runtime API, in one process."""

import asyncio
import json
import os
import signal
from typing import Any

import pytest

from c1fn.runtime import loop, records
from c1fn.runtime.asgi import Receive, Scope, Send
from c1fn.runtime.doors import BadEvent, Mode
from c1fn.runtime.emulator.call import Begun
from c1fn.runtime.emulator.http import Exchange, Server
from c1fn.runtime.fault import Fault
from c1fn.runtime.link import Fatal
from c1fn.runtime.load_handler import Plain
from c1fn.runtime.loop import LONGEST, Worker, leave, serve
from c1fn.runtime.protocol import Address
from tests.runtime.bench import answer, event, get, runtime_api, submit, working
from tests.runtime.functions.plain import app as plain

GONE = Fault("Sandbox.Timedout", "the platform ended it")
LIMIT = 100_000
"""Bytes of an answer that a platform of a test takes."""


class Gated:
    """An app that says a piece, waits for the test, and says the rest."""

    def __init__(self, *, before: bool = False, rest: bytes = b"second", pieces: int = 1) -> None:
        """:param before: wait before the first piece, too."""
        self.before = asyncio.Event()
        if not before:
            self.before.set()
        self.entered = asyncio.Event()
        self.gate = asyncio.Event()
        self.finished = asyncio.Event()
        self._rest = rest
        self._pieces = pieces

    async def __call__(self, _: Scope, __: Receive, send: Send) -> None:
        self.entered.set()
        await self.before.wait()
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await self.gate.wait()
        for _piece in range(self._pieces):
            await send({"type": "http.response.body", "body": self._rest, "more_body": True})
        await send({"type": "http.response.body"})
        self.finished.set()


class Doors(Plain):
    """A handler whose events name their mode."""

    def mode(self, event: Any) -> Mode:
        mode: Mode = event["door"]
        return mode

    def request(self, event: Any, context: Any) -> tuple[Scope, bytes]:
        return super().request(event["http"], context)

    async def buffered(self, event: Any, context: Any) -> Any:
        if "bad" in event:
            raise BadEvent("bad, it says")
        if "exit" in event:
            raise SystemExit(event["exit"])
        return {"statusCode": 200, "seen": event.get("http", {}).get("rawPath"), "id": context.aws_request_id}


async def test_an_http_event_is_answered_by_the_app() -> None:
    async with working(plain) as (api, _):
        call = submit(api, event(rawPath="/echo", rawQueryString="a=1"), tenant_id="t-1")
        got = await answer(call)
    assert got.metadata
    assert (got.metadata.status, got.fault) == (200, None)
    assert dict(got.metadata.headers)["content-type"] == "application/json"
    assert (got.json["path"], got.json["query"]) == ("/echo", "a=1")
    assert (got.json["request_id"], got.json["tenant"]) == (call.request_id, "t-1")
    assert got.json["arn"] == "arn:aws:lambda:us-east-1:123456789012:function:function"
    assert 0 < got.json["remaining"] <= 300_000


async def test_a_piece_arrives_while_the_app_is_held_at_its_gate() -> None:
    app = Gated()
    async with working(app) as (api, _):
        call = submit(api, get("/"))
        pieces = [await call.take() for _ in range(4)]  # begun, metadata, delimiter, first
        assert isinstance(pieces[0], Begun)
        assert pieces[-1] == b"first"
        assert not app.gate.is_set()
        app.gate.set()
        assert (await call.take(), (await answer(call)).fault) == (b"second", None)


async def test_what_an_app_logs_is_of_the_invocation_that_it_serves() -> None:
    at_work: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        at_work.extend([found.aws_request_id] if (found := records.current.get()) else [])
        await plain(scope, receive, send)

    async with working(app) as (api, _):
        calls = [submit(api, event(rawPath="/echo", body="{}")) for _ in range(2)]
        for call in calls:
            assert (await answer(call)).fault is None
    assert at_work == [call.request_id for call in calls]


async def test_one_socket_serves_one_invocation_after_another() -> None:
    async with working(plain) as (api, _):
        for number in range(3):
            got = await answer(submit(api, event(rawPath="/echo", body=str(number))))
            assert got.json["body"] == str(number)


async def test_a_fault_before_the_response_is_an_error_report() -> None:
    async with working(plain) as (api, _):
        got = await answer(submit(api, get("/early")))
    assert got.begun is None
    assert got.fault
    assert got.fault.type == "Function.Boom"
    assert "secret" not in str(got.fault), "an error's text may quote a request"


async def test_a_fault_midway_is_told_by_trailers() -> None:
    async with working(plain) as (api, _):
        got = await answer(submit(api, get("/midway")))
    assert got.body == b"half"
    assert got.fault
    assert got.fault.type == "Function.Boom"
    assert any("plain.py" in place for place in got.fault.trace)


async def test_an_app_that_does_not_finish_its_response_is_at_fault() -> None:
    async with working(plain) as (api, _):
        got = await answer(submit(api, get("/silent")))
    assert got.fault
    assert got.fault.type == "Function.AppError"


@pytest.mark.parametrize("path", ["/early", "/midway", "/silent", "/nowhere"])
async def test_the_process_lives_on_after_a_fault(path: str) -> None:
    async with working(plain) as (api, _):
        assert (await answer(submit(api, get(path)))).fault
        assert (await answer(submit(api, get("/echo")))).fault is None


@pytest.mark.parametrize(("status", "length"), [(200, "0"), (404, "0"), (204, None), (304, None)])
async def test_an_empty_body_has_its_metadata_and_where_it_may_a_length(
    status: int, length: str | None
) -> None:
    async with working(plain) as (api, _):
        got = await answer(submit(api, get("/empty", f"status={status}")))
    assert got.metadata
    assert (got.metadata.status, got.body) == (status, b"")
    assert dict(got.metadata.headers).get("content-length") == length


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"not json", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"{}", "its keys are: none"),
        (b"null", "it is no object but a NoneType"),
        (b'{"Records":[]}', "its keys are: Records"),
    ],
    ids=["no json", "deep", "empty", "null", "queue"],
)
async def test_a_foreign_event_fails_its_invocation_and_the_process_lives_on(text: bytes, why: str) -> None:
    """A refusal inside a success would delete a queue's message and ring no alarm."""
    async with working(plain) as (api, _):
        got = await answer(submit(api, text))
        assert got.fault
        assert got.fault.type == "Function.ForeignEvent"
        assert why in got.fault.message
        assert (await answer(submit(api, get("/echo")))).fault is None


async def test_a_warmers_ping_succeeds_at_once() -> None:
    async with working(Gated(before=True)) as (api, _):
        got = await answer(submit(api, b'{"source":"serverless-plugin-warmup"}'))
    assert (got.fault, got.json) == (None, {"warm": True})


@pytest.mark.parametrize("name", ["http-api", "alb"])
async def test_a_plain_app_answers_the_doors_that_do_not_stream_whole(name: str) -> None:
    """Also on a load balancer and an HTTP API an ASGI app needs no adapter of its own."""
    made = event(name, path="/echo", rawPath="/echo")
    async with working(plain) as (api, _):
        got = await answer(submit(api, made))
    assert got.begun == Begun("application/json", False)
    assert got.json["statusCode"] == 200
    assert json.loads(got.json["body"])["path"] == "/echo"


@pytest.mark.parametrize(
    "changes", [{"body": "???", "isBase64Encoded": True}, {"headers": {"x": "a\nb"}}, {"cookies": 1}], ids=str
)
async def test_a_bad_http_event_is_answered_400_through_its_door(changes: dict[str, Any]) -> None:
    async with working(plain) as (api, _):
        got = await answer(submit(api, event(**changes)))
    assert got.metadata
    assert (got.metadata.status, got.json["code"]) == (400, "bad_event")
    assert dict(got.metadata.headers)["content-type"] == "application/problem+json"


async def test_a_client_context_that_is_no_json_is_refused() -> None:
    async with working(plain) as (api, _):
        got = await answer(submit(api, get("/echo"), client_context="{"))
    assert got.json["statusCode"] == 400


async def test_the_raw_door_streams_bytes_without_metadata() -> None:
    text = json.dumps({"door": "raw", "http": json.loads(get("/empty", "status=500"))}).encode()
    big = json.dumps({"door": "raw", "http": json.loads(get("/big", "mb=1"))}).encode()
    async with working(Doors(plain)) as (api, _):
        empty, full = await answer(submit(api, text)), await answer(submit(api, big))
    assert empty.begun == full.begun == Begun("application/octet-stream", True)
    assert (empty.body, full.body) == (b"", b"x" * 1024 * 1024)


async def test_the_buffer_door_answers_json() -> None:
    text = json.dumps({"door": "buffer", "http": {"rawPath": "/x"}}).encode()
    async with working(Doors(plain)) as (api, _):
        call = submit(api, text)
        got = await answer(call)
        refused = await answer(submit(api, b'{"door":"buffer","bad":1}'))
    assert got.begun == Begun("application/json", False)
    assert got.json == {"statusCode": 200, "seen": "/x", "id": call.request_id}
    assert refused.json["statusCode"] == 400


async def test_a_handler_that_fails_is_reported() -> None:
    async with working(Doors(plain)) as (api, _):
        got = await answer(submit(api, b"{}"))  # no door: a KeyError
    assert got.fault
    assert got.fault.type == "Function.KeyError"


async def test_an_app_that_cancels_itself_is_at_fault_and_the_worker_lives_on() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/cancel":
            raise asyncio.CancelledError
        await plain(scope, receive, send)

    async with working(app) as (api, _):
        got = await answer(submit(api, get("/cancel")))
        assert got.fault
        assert got.fault.type == "Function.CancelledError"
        assert (await answer(submit(api, get("/echo")))).fault is None


async def test_an_answer_that_is_no_json_is_a_fault() -> None:
    class Wrong(Doors):
        async def buffered(self, event: Any, context: Any) -> Any:
            return {event["door"]: context}

    async with working(Wrong(plain)) as (api, _):
        got = await answer(submit(api, b'{"door":"buffer"}'))
    assert got.fault
    assert (got.fault.type, got.fault.message) == (
        "Runtime.MarshalError",
        "Unable to marshal response: a Context cannot be JSON",
    )


async def test_headers_too_large_for_the_platform_are_a_fault_before_the_response() -> None:
    async def app(_: Scope, __: Receive, send: Send) -> None:
        headers = [(b"x", b"y" * 17_000)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})

    async with working(app) as (api, _):
        got = await answer(submit(api, get("/")))
    assert got.fault
    assert got.fault.type == "Function.PreludeTooLarge"


async def test_a_response_that_comes_too_late_is_refused_and_the_loop_goes_on() -> None:
    app = Gated(before=True, rest=b"x" * 65536, pieces=32)
    async with working(app) as (api, _):
        stale = submit(api, get("/"))
        await app.entered.wait()
        api.over(stale, GONE)
        app.before.set()
        app.gate.set()
        await app.finished.wait()  # 2 MB went nowhere and held nobody up
        assert (await answer(submit(api, get("/")))).fault is None


async def test_an_app_ends_its_work_though_the_platform_hangs_up_midway() -> None:
    """The turn must be stored; and the next event is asked for on a new connection."""
    app, asked = Gated(rest=b"x" * 65536, pieces=32), asyncio.Event()
    headers = [("lambda-runtime-aws-request-id", "id-1"), ("lambda-runtime-deadline-ms", "0")]
    gets = 0

    async def platform(exchange: Exchange) -> None:
        nonlocal gets
        if exchange.method == "POST":
            assert await anext(exchange.chunks())
            exchange.abort()
            app.gate.set()
            return
        gets += 1
        if gets == 1:
            await exchange.body(0)
            await exchange.respond(200, headers, get("/"))
        else:
            asked.set()
            await exchange.unless_gone(asyncio.Event().wait())

    server = await Server.listen(platform)
    worker = Worker(Address("127.0.0.1", server.port, ""), Plain(app), app, alone=True)
    task = asyncio.create_task(worker.run())
    await app.finished.wait()
    await asked.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await server.close()


async def test_a_slow_client_of_8_megabytes_does_not_hold_up_another_turn() -> None:
    async with working(plain, workers=2, rate=1e9) as (api, _):
        slow = submit(api, get("/big", "mb=8"))
        assert isinstance(await slow.take(), Begun)  # and reads no further
        for _ in range(3):
            assert (await answer(submit(api, get("/echo")))).fault is None
        assert len((await answer(slow)).body) > 8_000_000


async def test_fifty_invocations_at_once_in_one_process() -> None:
    gate, inside = asyncio.Event(), asyncio.Semaphore(0)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        inside.release()
        await gate.wait()
        await plain(scope, receive, send)

    async with working(app, workers=50, managed=50) as (api, _):
        calls = [submit(api, event(rawPath="/echo", body=str(number))) for number in range(50)]
        for _ in calls:
            await inside.acquire()
        gate.set()
        answers = [await answer(call) for call in calls]
    assert [got.json["body"] for got in answers] == [str(number) for number in range(50)]
    assert [got.json["request_id"] for got in answers] == [call.request_id for call in calls]


async def test_the_trace_id_is_in_the_environment_of_a_lone_worker_only() -> None:
    async with working(plain) as (api, _):
        call = submit(api, get("/echo"))
        assert (await answer(call)).json["trace"] == call.trace_id
    async with working(plain, workers=2) as (api, _):
        assert (await answer(submit(api, get("/echo")))).json["trace"] is None
    assert "_X_AMZN_TRACE_ID" not in os.environ


async def test_the_api_may_lie_below_a_path_prefix() -> None:
    async with working(plain, prefix="/.rt/my-fn") as (api, _):
        assert (await answer(submit(api, get("/echo")))).fault is None


async def until(event: asyncio.Event) -> None:
    await event.wait()


async def idle_and_busy(finish: asyncio.Event) -> dict["asyncio.Task[None]", Worker]:
    """Two workers' tasks that have begun; the second is busy until it may finish."""
    workers = [Worker(Address("h", 1, ""), Plain(plain), plain, alone=False) for _ in range(2)]
    workers[1].busy = True
    tasks = [asyncio.create_task(until(event)) for event in (asyncio.Event(), finish)]
    await asyncio.sleep(0)
    return dict(zip(tasks, workers, strict=True))


async def test_at_the_end_idle_workers_go_at_once_and_busy_ones_finish() -> None:
    finish = asyncio.Event()
    tasks = await idle_and_busy(finish)
    leaving = asyncio.create_task(leave(tasks, LONGEST))
    idle, busy = tasks
    await asyncio.wait([idle])
    assert (idle.cancelled(), busy.done()) == (True, False)
    assert all(worker.leaving for worker in tasks.values()), "they ask for no more"
    finish.set()
    await leaving
    assert not busy.cancelled()


async def test_a_worker_that_is_not_done_in_time_is_ended() -> None:
    tasks = await idle_and_busy(asyncio.Event())
    await leave(tasks, 0)
    assert all(task.cancelled() for task in tasks)


async def test_a_worker_that_is_leaving_asks_for_no_more() -> None:
    async with runtime_api() as (api, address, notes):
        app = Gated()
        worker = Worker(address, Plain(app), app, alone=True)
        task = asyncio.create_task(worker.run())
        call = submit(api, get("/"))
        await app.entered.wait()
        worker.leaving = True
        app.gate.set()
        assert (await answer(call)).fault is None
        await task
    assert notes.asks == 1


@pytest.mark.parametrize("refusal", [403, 500])
async def test_a_platform_that_gives_no_more_invocations_ends_the_worker(refusal: int) -> None:
    async def platform(exchange: Exchange) -> None:
        await exchange.body(0)
        await exchange.respond(refusal, (), b'{"errorType":"No"}')

    server = await Server.listen(platform)
    with pytest.raises(Fatal, match=f"{refusal} No"):
        await Worker(Address("127.0.0.1", server.port, ""), Plain(plain), plain, alone=True).run()
    await server.close()


async def test_a_platform_that_is_gone_ends_the_worker() -> None:
    async with runtime_api() as (_, address, _notes):
        pass
    with pytest.raises(Fatal, match="cannot be reached"):
        await Worker(address, Plain(plain), plain, alone=True).run()


async def test_a_platform_that_is_gone_after_an_invocation_ends_the_worker() -> None:
    async def platform(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        server.close()
        head = b"lambda-runtime-aws-request-id: i\r\nconnection: close\r\ncontent-length: 2"
        writer.write(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(platform, "127.0.0.1", 0)
    address = Address("127.0.0.1", server.sockets[0].getsockname()[1], "")
    with pytest.raises(Fatal, match="the Runtime API is gone"):
        await Worker(address, Plain(plain), plain, alone=True).run()


async def test_a_worker_that_is_done_is_idle_again_and_leaves_at_once() -> None:
    server, asked, left = await silent_after_one()
    worker = Worker(Address("127.0.0.1", server.port, ""), Doors(plain), plain, alone=True)
    task = asyncio.create_task(worker.run())
    await asked.wait()
    await leave({task: worker}, LONGEST)
    await left.wait()  # it closed its connection: the platform must not hand it another event
    await server.close()


async def silent_after_one(
    event: bytes = b'{"door":"buffer"}',
) -> tuple[Server, asyncio.Event, asyncio.Event]:
    """A platform with one event: when it is asked for the next, and when that request was given up."""
    asked, left, gets = asyncio.Event(), asyncio.Event(), 0
    headers = [("lambda-runtime-aws-request-id", "id-1"), ("lambda-runtime-deadline-ms", "0")]

    async def platform(exchange: Exchange) -> None:
        nonlocal gets
        await exchange.body(LIMIT)
        if exchange.method == "POST":
            await exchange.respond(202)
            return
        gets += 1
        if gets == 1:
            await exchange.respond(200, headers, event)
            return
        asked.set()
        try:
            await exchange.unless_gone(asyncio.Event().wait())
        finally:
            left.set()

    return await Server.listen(platform), asked, left


async def test_a_function_that_exits_ends_its_process_with_its_status() -> None:
    server, _, _ = await silent_after_one(b'{"door":"buffer","exit":3}')
    with pytest.raises(SystemExit) as ended:
        await Worker(Address("127.0.0.1", server.port, ""), Doors(plain), plain, alone=True).run()
    assert ended.value.code == 3
    await server.close()


async def test_a_worker_that_is_told_to_end_midway_ends() -> None:
    app = Gated()
    async with working(app) as (api, (task,)):
        submit(api, get("/"))
        await app.entered.wait()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_process_serves_until_sigterm_and_lets_its_answer_end(workers: int) -> None:
    """With one worker the environment names its trace; with more it would name another's."""
    app = Gated()
    async with runtime_api() as (api, address, _):
        serving = asyncio.create_task(serve(address, Plain(app), app, concurrency=workers))
        call = submit(api, get("/"))
        await app.entered.wait()
        assert os.environ.get("_X_AMZN_TRACE_ID") == (call.trace_id if workers == 1 else None)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0)
        app.gate.set()
        got = await answer(call)
        await serving
    assert (got.body, got.fault) == (b"firstsecond", None)


async def test_at_sigterm_an_answer_gets_the_grace_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "GRACE", 0)
    app = Gated()
    async with runtime_api() as (api, address, _):
        serving = asyncio.create_task(serve(address, Plain(app), app, concurrency=1))
        submit(api, get("/"))
        await app.entered.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        await serving
    assert not app.finished.is_set()


async def test_when_the_platform_is_gone_an_answer_is_finished_for_its_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not within SIGTERM's grace: nobody is about to kill the process."""
    monkeypatch.setattr(loop, "GRACE", 0)
    app, gets = Gated(), 0
    headers = [("lambda-runtime-aws-request-id", "id-1"), ("lambda-runtime-deadline-ms", "0")]

    async def platform(exchange: Exchange) -> None:
        nonlocal gets
        if exchange.method == "POST":
            async for _piece in exchange.chunks():
                pass
            await exchange.respond(202)
            return
        await exchange.body(0)
        gets += 1
        if gets == 1:
            await exchange.respond(200, headers, get("/"))
        else:
            await app.entered.wait()
            await exchange.respond(403, (), b'{"errorType":"No"}')
            app.gate.set()

    server = await Server.listen(platform)
    with pytest.raises(Fatal, match="403 No"):
        await serve(Address("127.0.0.1", server.port, ""), Plain(app), app, concurrency=2)
    assert app.finished.is_set()
    await server.close()


async def test_a_fault_and_a_refusal_are_one_log_line_each(caplog: pytest.LogCaptureFixture) -> None:
    async with working(plain) as (api, _):
        await answer(submit(api, get("/early")))
        await answer(submit(api, b"{}"))
    assert [record.getMessage() for record in caplog.records if record.name.startswith("c1fn")] == [
        "the invocation failed",
        "the event is no HTTP request; its keys are: none",
    ]
