"""One handler for every door: in this process, in the emulator, and in AWS's own emulator."""

import asyncio
import json
import sys
import uuid
from collections.abc import Callable, Generator
from contextlib import AsyncExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from starlette.types import Receive, Scope, Send

from c1fn.api.wires.c1 import error_card
from c1fn.errors import OutOfTime, SettingsError
from c1fn.runtime.doors import BadEvent, ForeignEvent
from c1fn.runtime.emulator import Emulator
from c1fn.runtime.emulator.prelude import Prelude
from c1fn.runtime.lifespan import Lifespan
from c1fn.startup import is_plain
from handler import Handler, InvocationFailed
from tests.processes import chat_body
from tests.rie import MANAGED, WRAPPED, Rie, running
from tests.upstream import Upstream, held

ROOT = Path(__file__).parents[1]
OFFLINE = {"C1FN_MODEL": "offline", "C1FN_AUTH": "none"}
CONTEXT = SimpleNamespace(get_remaining_time_in_millis=lambda: 300_000)
NAMES = ("function-url", "rest-api", "http-api", "alb", "direct")


def event(name: str, **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "events" / f"{name}.json").read_text("utf-8"))
    return found | changes


@pytest.fixture(scope="module")
def handler() -> Generator[Handler, None, None]:
    """One process's handler: an answer to a known responseId comes from its store."""
    made = Handler(OFFLINE)
    yield made
    made.close()


def is_answer(text: str) -> bool:
    return text.startswith('<content thesys="true">') and text.endswith("</content>")


# Which door


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("function-url", "stream"),
        ("rest-api", "stream"),
        ("http-api", "buffer"),
        ("alb", "buffer"),
        ("direct", "buffer"),
    ],
)
def test_the_event_alone_tells_its_mode(name: str, mode: str, handler: Handler) -> None:
    assert handler.mode(event(name)) == mode


@pytest.mark.parametrize("name", NAMES)
def test_the_log_tells_the_door_the_request_and_whether_the_process_was_cold(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """On Lambda's own runtime, where X-Ray's header comes in the environment."""
    fresh = Handler(OFFLINE)
    context = SimpleNamespace(**vars(CONTEXT), aws_request_id="req-1", trace_id="Root=1")
    for _ in range(2):
        fresh(event(name, body="{"), context) if name != "direct" else fresh({"prompt": 1}, context)
    fresh.close()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines] == ["refused", "refused"]
    assert {(line["requestId"], line["door"], line["trace"]) for line in lines} == {("req-1", name, "Root=1")}
    assert [line["cold"] for line in lines] == [True, False]


@pytest.mark.parametrize("kind", ["provisioned-concurrency", "lambda-managed-instances"])
def test_a_process_that_was_started_ahead_of_time_is_not_cold(kind: str) -> None:
    ahead = Handler(OFFLINE | {"AWS_LAMBDA_INITIALIZATION_TYPE": kind})
    scope, _ = ahead.request(event("function-url"), CONTEXT)
    assert scope["c1fn.origin"].cold is False


@pytest.mark.parametrize(
    ("started", "opened"),
    [
        ("on-demand", 1),
        ("provisioned-concurrency", 0),
        ("lambda-managed-instances", 0),
        ("snap-start", 0),
        ("", 0),
    ],
)
@pytest.mark.skipif(is_plain(), reason="then nothing is opened ahead")
async def test_the_model_is_connected_to_ahead_where_a_turn_follows_at_once(
    started: str, opened: int, upstream: Upstream
) -> None:
    """No socket is in a snapshot, and none waits for a caller who may come in an hour."""
    environ = {"C1FN_AUTH": "none", "C1FN_BASE_URL": upstream.url, "THESYS_API_KEY": "k"}
    made = Handler(environ | {"AWS_LAMBDA_INITIALIZATION_TYPE": started})
    await made.app.startup()
    await asyncio.gather(*(task for task in asyncio.all_tasks() if task.get_name() == "connect ahead"))
    async with asyncio.timeout(5):
        while upstream.connections < opened:
            await asyncio.to_thread(lambda: None)  # the server takes it in a turn of the event loop
    assert (upstream.connections, upstream.calls) == (opened, 0)
    await made.app.shutdown()


