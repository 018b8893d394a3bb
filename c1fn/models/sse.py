"""Server-sent events, decoded without I/O: bytes in, the data of each whole event out.

Strategy: chunks are split at line ends by ``bytes.splitlines`` (CR, LF and CRLF, as the standard has it),
and only a line that a chunk leaves unfinished is kept. Of the fields, ``data`` is read and the others are
dropped: chat completions name no events, set no ids and are never resumed. An event that the stream does
not finish with a blank line is not an event. This file does not know what is in the data.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

import re

LIMIT = 4 * 1024 * 1024
"""Bytes of one event. A turn may hold 4 MB, and a server may send a whole answer as one event; more than
that is not an answer but a way to fill the memory."""

_BOM = b"\xef\xbb\xbf"

_LONE = re.compile(rb"data: ([^\r\n]*)\n\n")
"""A chunk that is one event, as a model sends them: it takes a third of the time of the way for all."""


class EventTooLong(ValueError):
    """The stream holds more than ``limit`` bytes between two blank lines."""


class Decoder:
    """One stream."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._size = 0  # bytes of the event being read, with its comments and other fields
        self._line: list[bytes] = []  # pieces of an unfinished line
        self._data: list[bytes] = []
        self._after_cr = False
        self._first = True

    def feed(self, chunk: bytes) -> list[str]:
        """The data of the events that this chunk completes, in order.

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
        if line.startswith(b"data:"):
            self._data.append(line[6:] if line.startswith(b"data: ") else line[5:])
        elif line == b"data":
            self._data.append(b"")
        elif not line:
            self._dispatch(events)

    def _dispatch(self, events: list[str]) -> None:
        self._size = 0
        if self._data:
            events.append(b"\n".join(self._data).decode(errors="replace"))
            self._data.clear()
