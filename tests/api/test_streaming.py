import asyncio
from collections.abc import Awaitable, Callable

import pytest

from c1fn.api import wires
from c1fn.api.streaming import StreamedAnswer
from c1fn.api.wires.c1 import Wire, error_card
from c1fn.chat.event_queue import EventQueue
from c1fn.errors import AnswerCut
from c1fn.events import Delta, Event, Failed, Finished
from c1fn.turn import State
from tests.asgi import Client, Exchange


def running(reply: EventQueue) -> asyncio.Event:
    """Give the reply a turn that ends when the returned event is set."""
    gate = asyncio.Event()

    async def turn() -> None:
        await gate.wait()

    reply.comes_from(asyncio.create_task(turn()))
    return gate


async def nothing() -> None:
    """Nothing is left to do."""


def stream(
    reply: EventQueue,
    *first: Event,
    settle: Callable[[], Awaitable[None]] = nothing,
    wire: wires.Wire | None = None,
    **after: int,
) -> Exchange:
    answer = StreamedAnswer(list(first), reply, {"x": "y"}, settle, wire or Wire(), **after)
    return Client(answer, {}).request("GET", "/")


async def test_what_was_taken_to_learn_the_status_comes_first() -> None:
    reply = EventQueue()
    reply.say(Delta("b"))
    reply.say(Finished(State.DONE))
    exchange = await stream(reply, Delta("a")).whole()
    assert (exchange.status, exchange.headers, exchange.pieces) == (200, {"x": "y"}, [b"a", b"b"])


async def test_a_piece_leaves_as_soon_as_it_is_said() -> None:
    reply = EventQueue()
    gate = running(reply)
    exchange = stream(reply, Delta("a"))
    assert await anext(exchange) == b"a"
    reply.say(Delta("b"))
    assert await anext(exchange) == b"b"
    gate.set()
    assert (await exchange.whole()).pieces == [b"a", b"b"]


async def test_a_silence_is_filled_until_the_content_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("c1fn.api.streaming.SILENCE", 0.001)
    reply = EventQueue()
    gate = running(reply)
    exchange = stream(reply)
    assert [await anext(exchange) for _ in range(3)] == [b"<!-- -->"] * 3
    reply.say(Delta("a"))
    gate.set()
    await exchange.whole()
    assert exchange.body.replace(b"<!-- -->", b"") == b"a"
    assert exchange.body.endswith(b"a")


async def test_of_an_answer_that_the_client_has_in_part_the_rest_is_sent() -> None:
    reply = EventQueue()
    gate = running(reply)
    exchange = stream(reply, Delta("ab"), after=3)
    reply.say(Delta("cdef"))
    assert await anext(exchange) == b"def"
    reply.say(Delta("ghi"))
    assert await anext(exchange) == b"ghi"
    gate.set()
    await exchange.whole()


async def test_a_silence_before_the_rest_of_an_answer_is_not_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client counts the bytes that it has: there may be none among them that are not the answer's."""
    monkeypatch.setattr("c1fn.api.streaming.SILENCE", 0.001)
    reply = EventQueue()
    gate = running(reply)
    exchange = stream(reply, after=1)
    assert exchange.task
    await asyncio.wait([exchange.task], timeout=0.02)
    reply.say(Delta("ab"))
    gate.set()
    assert (await exchange.whole()).pieces == [b"b"]


class Waiting(Wire):
    """Says at the end of a response that there is more to come."""

    def unfinished(self) -> bytes:
        return b"more"


async def test_a_response_that_ends_before_its_answer_says_so_and_then_ends() -> None:
    reply = EventQueue()
    gate = running(reply)
    exchange = stream(reply, Delta("a"), wire=Waiting())
    gate.set()
    assert (await exchange.whole()).pieces == [b"a", b"more"]


@pytest.mark.parametrize("told", ["by a disconnect", "by an OSError alone"])
async def test_whoever_only_follows_stops_when_the_client_leaves(told: str) -> None:
    reply = EventQueue(ends_with_reader=True)
    running(reply)
    exchange = stream(reply, Delta("a"))
    await anext(exchange)
    if told == "by a disconnect":
        exchange.leave()
    else:
        exchange.refuses = True
        reply.say(Delta("b"))
    assert exchange.task
    await asyncio.wait_for(exchange.task, 5)


async def test_a_failure_midway_ends_with_its_card() -> None:
    reply = EventQueue()
    reply.say(Failed(AnswerCut()))
    assert (await stream(reply, Delta("a")).whole()).body == b"a" + error_card(AnswerCut()).encode()


@pytest.mark.parametrize("refuses", [True, False])
async def test_when_the_client_leaves_the_response_waits_for_the_turn(refuses: bool) -> None:  # noqa: FBT001 - a case
    reply = EventQueue()
    gate = running(reply)
    exchange = stream(reply, Delta("a"))
    await anext(exchange)
    exchange.leave(refuses=refuses)
    reply.say(Delta("b"))
    assert exchange.task
    done, _ = await asyncio.wait([exchange.task], timeout=0.01)
    assert not done
    reply.say(Finished(State.DONE))
    gate.set()
    await exchange.task


async def test_the_response_ends_only_when_the_turn_has() -> None:
    """A platform that freezes after the response cannot freeze a turn that still has something to store."""
    reply = EventQueue()
    gate = running(reply)
    reply.say(Finished(State.DONE))
    exchange = stream(reply, Delta("a"))
    await anext(exchange)
    assert exchange.task
    done, _ = await asyncio.wait([exchange.task], timeout=0.01)
    assert not done
    gate.set()
    await exchange.whole()


async def test_what_is_left_for_later_is_done_after_the_client_has_everything_and_before_the_end() -> None:
    gate = asyncio.Event()

    async def settle() -> None:
        await gate.wait()

    reply = EventQueue()
    reply.say(Finished(State.DONE))
    exchange = stream(reply, Delta("a"), settle=settle)
    assert [piece async for piece in exchange] == [b"a"]
    assert exchange.task
    assert not exchange.task.done()
    gate.set()
    await exchange.task


async def test_a_bug_reaches_the_server() -> None:
    async def turn() -> None:
        raise ZeroDivisionError

    reply = EventQueue()
    reply.comes_from(asyncio.create_task(turn()))
    with pytest.raises(ZeroDivisionError):
        await stream(reply, Delta("a")).whole()


async def test_a_send_that_the_server_refuses_waits_for_the_turn() -> None:
    """Some servers tell of a client that has left by an OSError alone."""
    reply = EventQueue()
    gate = running(reply)
    exchange = stream(reply, Delta("a"))
    exchange.refuses = True
    assert exchange.task
    done, _ = await asyncio.wait([exchange.task], timeout=0.01)
    assert not done
    gate.set()
    await exchange.task


async def test_an_ended_response_no_longer_listens_for_its_client() -> None:
    reply = EventQueue()
    reply.say(Finished(State.DONE))
    before = asyncio.all_tasks()
    exchange = stream(reply, Delta("a"))
    await exchange.whole()
    await asyncio.wait_for(_are_over(asyncio.all_tasks() - before), 5)


async def _are_over(tasks: set["asyncio.Task[object]"]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)
