"""Decodes server-sent events without I/O: bytes in, the data of each complete event out.

Chunks are split at line ends by ``bytes.splitlines`` (CR, LF and CRLF, as in the standard), and only an
incomplete last line is kept. The fields ``data`` and ``event`` are read and the others ignored: chat
completions set no ids and are never resumed. One field is not in the standard: llama.cpp's server sent an
error in a separate line, ``error: {...}``, which is read as an event of that name. An event without a blank
line at its end is ignored. This module does not interpret the data.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

import re
from typing import Self

LIMIT = 4 * 1024 * 1024
"""Bytes of one event. A turn may hold 4 MB, and a server may send a whole answer as one event; more than
that is not an answer but a way to fill the memory."""

_BOM = b"\xef\xbb\xbf"

_LONE = re.compile(rb"data: ([^\r\n]*)\n\n")
"""A chunk that is one event, as a model sends them: it takes a third of the time of the way for all."""


class Named(str):
    """The data of an event that has a name; most have none, and are plain text."""

    __slots__ = ("name",)

    name: str

    def __new__(cls, data: str, name: str) -> Self:
        event = super().__new__(cls, data)
        event.name = name
        return event


class EventTooLong(ValueError):
    """The stream holds more than ``limit`` bytes between two blank lines."""


class Decoder:
    """One stream."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._size = 0  # bytes of the event being read, with its comments and other fields
        self._line: list[bytes] = []  # pieces of an unfinished line
        self._data: list[bytes] = []
        self._name = b""
        self._after_cr = False
        self._first = True

    def feed(self, chunk: bytes) -> list[str]:
        """The data of the events that this chunk completes, in order; of those with a name it is ``Named``.

        :raises EventTooLong: one event is longer than the limit.
        """
        if self._size == 0 and (event := _LONE.fullmatch(chunk)) and len(chunk) <= self._limit:
            self._first = self._after_cr = False
            return [event[1].decode(errors="replace")]
        if self._after_cr and chunk:
            chunk = chunk.removeprefix(b"\n")  # the second half of a CRLF
            self._after_cr = False
        events: list[str] = []
        for line in chunk.splitlines(keepends=True):
            self._count(len(line))
            ended = line.rstrip(b"\r\n")
            if len(ended) == len(line):
                self._line.append(line)
            else:
                self._end_line(ended, events)
        self._after_cr = self._after_cr or chunk.endswith(b"\r")
        return events

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > self._limit:
            raise EventTooLong(f"an event of more than {self._limit} bytes")

    def _end_line(self, line: bytes, events: list[str]) -> None:
        if self._line:
            self._line.append(line)
            line = b"".join(self._line)
            self._line.clear()
        if self._first:
            self._first = False
            line = line.removeprefix(_BOM)
        # The two lines that nearly every event has come first.
        if line.startswith(b"data: "):
            self._data.append(line[6:])
        elif not line:
            self._dispatch(events)
        else:
            self._read_field(line)

    def _read_field(self, line: bytes) -> None:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match field:
            case b"data":
                self._data.append(value)
            case b"event":
                self._name = value
            case b"error":
                self._name = field
                self._data.append(value)

    def _dispatch(self, events: list[str]) -> None:
        self._size = 0
        if self._data:
            data = b"\n".join(self._data).decode(errors="replace")
            events.append(Named(data, self._name.decode(errors="replace")) if self._name else data)
            self._data.clear()
        self._name = b""
