"""Amazon's binary event stream, as far as InvokeWithResponseStream uses it.

A message is two lengths and their checksum, headers, a payload, and the checksum of it all.
https://smithy.io/2.0/aws/amazon-eventstream.html
"""

import struct
import zlib
from collections.abc import Mapping

CONTENT_TYPE = "application/vnd.amazon.eventstream"

_STRING = 7  # the only type of header that is needed


def encode(event_type: str, payload: bytes, content_type: str) -> bytes:
    """One message that carries an event."""
    head = _headers({":message-type": "event", ":event-type": event_type, ":content-type": content_type})
    prelude = struct.pack("!II", 16 + len(head) + len(payload), len(head))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + head + payload
    return message + struct.pack("!I", zlib.crc32(message))


def _headers(fields: Mapping[str, str]) -> bytes:
    return b"".join(
        struct.pack("!B", len(name))
        + name.encode()
        + struct.pack("!BH", _STRING, len(value))
        + value.encode()
        for name, value in fields.items()
    )
