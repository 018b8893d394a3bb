"""An HTTP/1.1 client protocol without I/O: the bytes of one connection in, complete responses out.

A generator parses a response and pauses where bytes are missing, so a response may arrive in one piece, byte
by byte, or with the beginning of the next one. It is as strict as the Runtime API allows: lines end with
CRLF, fields are not folded, a content length together with a transfer coding is rejected, head and body have
a maximum size. The tests compare it with h11, which takes five times as long.

https://www.rfc-editor.org/rfc/rfc9112
"""

import re
from collections.abc import Generator, Iterable, Mapping
from http import HTTPStatus
from typing import NamedTuple

_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: [^\x00-\x08\x0a-\x1f\x7f]*)?")
_FIELDS = re.compile(rb"(?:(?:^|\r\n)[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\x00-\x08\x0a-\x1f\x7f]*)+")
_LENGTH = re.compile(rb"[0-9]{1,15}")
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,12})[ \t]*(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?")

MAX_LINE = 4096
"""Bytes of the line before a chunk, with extensions that nobody uses, and of all trailers."""

BODYLESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
"""Statuses that have no body by definition (RFC 9110 section 6.4.1), so no length either."""

Taken = Generator[None, None, bytes]
"""Bytes that may have to be waited for."""


class Broken(Exception):
    """The other side does not speak the protocol, or the connection ended midway. It is of no more use."""


class HttpResponse(NamedTuple):
    """A final one. The names of ``fields`` are in lower case; values of one name are joined by commas."""

    status: int
    fields: Mapping[bytes, bytes]
    body: bytes


def head(method: str, target: str, *fields: tuple[str, str]) -> bytes:
    """A request's line and fields. The caller vouches that no value has control characters."""
    return f"{method} {target} HTTP/1.1\r\n{_lines(fields)}\r\n".encode()


def chunk(data: bytes) -> bytes:
    """A piece of a chunked body; nothing for an empty one, which would end it."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def last_chunk(*trailers: tuple[str, str]) -> bytes:
    """What ends a chunked body."""
    return f"0\r\n{_lines(trailers)}\r\n".encode()


def _lines(fields: Iterable[tuple[str, str]]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in fields)


class Reader:
    """The responses of one connection.

    :param max_head: bytes of one head, at most. :param max_body: bytes of one body, at most.
    """

    def __init__(self, *, max_head: int, max_body: int) -> None:
        self._max_head = max_head
        self._max_body = max_body
        self._buffer = bytearray()
        self._ended = False
        self._closing = False
        self._walk = self._response()

    @property
    def clean(self) -> bool:
        """Another response can follow: nothing of one has come, and the connection is not about to end."""
        return not (self._buffer or self._ended or self._closing)

    def receive(self, data: bytes | memoryview) -> HttpResponse | None:
        """Take bytes that came (``b""``: the other side closed) and give the response they complete.

        :raises Broken: they are not one.
        """
        self._buffer += data
        self._ended = not data
        try:
            next(self._walk)
        except StopIteration as walked:
            response: HttpResponse = walked.value
            self._walk = self._response()
            return response
        return None

    def _response(self) -> Generator[None, None, HttpResponse]:
        while True:
            text = yield from self._until(b"\r\n\r\n", self._max_head)
            version, status, fields = _parse(text)
            if status >= HTTPStatus.OK:  # else informational: another follows
                break
        coding, length = fields.get(b"transfer-encoding"), _length(fields.get(b"content-length"))
        if coding is not None and (coding.lower() != b"chunked" or length is not None):
            raise Broken("a body in a coding other than chunks alone")
        if status in BODYLESS:
            body = b""
        elif coding is not None:
            body = yield from self._chunks()
        elif length is not None:
            body = yield from self._exactly(length, self._max_body)
        else:
            body = yield from self._all()
            self._closing = True
        options = [each.strip() for each in fields.get(b"connection", b"").lower().split(b",")]
        self._closing = self._closing or version == b"0" or b"close" in options
        return HttpResponse(status, fields, body)

    def _until(self, end: bytes, limit: int) -> Taken:
        """What comes before ``end``, which is passed over."""
        seen = 0
        while (at := self._buffer.find(end, seen)) < 0:
            seen = _within(limit, max(0, len(self._buffer) - len(end) + 1))
            yield from self._more()
        return self._take(_within(limit, at), len(end))

    def _exactly(self, size: int, limit: int) -> Taken:
        if size > limit:
            raise Broken(f"a body of more than {self._max_body} bytes")
        while len(self._buffer) < size:
            yield from self._more()
        return self._take(size)

    def _chunks(self) -> Taken:
        body = bytearray()
        while True:
            size = _SIZE.fullmatch((yield from self._until(b"\r\n", MAX_LINE)))
            if size is None:
                raise Broken("a chunk without its size")
            if not (length := int(size[1], 16)):
                break
            body += yield from self._exactly(length, self._max_body - len(body))
            if (yield from self._exactly(2, 2)) != b"\r\n":
                raise Broken("a chunk of another size than it said")
        left = MAX_LINE
        while trailer := (yield from self._until(b"\r\n", left)):
            _fields(trailer)  # nothing that is asked for comes there
            left -= len(trailer)
        return bytes(body)

    def _all(self) -> Taken:
        while not self._ended:
            if len(self._buffer) > self._max_body:
                raise Broken(f"a body of more than {self._max_body} bytes")
            yield
        return self._take(len(self._buffer))

    def _more(self) -> Generator[None]:
        if self._ended:
            raise Broken("the other side closed the connection")
        yield

    def _take(self, size: int, passed_over: int = 0) -> bytes:
        with memoryview(self._buffer) as view:
            taken = bytes(view[:size])
        del self._buffer[: size + passed_over]
        return taken


def _within(limit: int, size: int) -> int:
    if size > limit:
        raise Broken(f"a head or a line of more than {limit} bytes")
    return size


def _parse(text: bytes) -> tuple[bytes, int, dict[bytes, bytes]]:
    """The minor version, the status and the fields of a head."""
    line, _, lines = text.partition(b"\r\n")
    status = _STATUS.fullmatch(line)
    if status is None:
        raise Broken("an answer that is not HTTP/1.1")
    return status[1], int(status[2]), _fields(lines) if lines else {}


def _fields(lines: bytes) -> dict[bytes, bytes]:
    if not _FIELDS.fullmatch(lines):
        raise Broken("a field that HTTP/1.1 does not allow")
    fields: dict[bytes, bytes] = {}
    for line in lines.split(b"\r\n"):
        name, _, value = line.partition(b":")
        name, value = name.lower(), value.strip(b" \t")
        fields[name] = value if name not in fields else fields[name] + b", " + value
    return fields


def _length(text: bytes | None) -> int | None:
    if text is None:
        return None
    if not _LENGTH.fullmatch(text):
        raise Broken("a length that is no number, or several of them")
    return int(text)
