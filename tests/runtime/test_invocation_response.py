"""An answer in the form of its door: what leaves, and in how many sends."""

import asyncio
import base64
import json
from typing import Any

import h11
import pytest

from c1fn.runtime.asgi import AppError
from c1fn.runtime.doors import BadEvent, Mode
from c1fn.runtime.fault import Fault
from c1fn.runtime.invocation_response import InvocationResponse
from c1fn.runtime.link import Link
from c1fn.runtime.messages import Invocation, PreludeTooLarge
from c1fn.runtime.protocol import Address, Connection
from tests.runtime.bench import EVENTS

CALL = Invocation("id-1", b"{}")
FAULT = Fault("Function.Boom", "m")


class Wire(asyncio.Transport):
    """A transport that keeps each write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []

    def write(self, data: Any) -> None:
        self.writes.append(bytes(data))

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert high
        assert low == 0

    def is_closing(self) -> bool:
        return False

    def abort(self) -> None:
        self.writes.append(b"aborted")


class Bench:
    """A response on a link that leads to a ``Wire``."""

    def __init__(self, mode: Mode, event: str) -> None:
        self.wire = Wire()
        self.link = Link(Connection(Address("h", 1, "")))
        self.link.connection_made(self.wire)
        self.response = InvocationResponse(self.link, CALL)
        self.response.mode = mode
        self.response.event = json.loads((EVENTS / f"{event}.json").read_text("utf-8"))

    def answer(self, data: bytes) -> None:
        """The platform's; nothing: it closes."""
        if not data:
            self.link.eof_received()
            return
        self.link.get_buffer(-1)[: len(data)] = data
        self.link.buffer_updated(len(data))

    def read(self) -> tuple[h11.Request, list[bytes], dict[bytes, bytes]]:
        """Head, chunks and trailers of all that was written."""
        server = h11.Connection(h11.SERVER)
        server.receive_data(b"".join(self.wire.writes))
        events = []
        while isinstance(event := server.next_event(), h11.Event):
            events.append(event)
        head, end = events[0], events[-1]
        assert isinstance(head, h11.Request)
        trailers = dict(end.headers) if isinstance(end, h11.EndOfMessage) else {}
        return head, [bytes(event.data) for event in events if isinstance(event, h11.Data)], trailers


@pytest.fixture
async def stream() -> Bench:
    return Bench("stream", "function-url")


async def tick() -> None:
    """Let the loop run what is ready."""
    await asyncio.sleep(0)


async def test_head_metadata_body_and_end_leave_in_one_send(stream: Bench) -> None:
    await stream.response.begin(200, [(b"a", b"b")])
    await stream.response.write(b"hello", last=True)
    assert len(stream.wire.writes) == 1
    _, chunks, _ = stream.read()
    assert json.loads(chunks[0]) == {"statusCode": 200, "headers": {"a": "b"}, "cookies": []}
    assert chunks[1:] == [b"\0" * 8, b"hello"]


async def test_the_first_piece_leaves_with_the_head_and_the_second_alone(stream: Bench) -> None:
    await stream.response.begin(200, [])
    await stream.response.write(b"one", last=False)
    await stream.response.write(b"two", last=False)
    assert [b"HTTP/1.1" in write for write in stream.wire.writes] == [True, False]
    assert stream.wire.writes[1] == b"3\r\ntwo\r\n"


async def test_the_metadata_leaves_when_the_app_awaits(stream: Bench) -> None:
    await stream.response.begin(200, [])
    assert stream.wire.writes == []
    await tick()
    assert len(stream.wire.writes) == 1
    await stream.response.write(b"later", last=True)
    assert stream.read()[1][2:] == [b"later"]


async def test_empty_pieces_are_nothing(stream: Bench) -> None:
    await stream.response.begin(200, [])
    await stream.response.write(b"", last=False)
    await stream.response.write(b"", last=False)
    assert stream.wire.writes == []
    await stream.response.write(b"x", last=True)
    assert len(stream.wire.writes) == 1


@pytest.mark.parametrize(("status", "length"), [(200, "0"), (500, "0"), (204, None), (304, None)])
async def test_an_empty_body_is_told_by_its_length(stream: Bench, status: int, length: str | None) -> None:
    await stream.response.begin(status, [])
    await stream.response.write(b"", last=True)
    (text, delimiter) = stream.read()[1]
    assert json.loads(text)["headers"].get("content-length") == length
    assert delimiter == b"\0" * 8


async def test_the_length_of_a_response_to_head_stays() -> None:
    bench = Bench("stream", "function-url")
    await bench.response.begin(200, [(b"content-length", b"17")])
    await bench.response.write(b"", last=True)
    assert json.loads(bench.read()[1][0])["headers"]["content-length"] == "17"


async def test_a_rest_api_gets_multi_value_headers() -> None:
    bench = Bench("stream", "rest-api")
    await bench.response.begin(200, [(b"set-cookie", b"a"), (b"set-cookie", b"b")])
    await bench.response.write(b"x", last=True)
    assert json.loads(bench.read()[1][0])["multiValueHeaders"] == {"set-cookie": ["a", "b"]}


