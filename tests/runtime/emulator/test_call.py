"""One invocation as the platform sees it."""

import asyncio

from c1fn.runtime.emulator.call import WAITING, Begun, Call, Ended
from c1fn.runtime.fault import Fault

FAULT = Fault("Function.X", "m")


async def test_a_reply_arrives_in_order_and_ends_once() -> None:
    call = Call(b"{}")
    await call.put(Begun("x", streaming=True))
    await call.put(b"1")
    call.end(FAULT)
    call.end()
    await call.put(b"late")
    assert [await call.take() for _ in range(3)] == [Begun("x", True), b"1", Ended(FAULT)]
    assert call.fault == FAULT


async def test_whoever_takes_waits_for_the_next_piece() -> None:
    call = Call(b"{}")
    taking = asyncio.create_task(call.take())
    await asyncio.sleep(0)
    assert not taking.done()
    await call.put(b"1")
    assert await taking == b"1"


async def test_a_slow_client_holds_the_function_up() -> None:
    call = Call(b"{}")
    for _ in range(WAITING):
        await call.put(b"x")
    putting = asyncio.create_task(call.put(b"y"))
    await asyncio.sleep(0)
    assert not putting.done()
    await call.take()
    await putting


async def test_an_end_lets_a_function_go_that_was_held_up() -> None:
    call = Call(b"{}")
    for _ in range(WAITING):
        await call.put(b"x")
    putting = asyncio.create_task(call.put(b"y"))
    await asyncio.sleep(0)
    call.end()
    await putting


async def test_a_drain_takes_everything_to_the_end() -> None:
    call = Call(b"{}")
    draining = asyncio.create_task(call.drain())
    for _ in range(WAITING * 3):
        await call.put(b"x")
    call.end(FAULT)
    assert await draining == Ended(FAULT)


def test_every_call_has_ids_of_its_own() -> None:
    calls = [Call(b"{}") for _ in range(100)]
    assert len({(call.request_id, call.invocation_id, call.trace_id) for call in calls}) == 100
    assert calls[0].trace_id.startswith("Root=1-")