@pytest.mark.skipif(is_plain(), reason="then nothing is opened ahead")
async def test_a_restored_copy_connects_to_the_model_ahead(upstream: Upstream) -> None:
    """It is made because somebody waits."""
    environ = {"C1FN_AUTH": "none", "C1FN_BASE_URL": upstream.url, "THESYS_API_KEY": "k"}
    made = Handler(environ | {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"})
    await made.app.startup()
    await made.app.shutdown()
    assert upstream.connections == 0
    await made.after_restore()
    await made.app.startup()
    async with asyncio.timeout(5):
        while not upstream.connections:
            await asyncio.to_thread(lambda: None)  # the server takes it in a turn of the event loop
    assert upstream.calls == 0
    await made.app.shutdown()


@pytest.mark.parametrize(("where", "expected"), [({}, True), ({"AWS_SAM_LOCAL": "true"}, False)], ids=str)
def test_lines_are_metrics_on_lambda_alone(
    where: dict[str, str],
    expected: bool,  # noqa: FBT001 - a table's column
    capsys: pytest.CaptureFixture[str],
) -> None:
    on_lambda = Handler(OFFLINE | {"AWS_LAMBDA_FUNCTION_NAME": "f"} | where)
    on_lambda({"prompt": 1}, CONTEXT)
    on_lambda.close()
    assert ("_aws" in json.loads(capsys.readouterr().out)) is expected


def test_a_direct_invocation_is_streamed_when_it_asks_for_it(handler: Handler) -> None:
    assert handler.mode(event("direct", stream=True)) == "raw"
    for other in (False, "true", 1, None):
        assert handler.mode(event("direct", stream=other)) == "buffer"


def test_an_http_api_with_the_old_payload_is_no_rest_api(handler: Handler) -> None:
    assert handler.mode(event("rest-api", version="1.0")) == "buffer"


@pytest.mark.parametrize("name", NAMES)
def test_sams_local_emulator_gets_a_whole_answer_from_every_door(name: str) -> None:
    local = Handler(OFFLINE | {"AWS_SAM_LOCAL": "true"})
    assert local.mode(event(name, stream=True)) == "buffer"


def test_a_rest_api_that_buffers_is_told_by_a_setting() -> None:
    buffering = Handler(OFFLINE | {"C1FN_REST_API": "buffered"})
    assert buffering.mode(event("rest-api")) == "buffer"
    assert buffering.mode(event("function-url")) == "stream"


UNKNOWN = [{}, {"Records": []}, {"requestContext": {}}, {"requestContext": 1, "prompt": 1}, [], None, "x", 1]


@pytest.mark.parametrize("unknown", UNKNOWN, ids=str)
def test_a_foreign_event_is_one_log_line_and_fails_its_invocation(
    unknown: Any, handler: Handler, capsys: pytest.CaptureFixture[str]
) -> None:
    """A refusal inside a success would delete a queue's message and ring no alarm."""
    assert handler.mode(unknown) == "buffer"
    with pytest.raises(ForeignEvent, match="the event is no HTTP request"):
        handler(unknown, CONTEXT)
    (line,) = (json.loads(text) for text in capsys.readouterr().out.splitlines())
    assert (line["event"], line["door"], line["error"]) == ("foreign", "direct", "foreign_event")
    assert "the event is no HTTP request" in line["detail"]


def test_a_wrong_setting_ends_the_start() -> None:
    with pytest.raises(SettingsError, match="C1FN_REST_API"):
        Handler({"C1FN_REST_API": "sometimes"})


# Whole answers, as the managed runtime gets them


@pytest.mark.parametrize("name", NAMES)
def test_without_the_wrapper_every_door_is_answered_whole(name: str, handler: Handler) -> None:
    got = handler(event(name), CONTEXT)
    assert got["statusCode"] == 200
    assert is_answer(got["body"])
    assert got["headers"]["content-type"] == "text/event-stream"
    assert not got.get("isBase64Encoded")


@pytest.mark.parametrize("name", NAMES[:4])
def test_a_refusal_keeps_its_status_and_is_text(name: str, handler: Handler) -> None:
    got = handler(event(name, body="{"), CONTEXT)
    assert got["statusCode"] == 400
    assert json.loads(got["body"])["code"] == "not_json"


def test_a_direct_invocation_is_refused_like_any_other(handler: Handler) -> None:
    got = handler(event("direct", threadId=""), CONTEXT)
    assert (got["statusCode"], json.loads(got["body"])["field"]) == (422, "threadId")


@pytest.mark.parametrize("name", NAMES[:4])
@pytest.mark.parametrize(
    "changes",
    [
        {"body": "???", "isBase64Encoded": True},
        {"headers": {"x": "a\nb"}, "multiValueHeaders": None},
        {"body": 1},
    ],
    ids=["base64", "control", "body"],
)
def test_a_bad_event_is_a_400_and_the_process_lives_on(
    name: str, changes: dict[str, Any], handler: Handler
) -> None:
    assert handler(event(name, **changes), CONTEXT)["statusCode"] == 400
    assert handler(event(name), CONTEXT)["statusCode"] == 200


def test_half_a_character_in_the_path_of_an_http_api_is_a_400(handler: Handler) -> None:
    made = event("http-api", rawPath="/\ud83d")
    assert handler(made, None)["statusCode"] == 400


@pytest.mark.parametrize("name", NAMES[:4])
@pytest.mark.parametrize("host", ["a:b:c", "[2001:db8::1]", "[2001:db8::1]:8443", "a:99999999"])
def test_an_odd_host_is_no_reason_to_refuse_a_request(name: str, host: str, handler: Handler) -> None:
    """Whole doors refused what streamed doors took."""
    got = handler(event(name, headers={"host": host}, multiValueHeaders=None), CONTEXT)
    assert got["statusCode"] == 200


def test_a_base64_body_is_understood(handler: Handler) -> None:
    import base64

    encoded = base64.b64encode(event("function-url")["body"].encode()).decode()
    got = handler(event("function-url", body=encoded, isBase64Encoded=True), CONTEXT)
    assert is_answer(got["body"])


async def test_the_word_stream_is_ours_and_not_the_apps(handler: Handler) -> None:
    scope, body = handler.request(event("direct", stream=True), CONTEXT)
    assert (scope["method"], scope["path"]) == ("POST", "/api/chat")
    assert json.loads(body) == event("direct")
    assert scope["aws.event"]["stream"] is True
    with pytest.raises(BadEvent):
        handler.request({"stream": True}, CONTEXT)


PINGS: list[dict[str, Any]] = [
    {"source": "serverless-plugin-warmup"},
    {"warmer": True},
    {"version": "0", "source": "aws.events", "detail-type": "Scheduled Event", "detail": {}},
]


@pytest.mark.parametrize("ping", PINGS)
async def test_a_warmers_ping_wakes_neither_the_model_nor_the_store(
    ping: Any, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store is a table that nobody serves: whoever asked it would fail."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    environ = {"C1FN_AUTH": "none", "C1FN_BASE_URL": upstream.url, "THESYS_API_KEY": "k"}
    made = Handler(environ | {"C1FN_STORE": "dynamodb", "C1FN_DYNAMODB_ENDPOINT": "http://127.0.0.1:9"})
    assert await asyncio.to_thread(made, ping, CONTEXT) == {"warm": True}
    await asyncio.to_thread(made.close)
    assert (upstream.connections, upstream.calls) == (0, 0)


def broken(*, after: bool) -> Callable[[Scope, Receive, Send], Any]:
    async def app(scope: Scope, _: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        if after:
            await send({"type": "http.response.start", "status": 500})
            await send({"type": "http.response.body", "body": b"told"})
        raise ValueError("my prompt")

    return app


async def russian(scope: Scope, _: Receive, send: Send) -> None:
    """Four megabytes of UTF-8, which are twelve as JSON in ASCII."""
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": "ж".encode() * 2_000_000})


def test_an_answer_may_be_as_large_as_the_runtime_that_writes_it_makes_it() -> None:
    """AWS's runtime of Python 3.11 and older writes JSON in ASCII: there it does not fit."""
    handler = Handler(OFFLINE)
    handler.app = Lifespan(russian)
    assert handler(event("http-api"), CONTEXT)["statusCode"] == (502 if sys.version_info < (3, 12) else 200)
    escaped = asyncio.run(handler.buffered(event("http-api"), CONTEXT, escaped=True))
    assert escaped["statusCode"] == 502
    handler.close()


def test_a_direct_invocation_is_a_post_of_a_chat(handler: Handler) -> None:
    scope, body = handler.request({"prompt": {"role": "user", "content": "hi"}, "stream": True}, CONTEXT)
    assert (scope["method"], scope["path"], json.loads(body)) == (
        "POST",
        "/api/chat",
        {"prompt": {"role": "user", "content": "hi"}},
    )
    assert (b"host", b"lambda") in scope["headers"]


def test_the_base_path_of_the_settings_is_not_a_part_of_the_apps_path() -> None:
    handler = Handler(OFFLINE | {"C1FN_BASE_PATH": "/chat"})
    scope, _ = handler.request(event("http-api", rawPath="/chat/healthz"), CONTEXT)
    assert (scope["root_path"], scope["path"].removeprefix(scope["root_path"])) == ("/chat", "/healthz")


def test_a_bug_is_told_to_the_managed_runtime_by_its_kind_alone() -> None:
    failing = Handler(OFFLINE)
    failing.app = Lifespan(broken(after=False))
    with pytest.raises(InvocationFailed) as caught:
        failing(event("alb"), CONTEXT)
    failing.close()
    assert (str(caught.value), caught.value.__cause__) == ("ValueError", None)


def test_a_bug_after_the_answer_leaves_the_answer(caplog: pytest.LogCaptureFixture) -> None:
    failing = Handler(OFFLINE)
    failing.app = Lifespan(broken(after=True))
    got = failing(event("direct"), CONTEXT)
    failing.close()
    assert (got["statusCode"], got["body"]) == (500, "told")
    assert "the app failed after it had answered" in caplog.text


# Under the loop, in the emulator


async def test_a_function_url_and_a_rest_api_stream_and_a_repeated_request_gets_the_same_bytes() -> None:
    body = json.dumps(event("direct") | {"responseId": str(uuid.uuid4())})
    async with (
        Emulator(task_root=ROOT, environ=OFFLINE, log=lambda _: None) as emulator,
        httpx2.AsyncClient(timeout=30) as client,
    ):
        answers = []
        for url in (emulator.url, emulator.rest_url):
            async with client.stream("POST", url + "/api/chat", content=body) as got:
                assert got.status_code == 200
                assert "transfer-encoding" in got.headers
                answers.append([piece async for piece in got.aiter_raw()])
    assert len(answers[0]) > 10, "it came as it was written"
    assert b"".join(answers[0]) == b"".join(answers[1])
    assert is_answer(b"".join(answers[0]).decode())


async def test_a_setting_that_is_unknown_is_an_init_error_that_names_it() -> None:
    lines: list[str] = []
    async with (
        Emulator(task_root=ROOT, environ={"C1FN_MODLE": "x"}, log=lines.append) as emulator,
        httpx2.AsyncClient(timeout=30) as client,
    ):
        assert (await client.get(emulator.url)).status_code == 502
    assert any("Function.SettingsError" in line and "C1FN_MODLE" in line for line in lines)


async def test_an_answer_ends_visibly_before_the_functions_deadline_and_is_kept() -> None:
    lines: list[str] = []
    async with Upstream() as upstream:
        environ = {"THESYS_API_KEY": "k", "C1FN_BASE_URL": upstream.url, "C1FN_AUTH": "none"}
        upstream.queue(held(asyncio.Event()))  # never opened
        async with (
            Emulator(task_root=ROOT, environ=environ, timeout=7, log=lines.append) as emulator,
            httpx2.AsyncClient(base_url=emulator.url, timeout=30) as client,
        ):
            answer = await client.post("/api/chat", json=chat_body("hi"))
            assert (answer.status_code, answer.text) == (200, "Hel" + error_card(OutOfTime()))
            kept = await client.get("/api/threads/t/messages")
            assert kept.json()[1]["content"] == answer.text
            assert (await client.post("/api/chat", json=chat_body("well?", "r2"))).status_code == 200
    assert len([line for line in lines if "INIT_START" in line or "Init Duration" in line]) == 1
    assert not [line for line in lines if "Task timed out" in line]


async def test_turns_at_once_in_one_process_are_logged_and_stopped_each_for_itself() -> None:
    """As on Managed Instances: every line of a turn has its own request, and a stop ends one turn alone."""
    lines: list[str] = []
    gate, ids, texts = asyncio.Event(), {}, {}
    async with Upstream() as upstream:
        environ = {"THESYS_API_KEY": "k", "C1FN_BASE_URL": upstream.url, "C1FN_AUTH": "none"}
        upstream.queue(*(held(gate) for _ in range(3)))
        async with (
            Emulator(task_root=ROOT, environ=environ, managed=4, concurrency=1, log=lines.append) as emulator,
            httpx2.AsyncClient(base_url=emulator.url, timeout=30) as client,
            AsyncExitStack() as stack,
        ):
            turns = {}
            for thread in ("a", "b", "c"):
                body = chat_body("hi", f"r-{thread}", thread)
                got = await stack.enter_async_context(client.stream("POST", "/api/chat", json=body))
                turns[thread], ids[thread] = got.aiter_text(), got.headers["x-amzn-requestid"]
                texts[thread] = await anext(turns[thread])
            stopped = await client.post("/api/threads/b/stop")
            assert stopped.json() == {"stopping": True}
            for thread, pieces in sorted(turns.items(), key=lambda one: one[0] != "b"):
                texts[thread] += "".join([piece async for piece in pieces])
                gate.set()  # the others go on when the stopped one has ended
            assert len(emulator.function.processes) == 1
    assert "Hello" in texts["a"]
    assert "Hello" in texts["c"]
    assert "Hello" not in texts["b"]
    told = [json.loads(line) for line in lines if line.startswith("{")]
    ended = {line["thread"]: line for line in told if line.get("event") == "turn"}
    assert {thread: line["requestId"] for thread, line in ended.items()} == ids
    assert {thread: line["state"] for thread, line in ended.items()} == {
        "a": "done",
        "b": "stopped",
        "c": "done",
    }
    assert not any(line["cold"] for line in ended.values())


# In AWS's own emulator, which buffers


@pytest.fixture(scope="module")
def managed(tmp_path_factory: pytest.TempPathFactory) -> Generator[Rie, None, None]:
    """Lambda's managed runtime: awslambdaric calls ``handler(event, context)``."""
    with running(MANAGED, tmp_path_factory.mktemp("rie") / "log") as rie:
        yield rie


@pytest.fixture(scope="module")
def wrapped(tmp_path_factory: pytest.TempPathFactory) -> Generator[Rie, None, None]:
    """Our loop, through the exec wrapper."""
    with running(WRAPPED, tmp_path_factory.mktemp("rie") / "log") as rie:
        yield rie


@pytest.mark.parametrize("name", NAMES)
def test_awslambdaric_answers_every_door_in_the_rie(name: str, managed: Rie) -> None:
    got = json.loads(managed.invoke(event(name)))
    assert got["statusCode"] == 200
    assert is_answer(got["body"])


@pytest.mark.parametrize("name", NAMES[:2])
def test_our_loop_streams_in_the_rie(name: str, wrapped: Rie) -> None:
    found = Prelude().feed(wrapped.invoke(event(name)))
    assert found
    assert found[0].status == 200
    assert is_answer(found[1].decode())


@pytest.mark.parametrize("name", NAMES[2:])
def test_our_loop_answers_the_doors_that_buffer_in_the_rie(name: str, wrapped: Rie) -> None:
    got = json.loads(wrapped.invoke(event(name)))
    assert got["statusCode"] == 200
    assert is_answer(got["body"])


def test_a_direct_invocation_is_a_bare_stream_in_the_rie(wrapped: Rie) -> None:
    assert is_answer(wrapped.invoke(event("direct", stream=True)).decode())


@pytest.mark.parametrize("unknown", [{}, {"Records": []}], ids=str)
def test_a_foreign_event_fails_in_the_rie_by_the_names_of_its_keys(
    unknown: Any, managed: Rie, wrapped: Rie
) -> None:
    for rie in (managed, wrapped):
        told = json.loads(rie.invoke(unknown))
        assert "ForeignEvent" in told["errorType"]
        assert told["errorMessage"].endswith(f"its keys are: {', '.join(unknown) or 'none'}")


@pytest.mark.parametrize("ping", PINGS)
def test_a_warmers_ping_succeeds_in_the_rie(ping: Any, managed: Rie, wrapped: Rie) -> None:
    for rie in (managed, wrapped):
        assert json.loads(rie.invoke(ping)) == {"warm": True}
