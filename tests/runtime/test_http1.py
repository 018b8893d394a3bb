"""HTTP/1.1 as the platform speaks it, beside what h11 understands of the same bytes."""

import itertools

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c1fn.runtime.http1 import Broken, HttpResponse, Reader, chunk, head, last_chunk

MAX_HEAD, MAX_BODY = 1024, 4096


def reader() -> Reader:
    return Reader(max_head=MAX_HEAD, max_body=MAX_BODY)


def ours(pieces: list[bytes], *, closes: bool = False) -> tuple[int, bytes] | str | None:
    """The response in these bytes, why they are none, or None where more is to come."""
    reading = reader()
    try:
        for piece in [*filter(None, pieces), *([b""] if closes else [])]:
            if (response := reading.receive(piece)) is not None:
                return response.status, response.body
    except Broken:
        return "broken"
    return None


def theirs(data: bytes, *, closes: bool = False) -> tuple[int, bytes] | str | None:
    """The same by h11."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "h")]))
    connection.send(h11.EndOfMessage())
    status, body = 0, b""
    try:
        connection.receive_data(data)
        if closes:
            connection.receive_data(b"")
        while isinstance(event := connection.next_event(), h11.Event):
            match event:
                case h11.Response():
                    status = event.status_code
                case h11.Data():
                    body += event.data
                case h11.EndOfMessage():
                    return status, body
                case h11.ConnectionClosed():
                    return "broken"
    except h11.RemoteProtocolError:
        return "broken"
    return None


FIELDS = st.lists(
    st.tuples(
        st.sampled_from(["X-A", "x-b", "Content-Type", "Lambda-Runtime-Trace-Id"]),
        st.text("abc =;\t\xe9", max_size=20),
    ),
    max_size=4,
)
BODIES = st.binary(max_size=200)


@st.composite
def framed(draw: st.DrawFn) -> tuple[bytes, bool]:
    """A response's bytes in one of the framings, and whether its end is the connection's."""
    status = draw(st.sampled_from([200, 202, 204, 304, 400, 410, 500]))
    version = draw(st.sampled_from(["1.1", "1.1", "1.0"]))
    lines = [f"HTTP/{version} {status}{draw(st.sampled_from([' OK', ' ', '']))}"]
    lines += [f"{name}:{draw(st.sampled_from(['', ' ', '  ']))}{value}" for name, value in draw(FIELDS)]
    body, framing = draw(BODIES), draw(st.sampled_from(["length", "chunks", "close"]))
    if framing == "length":
        lines.append(f"Content-Length: {len(body)}")
    elif framing == "chunks":
        lines.append("Transfer-Encoding: chunked")
        pieces = draw(st.lists(BODIES, max_size=4))
        trailers = [("X-Trailer", "t")] if draw(st.booleans()) else []
        body = b"".join(map(chunk, pieces)) + last_chunk(*trailers)
    informational = draw(st.sampled_from(["", "HTTP/1.1 100 Continue\r\n\r\n"]))
    text = informational + "\r\n".join(lines) + "\r\n\r\n"
    return text.encode("latin-1") + body, framing == "close"


def cut(data: bytes, at: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(point % (len(data) + 1) for point in at)})
    return [data[start:end] for start, end in itertools.pairwise(edges)]


@settings(max_examples=400)
@given(framed(), st.lists(st.integers(0, 2000), max_size=6))
def test_whatever_its_framing_and_its_pieces_a_response_is_what_h11_reads(
    response: tuple[bytes, bool], at: list[int]
) -> None:
    data, closes = response
    assert ours(cut(data, at), closes=closes) == theirs(data, closes=closes)


@pytest.mark.parametrize("line", [b"5;a", b'5;a=b;c="d"', b"5 \t", b"005"])
def test_the_extensions_of_a_chunk_are_passed_over(line: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    data = head + line + b"\r\nhello\r\n" + line.replace(b"5", b"0") + b"\r\n\r\n"
    read = ours([data], closes=False)
    assert read == theirs(data, closes=False)
    assert b"hello" in repr(read).encode()


@settings(max_examples=1000)
@given(framed(), st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=3)), min_size=1, max_size=3))
def test_of_damaged_bytes_nothing_is_understood_that_h11_does_not(
    response: tuple[bytes, bool], damage: list[tuple[int, bytes]]
) -> None:
    data, closes = response
    for at, put in damage:
        point = at % (len(data) + 1)
        data = data[:point] + put + data[point + len(put) :]
    found = ours([data], closes=closes)
    assert found in (None, "broken", theirs(data, closes=closes))


@pytest.mark.parametrize(
    "text",
    [
        b"HTTP/1.1 200 OK\nContent-Length: 0\n\n" + b"\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 999 OK\r\n\r\n",
        b"HTTP/1.1 200 O\x00K\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nspace : x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nfolded: x\r\n y\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nzero: \x00\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n12",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
    ],
)
def test_what_breaks_the_rules_breaks_the_connection(text: bytes) -> None:
    with pytest.raises(Broken):
        reader().receive(text)


@pytest.mark.parametrize(
    "text",
    [
        b"HTTP/1.1 200 OK\r\nx: " + b"x" * MAX_HEAD,
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY + 1),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"x" * MAX_BODY) + b"1\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1;" + b"x" * 5000,
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (MAX_BODY + 1),
        b"HTTP/1.1 200 OK\r\nx: " + b"x" * MAX_HEAD + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"a: b\r\n" * 2000 + b"\r\n",
    ],
    ids=["head", "length", "chunks", "a chunk's line", "until it closes", "whole head", "trailers"],
)
@pytest.mark.parametrize("size", [1, 1 << 20], ids=["byte by byte", "whole"])
def test_every_part_is_bounded(text: bytes, size: int) -> None:
    reading = reader()
    pieces = (text[at : at + size] for at in range(0, len(text), size))
    with pytest.raises(Broken, match="more than"):
        list(map(reading.receive, pieces))


@pytest.mark.parametrize("size", [1, 1 << 20], ids=["byte by byte", "whole"])
@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nx:".ljust(MAX_HEAD, b"x"), b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: %d" % MAX_BODY, b"x" * MAX_BODY),
        (b"HTTP/1.1 200 OK", b"x" * MAX_BODY),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", chunk(b"x" * MAX_BODY) + last_chunk()),
    ],
    ids=["head", "length", "until it closes", "chunks"],
)
def test_every_part_may_be_exactly_as_long_as_its_bound(head: bytes, body: bytes, size: int) -> None:
    text = head + b"\r\n\r\n" + body
    read = ours([text[at : at + size] for at in range(0, len(text), size)], closes=True)
    assert isinstance(read, tuple)
    assert len(read[1]) == (MAX_BODY if body else 0)


def test_one_response_follows_the_other_and_the_fields_of_one_name_are_joined() -> None:
    reading = reader()
    first = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a:2 \r\nContent-Length: 1\r\n\r\na"
    assert reading.receive(first + b"HTTP") == HttpResponse(
        200, {b"x-a": b"1, 2", b"content-length": b"1"}, b"a"
    )
    assert not reading.clean
    assert reading.receive(b"/1.1 204 No\r\n\r\n") == HttpResponse(204, {}, b"")
    assert reading.clean


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 200 OK\r\nConnection: x,\tClose\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=["told", "HTTP/1.0"],
)
def test_after_a_response_that_closes_the_connection_none_follows(response: bytes) -> None:
    reading = reader()
    assert reading.receive(response)
    assert not reading.clean


def test_a_connection_that_ends_midway_is_broken_and_one_that_ends_a_body_is_not() -> None:
    for begun in (b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na"):
        reading = reader()
        assert reading.receive(begun) is None
        with pytest.raises(Broken):
            reading.receive(b"")
    reading = reader()
    assert reading.receive(b"HTTP/1.1 200 OK\r\n\r\nall") is None
    assert reading.receive(b"") == HttpResponse(200, {}, b"all")
    assert not reading.clean


def test_a_request_and_its_chunks_are_what_h11_understands() -> None:
    server = h11.Connection(h11.SERVER)
    fields = [("Host", "h"), ("Transfer-Encoding", "chunked")]
    server.receive_data(head("POST", "/a", *fields) + chunk(b"one") + chunk(b"") + chunk(b"two" * 99))
    server.receive_data(last_chunk(("X-T", "v")))
    events = []
    while isinstance(event := server.next_event(), h11.Event):
        events.append(event)
    assert isinstance(events[0], h11.Request)
    assert (events[0].method, events[0].target) == (b"POST", b"/a")
    assert b"".join(bytes(e.data) for e in events if isinstance(e, h11.Data)) == b"one" + b"two" * 99
    assert isinstance(events[-1], h11.EndOfMessage)
    assert list(events[-1].headers) == [(b"x-t", b"v")]
