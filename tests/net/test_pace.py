"""Many streams in one process are read together, and seldom; what a lone one says is read at once.

The clock is the tests' own.
"""

import asyncio
import fcntl
import sys
import termios
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field

import httpcore2
import httpx2
import pytest

from c1fn.events import Delta
from c1fn.models.c1 import C1Model
from c1fn.models.chunks import Round
from c1fn.models.net.address import KEPT
from c1fn.models.responses import deltas
from c1fn.net.dial import Backend
from c1fn.net.pace import Pace, between
from c1fn.net.stream import Stream
from tests.models.contract import user
from tests.net.test_stream import reset, serving
from tests.tls import HOST, client_context, server_context
from tests.upstream import Upstream, held


@dataclass
class Clock:
    """``tick``: the time is over that somebody waits for. ``asked``: how long that was, each time."""

    asked: list[float] = field(default_factory=list)
    _due: list[Callable[[], None]] = field(default_factory=list)

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        self.asked.append(seconds)
        self._due.append(call)

    def tick(self) -> None:
        due, self._due = self._due, []
        for call in due:
            call()


@dataclass
class Line:
    """A server that sends what it is told, and the streams to it, one a connection."""

    clock: Clock
    streams: list[Stream] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)


@asynccontextmanager
async def line(count: int, *, tls: bool = False) -> AsyncGenerator[Line, None]:
    """Paced streams."""
    found = Line(Clock())
    connected = asyncio.Queue[asyncio.StreamWriter]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await connected.put(writer)
        with suppress(OSError):
            await reader.read()

    backend = Backend(Pace(found.clock.later))
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(serving(serve, server_context() if tls else None))
        for _ in range(count):
            stream = await backend.connect_tcp("127.0.0.1", port, 20)
            if tls:
                stream = await stream.start_tls(client_context(), HOST, 20)
            assert isinstance(stream, Stream)
            stack.push_async_callback(stream.aclose)
            stream.paced = True
            found.streams.append(stream)
            found.writers.append(await connected.get())
        yield found


async def arrived(stream: Stream, writer: asyncio.StreamWriter, data: bytes) -> None:
    """Sent, and in the kernel's hands on our side: nobody has read it."""
    before = _unread(stream)
    writer.write(data)
    while _unread(stream) < before + len(data):  # noqa: ASYNC110 - the kernel tells nobody
        await asyncio.sleep(0)


def _unread(stream: Stream) -> int:
    told = fcntl.ioctl(stream.get_extra_info("socket").fileno(), termios.FIONREAD, bytes(4))
    return int.from_bytes(told, sys.byteorder)


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def reading(stream: Stream, most: int = 65_536) -> asyncio.Task[bytes]:
    return asyncio.create_task(stream.read(most, 20))


@pytest.mark.parametrize(
    ("streams", "reads"), [(2, 240), (4, 120), (8, 60), (16, 30), (24, 30), (48, 30), (1000, 30)]
)
def test_a_stream_is_read_the_less_often_the_more_there_are_and_never_less_than_30_times_a_second(
    streams: int, reads: int
) -> None:
    assert between(streams) == pytest.approx(1 / reads)


async def test_a_stream_that_is_alone_waits_for_nobody() -> None:
    async with line(1) as wire:
        for _ in range(3):
            task = reading(wire.streams[0])
            wire.writers[0].write(b"a")
            assert await task == b"a"
        assert wire.clock.asked == []


@pytest.mark.parametrize("secured", ["", "tls"])
async def test_many_streams_are_read_at_one_moment_and_all_that_came_is_taken(secured: str) -> None:
    """OpenSSL gives one record a call: a stream that is read seldom would never catch up with these."""
    async with line(3, tls=bool(secured)) as wire:
        tasks = [reading(stream) for stream in wire.streams]
        for piece in (b"one,", b"two,", b"three"):
            for stream, writer in zip(wire.streams, wire.writers, strict=True):
                await arrived(stream, writer, piece)
        await settled()
        assert not any(task.done() for task in tasks)
        wire.clock.tick()
        assert [await task for task in tasks] == [b"one,two,three"] * 3
        assert wire.clock.asked == [between(3)]  # one timer for all


async def test_a_read_that_was_full_is_followed_by_the_next_at_once() -> None:
    """What comes faster than a stream is read would else wait in the kernel."""
    async with line(2) as wire:
        await arrived(wire.streams[0], wire.writers[0], b"abcdefgh")
        first = reading(wire.streams[0], 4)
        await settled()
        wire.clock.tick()
        assert await first == b"abcd"
        assert await wire.streams[0].read(5, 20) == b"efgh"
        assert len(wire.clock.asked) == 1


async def test_a_stream_with_nothing_to_read_is_heard_as_soon_as_there_is() -> None:
    async with line(2) as wire:
        task = reading(wire.streams[0])
        await settled()
        wire.clock.tick()
        await settled()
        assert not task.done()
        wire.writers[0].write(b"late")
        assert await task == b"late"
        assert len(wire.clock.asked) == 1


