"""Sockets for the model's connections, and AWS's: httpcore2's network interface with as few steps per read as
possible.

One non-blocking socket, TLS by OpenSSL directly on it, and one registration with the event loop that stays
while the socket is read. A delta that arrives alone then costs one wake-up and one call that reads and
decrypts; the library's own backend needs a transport that is paused and resumed, two memory buffers, a cancel
scope and a timer for each read. One task at a time uses a stream. A read that is cancelled may take bytes
with it, so the stream is to be closed then, as httpcore2 does.

https://www.encode.io/httpcore/network-backends/ ·
https://docs.python.org/3/library/ssl.html#notes-on-non-blocking-sockets
"""

import asyncio
import select
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any, TypeVar

import httpcore2

from c1fn.net.pace import Pace
from c1fn.net.wakeup import WakeUp

_T = TypeVar("_T")

IDLE = 60.0
"""Seconds an unused connection is kept for the next request: less than the idle limits on its way (AWS's NAT
forgets after 350), long enough for a person to read and write. AWS's own client for Java keeps as long."""


class Stream(httpcore2.AsyncNetworkStream):
    """A connection, with TLS or without; it owns the socket.

    :param sock: connected, non-blocking.
    :param pace: when it is read, while it is ``paced``.
    :param clock: seconds since the epoch: a monotonic clock may stand still while a function is frozen.
    """

    def __init__(
        self,
        sock: socket.socket,
        loop: asyncio.AbstractEventLoop,
        pace: Pace,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._sock, self._fd = sock, sock.fileno()
        self._clock, self._used = clock, clock()
        self.answered = False
        """Bytes have come since the last write."""
        self._pace, self._paced = pace, False
        self._filled = False  # the last read took as much as it could
        self._broke: OSError | None = None  # after what the last read took
        # An SSLSocket's recv would only look for flags before it reads.
        self._take = sock.read if isinstance(sock, ssl.SSLSocket) else sock.recv
        self._loop = loop
        self._listens = False  # the loop calls `_receive` when there is something to read
        self._size = 0  # bytes that the waiting read takes
        self._came = b""
        self._wakeup = WakeUp()
        self._ready = WakeUp()  # for what writes or shakes hands, and has to wait for the socket

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Bytes as soon as there are any; none: the other side has ended.

        :raises httpcore2.ReadError: the connection broke, or was closed here; or ReadTimeout.
        """
        try:
            if self._broke:
                raise self._broke
            if self._paced and self._pace.many and not self._filled:
                self._deafen()
                await self._pace.turn()
            elif not self._listens:
                await asyncio.sleep(0)  # bytes may be there already: others first
            if not self._listens:
                try:
                    first = self._sock.recv(max_bytes)  # not `_take`: when closed that raises ValueError
                    self._used, self.answered = self._clock(), True
                    return self._all(first, max_bytes) if self._paced and first else first
                except (BlockingIOError, ssl.SSLWantReadError):
                    self._loop.add_reader(self._fd, self._receive)
                    self._listens = True
            self._size = max_bytes
            await self._wakeup.wait(timeout)
        except TimeoutError as error:
            raise httpcore2.ReadTimeout(str(error)) from error
        except OSError as error:
            raise httpcore2.ReadError(str(error)) from error
        self._used, self.answered = self._clock(), True
        came, self._came = self._came, b""
        return came

    @property
    def paced(self) -> bool:
        """An answer comes on it, of which the first delta was read: it is read together with others."""
        return self._paced

    @paced.setter
    def paced(self, paced: bool) -> None:
        if paced != self._paced:
            self._paced, self._filled = paced, False
            (self._pace.join if paced else self._pace.leave)()

    def _all(self, first: bytes, most: int) -> bytes:
        """What has come besides: one call takes one record of TLS. An end or an error is the next read's."""
        parts, left = [first], most - len(first)
        try:
            while left and (part := self._take(left)):
                parts.append(part)
                left -= len(part)
        except (BlockingIOError, ssl.SSLWantReadError):
            pass
        except OSError as error:
            self._broke = error
        self._filled = not left
        return b"".join(parts)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """:raises httpcore2.WriteError: the connection broke, or was closed here; or WriteTimeout: the other
        side did not take all of it in time.
        """
        rest, self.answered = memoryview(buffer), False
        try:
            async with asyncio.timeout(timeout):
                while rest:
                    rest = rest[await self._done(self._sock.send, rest) :]
        except TimeoutError as error:
            raise httpcore2.WriteTimeout(str(error)) from error
        except OSError as error:
            raise httpcore2.WriteError(str(error)) from error

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """The stream that goes on in this one's place. When it fails, the connection is closed.

        :raises httpcore2.ConnectError: no TLS, or a certificate that is not to be trusted; or ConnectTimeout.
        """
        self._deafen()
        stream = None
        try:
            tls = ssl_context.wrap_socket(
                self._sock, server_hostname=server_hostname, do_handshake_on_connect=False
            )
            stream = Stream(tls, self._loop, self._pace, self._clock)
            self._fd = -1  # the number is the new stream's
            async with asyncio.timeout(timeout):
                await stream._done(tls.do_handshake)
        except BaseException as error:
            await (stream or self).aclose()
            if isinstance(error, TimeoutError):
                raise httpcore2.ConnectTimeout(str(error)) from error
            if isinstance(error, OSError):
                raise httpcore2.ConnectError(str(error)) from error
            raise
        return stream

    async def aclose(self) -> None:
        """Whoever still reads or writes is told."""
        if self._fd < 0:
            return
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        self._listens, self._fd = False, -1  # the number may soon be another socket's
        self._sock.close()
        self._wakeup.close()
        self._wakeup.fail(OSError("closed"))
        self._ready.fail(OSError("closed"))

    def get_extra_info(self, info: str) -> Any:
        match info:
            case "socket":
                return self._sock
            case "ssl_object":
                return self._sock if isinstance(self._sock, ssl.SSLSocket) else None
            case "is_readable":  # of an idle connection: it has ended, or is not to be trusted any more
                return self._fd < 0 or self._clock() - self._used >= IDLE or _readable(self._fd)
            case "client_addr":
                return self._sock.getsockname()
            case "server_addr":
                return self._sock.getpeername()
        return None

    def _receive(self) -> None:
        """There is something to read. That never takes writing first: a KeyUpdate is answered with the next
        write, and renegotiation is no part of TLS 1.3 nor of HTTP.
        """
        if not self._wakeup.awaited:
            self._deafen()  # else the loop would call again and again
            return
        try:
            self._came = self._take(self._size)
        except (BlockingIOError, ssl.SSLWantReadError):
            return  # a part of a record, or one that holds no data
        except OSError as error:
            self._wakeup.fail(error)
            return
        if len(self._came) in (0, self._size):
            self._deafen()  # of an end, or of what OpenSSL may hold besides, the loop says nothing more
        self._wakeup.wake()

    def _deafen(self) -> None:
        if self._listens:
            self._listens = False
            self._loop.remove_reader(self._fd)

    async def _done(self, act: Callable[..., _T], *args: Any) -> _T:
        """Do it, as soon as the socket can. OpenSSL wants the same call with the same bytes again."""
        while True:
            try:
                return act(*args)
            except ssl.SSLWantReadError:
                self._deafen()
                await self._until(self._loop.add_reader, self._loop.remove_reader)
            except (BlockingIOError, ssl.SSLWantWriteError):
                await self._until(self._loop.add_writer, self._loop.remove_writer)

    async def _until(self, add: Callable[..., Any], remove: Callable[[int], Any]) -> None:
        add(self._fd, self._ready.wake)
        try:
            await self._ready.wait()
        finally:
            if self._fd >= 0:
                remove(self._fd)


def _readable(fd: int) -> bool:
    if not hasattr(select, "poll"):
        return bool(select.select([fd], [], [], 0)[0])
    poll = select.poll()  # select takes no number above 1023
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(0))
