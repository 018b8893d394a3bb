"""Amazon's event stream, as botocore reads it."""

import pytest
from botocore.eventstream import EventStreamBuffer, EventStreamMessage

from c1fn.runtime.emulator.eventstream import encode


def read(data: bytes, size: int) -> list[EventStreamMessage]:
    buffer = EventStreamBuffer()
    messages = []
    for at in range(0, len(data), size):
        buffer.add_data(data[at : at + size])
        messages += list(buffer)
    return messages


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_botocore_reads_what_is_written_whole_or_byte_by_byte(size: int) -> None:
    data = encode("PayloadChunk", "ü".encode(), "application/octet-stream") + encode(
        "InvokeComplete", b"{}", "application/json"
    )
    first, second = read(data, size)
    assert first.headers == {
        ":message-type": "event",
        ":event-type": "PayloadChunk",
        ":content-type": "application/octet-stream",
    }
    assert first.payload == "ü".encode()
    assert (second.headers[":event-type"], second.payload) == ("InvokeComplete", b"{}")