async def test_a_lone_stream_that_is_joined_waits_from_its_next_read_on_and_is_alone_again_after() -> None:
    async with line(2) as wire:
        first, second = wire.streams
        second.paced = False
        wire.writers[0].write(b"a")
        assert await reading(first) == b"a"
        second.paced = True
        task = reading(first)
        await arrived(first, wire.writers[0], b"b")
        await settled()
        assert not task.done()
        wire.clock.tick()
        assert await task == b"b"
        second.paced = second.paced = False  # told twice, it counts once
        wire.writers[0].write(b"c")
        assert await reading(first) == b"c"
        assert wire.clock.asked == [between(2)]


async def test_an_end_that_came_with_the_last_bytes_is_the_next_read() -> None:
    async with line(2) as wire:
        await arrived(wire.streams[0], wire.writers[0], b"last")
        wire.writers[0].close()
        await wire.writers[0].wait_closed()
        task = reading(wire.streams[0])
        await settled()
        wire.clock.tick()
        assert await task == b"last"
        task = reading(wire.streams[0])
        await settled()
        wire.clock.tick()
        assert await task == b""


async def test_what_broke_after_the_last_bytes_is_told_at_the_next_read() -> None:
    """A body whose end is the connection's would else be whole."""
    async with line(2) as wire:
        await arrived(wire.streams[0], wire.writers[0], b"last")
        reset(wire.writers[0])
        task = reading(wire.streams[0])
        await settled()
        wire.clock.tick()
        assert await task == b"last"
        with pytest.raises(httpcore2.ReadError):
            await reading(wire.streams[0])


async def test_who_is_cancelled_while_it_waits_ends_at_once_and_the_others_go_on() -> None:
    async with line(3) as wire:
        tasks = [reading(stream) for stream in wire.streams]
        await settled()
        tasks[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await tasks[0]
        await arrived(wire.streams[1], wire.writers[1], b"on")
        wire.clock.tick()
        assert await tasks[1] == b"on"


async def test_a_stream_that_is_closed_while_it_waits_tells_its_reader() -> None:
    async with line(2) as wire:
        task = reading(wire.streams[0])
        await settled()
        await wire.streams[0].aclose()
        wire.clock.tick()
        with pytest.raises(httpcore2.ReadError):
            await task


class Pieces(httpx2.AsyncByteStream):
    """A body of which each part is given when it is asked for."""

    def __init__(self, *parts: bytes) -> None:
        self._parts = parts

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        for part in self._parts:
            yield part


ROLE = b'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n'
TEXT = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
STOP = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}\n\n'


async def test_the_first_delta_and_the_end_of_an_answer_never_wait() -> None:
    """Its connection is paced while text comes: not before the first of it, nor once the model has ended."""
    async with line(1) as wire:
        stream = wire.streams[0]
        stream.paced = False
        seen = []

        class Watched(Pieces):
            async def __aiter__(self) -> AsyncGenerator[bytes, None]:
                async for part in super().__aiter__():
                    seen.append(stream.paced)  # when this part was asked for
                    yield part

        response = httpx2.Response(
            200, stream=Watched(ROLE, TEXT, TEXT, STOP, USAGE), extensions={"network_stream": stream}
        )
        async with aclosing(deltas(response, Round(), 60)) as said:
            assert [one.text async for one in said] == ["a", "a"]
        assert seen == [False, False, True, True, False]
        assert not stream.paced


async def test_an_answer_that_nobody_reads_on_leaves_its_connection_as_it_was() -> None:
    async with line(1) as wire:
        wire.streams[0].paced = False
        extensions = {"network_stream": wire.streams[0]}
        response = httpx2.Response(200, stream=Pieces(TEXT, TEXT), extensions=extensions)
        async with aclosing(deltas(response, Round(), 60)) as said:
            async for _ in said:
                break
        assert not wire.streams[0].paced


COUNT = KEPT + 10


async def test_more_answers_at_once_than_connections_are_kept_are_each_heard_piece_by_piece(
    upstream: Upstream,
) -> None:
    """The model is held at a gate in the middle of all of them."""
    model, gate, begun = C1Model(api_key="sk-test", base_url=upstream.url, model="c1"), asyncio.Event(), []

    async def answer() -> str:
        text = ""
        async with aclosing(model.stream([user("go")])) as events:
            async for event in events:
                if isinstance(event, Delta):
                    text += event.text
                    begun.append(text)
                    if len(begun) == COUNT:
                        gate.set()  # each has its first delta
        return text

    upstream.queue(*[held(gate) for _ in range(COUNT)])
    assert await asyncio.gather(*[answer() for _ in range(COUNT)]) == ["Hello"] * COUNT
    await model.aclose()