async def test_a_raw_response_is_its_body_alone() -> None:
    bench = Bench("raw", "direct")
    await bench.response.begin(500, [(b"a", b"b")])
    await bench.response.write(b"x", last=True)
    assert bench.read()[1] == [b"x"]


async def test_a_whole_answer_is_json() -> None:
    bench = Bench("buffer", "alb")
    await bench.response.whole({"statusCode": 200})
    assert bench.read()[1] == [b'{"statusCode":200}']


async def test_a_fault_before_anything_was_sent_is_an_error_report(stream: Bench) -> None:
    await stream.response.begin(200, [])
    await stream.response.fail(FAULT)
    await tick()
    head, _, _ = stream.read()
    assert head.target.endswith(b"/invocation/id-1/error")


async def test_a_fault_midway_is_told_by_trailers(stream: Bench) -> None:
    await stream.response.begin(200, [])
    await stream.response.write(b"half", last=False)
    await stream.response.fail(FAULT)
    _, chunks, trailers = stream.read()
    assert chunks[-1] == b"half"
    assert trailers[b"lambda-runtime-function-error-type"] == b"Function.Boom"
    assert base64.b64decode(trailers[b"lambda-runtime-function-error-body"]) == FAULT.body()


async def test_a_fault_after_the_end_changes_nothing(stream: Bench) -> None:
    await stream.response.begin(200, [])
    await stream.response.write(b"x", last=True)
    await stream.response.fail(FAULT)
    assert len(stream.wire.writes) == 1


@pytest.mark.parametrize("headers", [[(b"x", b"y" * 17_000)], [(b"x", b"a\nb")]], ids=["large", "control"])
async def test_headers_that_cannot_be_told_leave_the_error_report_open(
    stream: Bench, headers: list[tuple[bytes, bytes]]
) -> None:
    with pytest.raises((PreludeTooLarge, AppError)):
        await stream.response.begin(200, headers)
    await stream.response.fail(FAULT)
    assert stream.read()[0].target.endswith(b"/error")


@pytest.mark.parametrize("mode", ["stream", "raw", "buffer"])
async def test_a_refusal_has_its_doors_form(mode: Mode) -> None:
    bench = Bench(mode, "function-url")
    await bench.response.refuse(BadEvent("why"))
    told = json.loads(bench.read()[1][-1])
    problem = json.loads(told["body"]) if mode == "buffer" else told
    assert (problem["status"], problem["detail"]) == (400, "why")


async def test_a_refusal_that_comes_too_late_is_a_fault(stream: Bench) -> None:
    await stream.response.begin(200, [])
    await stream.response.write(b"half", last=False)
    await stream.response.refuse(BadEvent("why"))
    await stream.response.refuse(BadEvent("and again, after the end"))
    _, chunks, trailers = stream.read()
    assert chunks[-1] == b"half"
    assert trailers[b"lambda-runtime-function-error-type"] == b"Function.BadEvent"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"HTTP/1.1 202 A\r\ncontent-length: 0\r\n\r\n", ""),
        (b"HTTP/1.1 410 G\r\ncontent-length: 0\r\n\r\n", "410 (the invocation is over and no longer ours)"),
        (b"HTTP/1.1 413 L\r\ncontent-length: 0\r\n\r\n", "413 (the response is too large)"),
        (b"", "not acknowledged"),
    ],
    ids=["accepted", "stale", "too large", "closed"],
)
async def test_what_the_platform_did_not_like_is_logged(
    stream: Bench, answer: bytes, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    await stream.response.begin(200, [])
    await stream.response.write(b"x", last=True)
    stream.answer(answer)
    await stream.response.settled()
    assert told in caplog.text
    assert bool(told) is bool(caplog.records)


async def test_nothing_is_sent_any_more_when_the_platform_has_refused_early(stream: Bench) -> None:
    await stream.response.begin(200, [])
    await stream.response.write(b"one", last=False)
    stream.answer(b"HTTP/1.1 410 G\r\ncontent-length: 0\r\n\r\n")
    await stream.response.write(b"two", last=False)
    await stream.response.write(b"", last=True)
    assert len(stream.wire.writes) == 1
    assert not stream.link.usable


async def test_the_rest_is_sent_when_the_platform_has_accepted_early(stream: Bench) -> None:
    await stream.response.begin(200, [])
    await stream.response.write(b"one", last=False)
    stream.answer(b"HTTP/1.1 200 O\r\ncontent-length: 0\r\n\r\n")
    await stream.response.write(b"two", last=False)
    await stream.response.write(b"", last=True)
    await stream.response.settled()
    assert stream.read()[1][2:] == [b"one", b"two"]
    assert stream.link.usable


async def test_a_fault_after_an_early_2xx_is_told_by_the_trailers(stream: Bench) -> None:
    await stream.response.begin(200, [])
    await stream.response.write(b"half", last=False)
    stream.answer(b"HTTP/1.1 200 O\r\ncontent-length: 0\r\n\r\n")
    await stream.response.fail(FAULT)
    assert stream.read()[2][b"lambda-runtime-function-error-type"] == b"Function.Boom"
