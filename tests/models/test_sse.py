"""One test for each sentence of the standard that a decoder has to keep, fed whole and in pieces.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai._streaming import SSEDecoder

from c1fn.models.sse import Decoder, EventTooLong, Named


@pytest.fixture(params=[1, 2, 3, 7, 1_000_000], ids=lambda size: f"{size} at a time")
def size(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def fed(stream: bytes, size: int) -> list[str]:
    decoder = Decoder()
    return [data for at in range(0, len(stream), size) for data in decoder.feed(stream[at : at + size])]


def test_one_leading_byte_order_mark_is_ignored(size: int) -> None:
    assert fed(b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n", size) == ["a"]


def test_a_byte_order_mark_after_a_blank_line_is_not_at_the_beginning(size: int) -> None:
    assert fed(b"\n\xef\xbb\xbfdata: a\n\ndata: b\n\n", size) == ["b"]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"], ids=["LF", "CR", "CRLF"])
def test_lines_end_with_lf_cr_or_crlf(size: int, end: bytes) -> None:
    assert fed(b"data: a" + end + b"data: b" + end * 2 + b"data: c" + end * 2, size) == ["a\nb", "c"]


def test_line_ends_may_be_mixed(size: int) -> None:
    assert fed(b"data: a\r\rdata: b\n\r\ndata: c\r\n\rdata: d\n\n", size) == ["a", "b", "c", "d"]


def test_other_line_separators_of_unicode_end_no_line(size: int) -> None:
    text = "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg"
    assert fed(f"data: {text}\n\n".encode(), size) == [text]


def test_a_blank_line_dispatches_the_event(size: int) -> None:
    assert fed(b"data: a\n", size) == []
    assert fed(b"data: a\n\n", size) == ["a"]


def test_a_line_that_starts_with_a_colon_is_ignored(size: int) -> None:
    assert fed(b": keep-alive\n\n:\n\ndata: a\n: data: b\ndata: c\n\n", size) == ["a\nc"]


def test_a_single_space_after_the_colon_is_removed(size: int) -> None:
    assert fed(b"data:a\n\ndata: b\n\ndata:  c\n\ndata:\td\n\n", size) == ["a", "b", " c", "\td"]


def test_the_name_alone_is_an_empty_value(size: int) -> None:
    assert fed(b"data\n\ndata\ndata\n\ndata:\n\n", size) == ["", "\n", ""]


def test_data_of_several_lines_is_joined_by_newlines(size: int) -> None:
    assert fed(b"data: YHOO\ndata: +2\ndata: 10\n\n", size) == ["YHOO\n+2\n10"]


def test_other_fields_are_ignored(size: int) -> None:
    assert fed(b"event: x\nid: 1\nretry: 9\ndatum: b\nDATA: c\n data: d\ndata: a\n\n", size) == ["a"]


def test_an_event_has_the_last_name_that_it_was_given(size: int) -> None:
    stream = b"event: x\nevent: y\ndata: a\n\ndata: b\n\nevent: z\n\ndata: c\n\n"
    decoder = Decoder()
    events = [found for at in range(0, len(stream), size) for found in decoder.feed(stream[at : at + size])]
    assert [(event, getattr(event, "name", None)) for event in events] == [
        ("a", "y"),
        ("b", None),
        ("c", None),
    ]


def test_a_line_named_error_is_an_event_of_that_name() -> None:
    """No sentence of the standard: llama.cpp's server told its errors so (ggml-org/llama.cpp#16104)."""
    (event,) = Decoder().feed(b'error: {"code": 500}\n\n')
    assert isinstance(event, Named)
    assert (event, event.name) == ('{"code": 500}', "error")


def test_without_data_there_is_no_event(size: int) -> None:
    assert fed(b"event: x\n\n\n\nid: 1\n\n", size) == []


def test_an_event_that_the_stream_does_not_finish_is_discarded(size: int) -> None:
    assert fed(b"data: a\n\ndata: b\ndata: c", size) == ["a"]


def test_what_is_not_utf_8_is_replaced(size: int) -> None:
    assert fed(b"data: a\xffb\xe2\x82\n\n", size) == ["a\ufffdb\ufffd"]
    (event,) = fed(b"event: a\xff\ndata: b\n\n", size)
    assert isinstance(event, Named)
    assert (event, event.name) == ("b", "a\ufffd")


def test_a_character_may_be_cut_anywhere(size: int) -> None:
    assert fed("data: 😀é中\n\n".encode(), size) == ["😀é中"]


def test_events_of_one_chunk_come_in_order(size: int) -> None:
    assert fed(b"".join(b"data: %d\n\n" % n for n in range(50)), size) == [str(n) for n in range(50)]


def test_what_looks_like_a_whole_event_may_be_the_end_of_one() -> None:
    decoder = Decoder()
    assert decoder.feed(b"data: a\n") == []
    assert decoder.feed(b"data: b\n\n") == ["a\nb"]
    assert decoder.feed(b"data: a") == []
    assert decoder.feed(b"data: b\n\n") == ["adata: b"]
    assert decoder.feed(b"data: c\n\n") == ["c"]


def test_an_event_may_be_as_long_as_the_limit_and_no_longer() -> None:
    assert Decoder(limit=10).feed(b"data: 78\n\ndata: 78\n\n") == ["78", "78"]
    with pytest.raises(EventTooLong):
        Decoder(limit=9).feed(b"data: 789\n\n")


@pytest.mark.parametrize("piece", [b"x", b"data: x\n", b": x\n", b"id: x\n"])
def test_nothing_without_a_blank_line_grows_without_end(piece: bytes) -> None:
    decoder = Decoder(limit=100)
    for _ in range(100 // len(piece)):
        assert decoder.feed(piece) == []
    with pytest.raises(EventTooLong):
        decoder.feed(piece)


def test_comments_with_blank_lines_may_come_for_ever() -> None:
    decoder = Decoder(limit=20)
    for _ in range(100):
        assert decoder.feed(b": keep-alive\n\n") == []


LINES = st.lists(
    st.sampled_from(
        [b"data: a", b"data:b ", b"data", b": c", b"event: d", b"x", b"data: \xc3\xa9", b"", b"", b""]
    )
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


@given(LINES, ENDS, st.integers(1, 20))
def test_it_hears_what_the_decoder_of_openai_hears(lines: list[bytes], end: bytes, size: int) -> None:
    stream = b"".join(line + end for line in lines)
    theirs = [event.data for event in SSEDecoder().iter_bytes(iter([stream])) if event.event is None]
    named = b"event" in stream  # theirs also tells of events without data, if they have a name
    assert named or fed(stream, size) == theirs
