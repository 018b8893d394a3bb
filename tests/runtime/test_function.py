"""Plain functions of an event and a context, served as AWS's own runtime serves them."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from c1fn.runtime.asgi import AppError
from c1fn.runtime.doors import Doors
from c1fn.runtime.emulator.call import Begun
from c1fn.runtime.emulator.runtime_api import RuntimeApi
from c1fn.runtime.function import Function, FunctionFailed, response
from tests.runtime.bench import answer, event, submit, working
from tests.runtime.functions import events

FAILS = event(requestContext=None, do="raise")


@asynccontextmanager
async def served(function: Callable[[Any, Any], Any]) -> AsyncGenerator[RuntimeApi, None]:
    """The function under the loop, started and shut down as a process does it."""
    made = Function(function, Doors())
    async with working(made) as (api, _):
        yield api


def plain(**parts: Any) -> bytes:
    return json.dumps(parts).encode()


async def test_an_event_comes_as_it_is_and_the_answer_goes_as_it_is() -> None:
    async with served(events.handler) as api:
        call = submit(api, b'{"Records":[{"body":"\xc3\xa4"}]}')
        got = await answer(call)
    assert got.begun == Begun("application/json", False)
    assert got.json == {"event": {"Records": [{"body": "ä"}]}, "id": call.request_id, "left": True}


async def test_an_async_function_is_awaited() -> None:
    async with served(events.awaited) as api:
        got = await answer(submit(api, b'{"a":1}'))
    assert got.json["awaited"] == {"a": 1}


@pytest.mark.parametrize("name", ["function-url", "rest-api"])
async def test_on_a_door_that_streams_the_answer_is_a_stream(name: str) -> None:
    async with served(events.handler) as api:
        got = await answer(submit(api, event(name)))
    assert got.begun
    assert got.begun.integrated
    assert got.metadata
    assert got.metadata.status == 201
    assert sorted(got.metadata.headers) == [
        ("content-type", "text/plain"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
        ("x-a", "b"),
    ]
    assert got.body == b"\xff whole"


@pytest.mark.parametrize("name", ["http-api", "alb"])
async def test_on_a_door_that_does_not_stream_the_answer_is_the_functions_own(name: str) -> None:
    async with served(events.handler) as api:
        got = await answer(submit(api, event(name)))
    assert got.begun == Begun("application/json", False)
    assert (got.json["statusCode"], got.json["isBase64Encoded"]) == (201, True)


@pytest.mark.parametrize("name", [None, "function-url"])
async def test_an_error_is_told_as_aws_tells_it_and_the_process_lives_on(name: str | None) -> None:
    """The class alone, since Step Functions look for it; its message; lines of the user's files."""
    failing = event(name, do="raise") if name else plain(do="raise")
    async with served(events.handler) as api:
        got = await answer(submit(api, failing))
        alive = await answer(submit(api, b"{}"))
    assert got.fault
    assert got.fault.type == "Function.KeyError"
    assert got.fault.message == '"the user\'s own words"'
    assert all("c1fn/runtime/function" not in line for line in got.fault.trace)
    assert "events.py" in got.fault.trace[-1]
    assert alive.fault is None


async def test_the_body_of_an_error_report_names_the_class_as_aws_does() -> None:
    async def failing(_: Any, __: Any) -> None:
        raise KeyError("x")

    with pytest.raises(FunctionFailed) as caught:
        await Function(failing, Doors()).buffered({}, None)
    assert json.loads(caught.value.fault.body())["errorType"] == "KeyError"


async def test_an_error_that_no_future_can_carry_is_told_as_any_other() -> None:
    """``next()`` of nothing: before Python 3.12 it was never told, and the invocation did not end."""

    def failing(_: Any, __: Any) -> Any:
        return next(iter(()))

    with pytest.raises(FunctionFailed) as caught:
        await asyncio.wait_for(Function(failing, Doors()).buffered({}, None), 10)
    assert caught.value.fault.type == "Function.StopIteration"
    assert "test_function.py" in caught.value.fault.trace[-1]


async def test_a_function_may_run_a_loop_of_its_own_and_keeps_its_thread() -> None:
    async with served(events.handler) as api:
        loop = await answer(submit(api, plain(do="loop")))
        threads = {(await answer(submit(api, plain(do="thread")))).json for _ in range(3)}
    assert loop.json["awaited"] == {"do": "echo"}
    assert threads == {"handler_0"}


async def test_a_function_that_blocks_does_not_hold_up_another_invocation() -> None:
    """Managed instances run several at once in one process."""
    import threading

    gate = threading.Event()

    def blocking(asked: Any, _: Any) -> str:
        if asked["wait"]:
            gate.wait()
        else:
            gate.set()
        return "done"

    made = Function(blocking, Doors(), concurrency=2)
    async with working(made, workers=2) as (api, _):
        first = submit(api, plain(wait=True))
        second = submit(api, plain(wait=False))
        assert (await answer(second)).json == (await answer(first)).json == "done"


async def test_a_decimal_is_a_number_as_in_aws_runtime() -> None:
    async with served(events.handler) as api:
        got = await answer(submit(api, plain(do="decimal")))
    assert got.body == b'{"sum":1.5}'


async def test_the_threads_end_with_the_lifespan_and_it_may_begin_again() -> None:
    made = Function(events.handler, Doors())
    for _ in range(2):
        asked: asyncio.Queue[Any] = asyncio.Queue()
        said: asyncio.Queue[Any] = asyncio.Queue()
        living = asyncio.create_task(made.app({"type": "lifespan"}, asked.get, said.put))
        asked.put_nowait({"type": "lifespan.startup"})
        assert (await said.get())["type"] == "lifespan.startup.complete"
        assert await made.buffered({"do": "thread"}, None) == "handler_0"
        asked.put_nowait({"type": "lifespan.shutdown"})
        assert (await said.get())["type"] == "lifespan.shutdown.complete"
        await living


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("text", (200, [(b"content-type", b"application/json")], b"text")),
        ({"a": "ä"}, (200, [(b"content-type", b"application/json")], '{"a":"ä"}'.encode())),
        (None, (200, [(b"content-type", b"application/json")], b"null")),
        ({"statusCode": 204}, (204, [], b"")),
        ({"statusCode": "200", "body": "x"}, (200, [], b"x")),
        (
            {
                "statusCode": 200,
                "headers": {"X-N": 1},
                "multiValueHeaders": {"Vary": ["a", "b"]},
                "body": "ä",
            },
            (200, [(b"x-n", b"1"), (b"vary", b"a"), (b"vary", b"b")], "ä".encode()),
        ),
    ],
)
def test_an_answer_is_read_as_a_door_reads_it(told: Any, expected: Any) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads"""
    assert response(told) == expected


@pytest.mark.parametrize(
    "told",
    [
        {"statusCode": "many"},
        {"statusCode": 1e999},
        "\ud800",
        {"statusCode": 200, "headers": [1]},
        {"statusCode": 200, "body": "?", "isBase64Encoded": True},
        {"statusCode": 200, "multiValueHeaders": {"a": 1}},
    ],
)
def test_an_answer_of_another_form_is_the_functions_fault(told: Any) -> None:
    with pytest.raises(AppError, match="form that doors read"):
        response(told)
