"""One request through an app: what it hears and what it may send."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from c1fn.runtime.asgi import AppError, Cycle, Headers, Message, Receive, Scope, Send, State


class Kept:
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        self.got: list[Any] = []

    async def begin(self, status: int, headers: Headers) -> None:
        self.got.append((status, headers))

    async def write(self, body: bytes, *, last: bool) -> None:
        self.got.append((body, last))


def sends(*messages: Message) -> Callable[[Scope, Receive, Send], Any]:
    async def app(_: Scope, __: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    return app


START: Message = {"type": "http.response.start", "status": 200}
LAST: Message = {"type": "http.response.body", "body": b"x"}


async def test_a_response_goes_to_its_sink_in_order() -> None:
    sink = Kept()
    more: Message = {"type": "http.response.body", "body": b"a", "more_body": True}
    cycle = Cycle({}, b"", sink)
    await cycle.run(sends(START, more, {"type": "http.response.body"}))
    assert sink.got == [(200, []), (b"a", False), (b"", True)]
    assert cycle.state is State.COMPLETE


@pytest.mark.parametrize(
    "messages",
    [
        (),
        (START,),
        (LAST,),
        (START, START),
        (START, LAST, LAST),
        (START, {"type": "http.response.body", "more_body": True}),
        ({"type": "websocket.accept"},),
    ],
    ids=["nothing", "no body", "no start", "two starts", "two ends", "no end", "another protocol"],
)
async def test_an_app_that_breaks_the_rules_is_told(messages: tuple[Message, ...]) -> None:
    with pytest.raises(AppError):
        await Cycle({}, b"", Kept()).run(sends(*messages))


async def test_an_app_hears_of_the_end_only_when_its_response_is_complete() -> None:
    heard: list[str] = []
    waiting = asyncio.Event()

    async def listen(receive: Receive) -> None:
        waiting.set()
        heard.append((await receive())["type"])

    async def app(_: Scope, receive: Receive, send: Send) -> None:
        assert await receive() == {"type": "http.request", "body": b"in", "more_body": False}
        listening = asyncio.create_task(listen(receive))
        await waiting.wait()
        await send(START)
        assert heard == []
        await send(LAST)
        await listening

    await Cycle({}, b"in", Kept()).run(app)
    assert heard == ["http.disconnect"]
