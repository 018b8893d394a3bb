"""The connections to one service, on servers that do what AWS's and the networks before them do."""

import asyncio
import random
import socket
import ssl
import threading
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from c1fn.net import handshake
from c1fn.net.aws import Limits, Unreachable, connections
from c1fn.net.aws.client import Answer, Request
from c1fn.net.aws.connections import Connections
from c1fn.net.stream import IDLE
from tests.net.aws.scripted import CUT, answer, scripted
from tests.net.test_stream import serving as dripping
from tests.secure import serving
from tests.tls import client_context, server_context

LIMITS = Limits(connect=10, read=10, connections=3)
ONE = Limits(connect=10, read=10, connections=1)


def request(body: bytes = b"{}") -> Request:
    return Request("GetItem", {"host": "h", "content-length": str(len(body))}, body)


async def test_an_answer_is_its_status_its_headers_and_its_bytes() -> None:
    async with (
        scripted(answer(b"\xff", 418, "X-Amz-Crc32: 5")) as server,
        aclosing(Connections(f"http://{server.address}", LIMITS, None)) as transport,
    ):
        found = await transport.send(request(b"hello"))
        assert found == Answer(418, {"content-length": "1", "x-amz-crc32": "5"}, b"\xff")
        [asked] = server.asked
        assert (asked.line, asked.body) == ("POST / HTTP/1.1", b"hello")


async def test_as_many_connections_as_are_allowed_and_the_other_calls_wait() -> None:
    async with (
        scripted(*[answer(b"x" * 400_000)] * 12) as server,
        aclosing(Connections(f"http://{server.address}", LIMITS, None)) as transport,
    ):
        found = await asyncio.gather(*(transport.send(request(b"y" * 400_000)) for _ in range(12)))
        assert {len(each.body) for each in found} == {400_000}
        assert server.connections == LIMITS.connections


async def test_an_answer_that_does_not_end_is_not_read_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """And its connection, which is not used again, makes room for another."""
    monkeypatch.setattr(connections, "LONGEST", 1_000_000)
    async with (
        scripted(answer(b"x" * 5_000_000)) as server,
        aclosing(Connections(f"http://{server.address}", ONE, None)) as transport,
    ):
        with pytest.raises(Unreachable) as caught:
            await transport.send(request())
        assert (caught.value.kind, caught.value.passes) == ("AnswerTooLong", False)
        assert (await transport.send(request())).body == b"{}"
        assert server.connections == 2


@pytest.mark.parametrize(("size", "is_read"), [(5, True), (6, False)])
async def test_the_longest_answer(monkeypatch: pytest.MonkeyPatch, size: int, *, is_read: bool) -> None:
    monkeypatch.setattr(connections, "LONGEST", 5)
    async with (
        scripted(answer(b"x" * size)) as server,
        aclosing(Connections(f"http://{server.address}", LIMITS, None)) as transport,
    ):
        if is_read:
            assert (await transport.send(request())).body == b"x" * size
        else:
            with pytest.raises(Unreachable, match="AnswerTooLong"):
                await transport.send(request())


async def test_a_server_that_is_silent_is_not_waited_for() -> None:
    few = Limits(connect=10, read=0.05, connections=1)
    async with (
        scripted(None) as server,
        aclosing(Connections(f"http://{server.address}", few, None)) as transport,
    ):
        async with asyncio.timeout(5):
            with pytest.raises(Unreachable, match="ReadTimeout"):
                await transport.send(request())


async def test_a_server_that_never_comes_to_an_end_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each interim answer comes in time; the answer does not."""

    async def interim(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        while True:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(0)

    monkeypatch.setattr(connections, "TRY", 0.05)
    async with (
        dripping(interim) as port,
        aclosing(Connections(f"http://127.0.0.1:{port}", LIMITS, None)) as transport,
        asyncio.timeout(5),
    ):
        with pytest.raises(Unreachable, match="TimeoutError") as caught:
            await transport.send(request())
        assert caught.value.passes


async def test_what_keeps_the_event_loops_threads_busy_holds_up_no_connection() -> None:
    """As functions of a tool do that hang: there are six threads in a function."""
    loop, go = asyncio.get_running_loop(), threading.Event()
    loop.set_default_executor(ThreadPoolExecutor(1))
    hanging = loop.run_in_executor(None, go.wait, 20)
    try:
        async with (
            scripted() as server,
            aclosing(Connections(f"http://{server.address}", LIMITS, None)) as transport,
            asyncio.timeout(5),
        ):
            assert (await transport.send(request())).body == b"{}"
    finally:
        go.set()
        await hanging


async def test_a_name_that_nobody_resolves_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """`getaddrinfo` takes no timeout; a resolver's own is half a minute."""
    go = threading.Event()
    monkeypatch.setattr(handshake, "_open", lambda *_: go.wait(20))
    monkeypatch.setattr(connections, "TRY", 0.05)
    async with aclosing(Connections("http://127.0.0.1:9", LIMITS, None)) as transport, asyncio.timeout(5):
        with pytest.raises(Unreachable, match="TimeoutError"):
            await transport.send(request())
        go.set()


async def test_a_server_that_takes_no_request_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "TRY", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # it is connected to, and nobody reads
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        async with asyncio.timeout(5), aclosing(Connections(url, LIMITS, None)) as transport:
            with pytest.raises(Unreachable, match="TimeoutError") as caught:
                await transport.send(request(b"x" * 20_000_000))
    assert caught.value.passes


async def test_a_connection_that_was_frozen_for_long_is_not_used() -> None:
    """By the clock of the wall: a monotonic one may stand still meanwhile."""
    now = [1000.0]
    async with (
        scripted() as server,
        aclosing(Connections(f"http://{server.address}", LIMITS, None, lambda: now[0])) as transport,
    ):
        for passed, connected in ((0, 1), (IDLE - 1, 1), (IDLE, 2), (0, 2)):
            now[0] += passed
            await transport.send(request())
            assert server.connections == connected


async def test_a_connection_that_ends_under_a_request_fails_it_once() -> None:
    """The request is not sent again: who calls knows whether that may be."""
    async with (
        scripted(answer({}), CUT) as server,
        aclosing(Connections(f"http://{server.address}", LIMITS, None)) as transport,
    ):
        await transport.send(request())
        with pytest.raises(Unreachable):
            await transport.send(request())
        assert len(server.asked) == 2
        await transport.send(request())


async def test_a_call_that_is_cancelled_takes_its_connection_with_it() -> None:
    """What still comes on it is no other call's answer."""
    async with (
        scripted(None) as server,
        aclosing(Connections(f"http://{server.address}", LIMITS, None)) as transport,
    ):
        sending = asyncio.create_task(transport.send(request()))
        await server.came.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert (await transport.send(request())).body == b"{}"
        assert server.connections == 2


async def test_calls_that_are_cancelled_while_they_wait_leave_the_others() -> None:
    async with (
        scripted(None) as server,
        aclosing(Connections(f"http://{server.address}", ONE, None)) as transport,
    ):
        first, second, third = (asyncio.create_task(transport.send(request())) for _ in range(3))
        await server.came.wait()
        for leaving in (second, first):
            leaving.cancel()
        await asyncio.wait([first, second])
        assert (await third).body == b"{}"


@asynccontextmanager
async def then_left() -> AsyncGenerator[None, None]:
    """After the block, which closes its connections, the server shakes the last hands and reads the ends."""
    yield
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_is_cancelled_when_the_others_are_served(seed: int) -> None:
    """httpcore#1093, #830, #658, httpx2#564: cancelled requests kept their places in the pool for ever."""
    dice, few, tls = random.Random(seed), Limits(connect=10, read=10, connections=2), seed % 2 == 0
    async with (
        scripted(tls=server_context() if tls else None) as server,
        then_left(),
        aclosing(
            Connections(f"http{'s' * tls}://{server.address}", few, client_context() if tls else None)
        ) as transport,
    ):
        for _ in range(30):
            transport.connect(dice.randint(0, 2))
            sending = [asyncio.create_task(transport.send(request())) for _ in range(6)]
            for _ in range(dice.randint(0, 12)):
                await asyncio.sleep(0)
            for one in dice.sample(sending, 4):
                one.cancel()
            for _ in range(dice.randint(0, 3)):
                await asyncio.sleep(0)
            found = await asyncio.gather(*sending, return_exceptions=True)
            assert sum(isinstance(one, Answer) for one in found) >= 2
            assert not [one for one in found if not isinstance(one, Answer | asyncio.CancelledError)]
        async with asyncio.timeout(5):
            answers = await asyncio.gather(*(transport.send(request()) for _ in range(4)))
        assert [answered.body for answered in answers] == [b"{}"] * 4


async def test_no_level_prints_what_is_sent_or_what_comes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(1)  # below DEBUG
    sent = Request(
        "GetItem", {"host": "h", "content-length": "7", "x-amz-security-token": "planted"}, b"planted"
    )
    async with (
        scripted(answer(b"planted", 200, "x-secret: planted")) as server,
        aclosing(Connections(f"http://{server.address}", LIMITS, None)) as transport,
    ):
        await transport.send(sent)
    assert "planted" not in caplog.text


async def test_it_may_be_made_before_its_event_loop_runs() -> None:
    async with scripted() as server:
        transport = await asyncio.to_thread(Connections, f"http://{server.address}", LIMITS, None)
        await transport.send(request())
        await transport.aclose()


async def test_in_the_end_its_threads_end() -> None:
    transport = Connections("http://127.0.0.1:9", LIMITS, None)
    await transport.aclose()
    with pytest.raises(RuntimeError):
        transport._backend.shaken("127.0.0.1", 9, None, 1)


# ---- over TLS


@pytest.mark.parametrize("tickets", [0, 2])
async def test_the_first_calls_take_the_connections_that_were_opened_ahead(tickets: int) -> None:
    context = server_context()
    context.num_tickets = tickets
    async with (
        scripted(tls=context) as server,
        aclosing(Connections(f"https://{server.address}", LIMITS, client_context())) as transport,
    ):
        transport.connect(3)
        for _ in range(3):
            await server.connected.get()
        assert server.asked == []
        await asyncio.gather(*(transport.send(request()) for _ in range(3)))
        for _ in range(3):
            await transport.send(request())
        assert (server.connections, len(server.asked)) == (3, 6)


async def test_calls_that_come_at_once_wait_for_what_is_being_opened() -> None:
    async with (
        scripted(tls=server_context()) as server,
        aclosing(Connections(f"https://{server.address}", LIMITS, client_context())) as transport,
    ):
        transport.connect(2)
        await asyncio.gather(*(transport.send(request()) for _ in range(2)))
        assert server.connections == 2


@pytest.mark.parametrize("opened", [True, False])
async def test_what_nobody_took_is_closed_in_the_end(pair: Path, *, opened: bool) -> None:
    """Also what is still being opened then."""
    came: list[str] = []
    with serving(pair, came) as url:
        transport = Connections(url, LIMITS, trusting(pair))
        transport.connect(3)
        if opened:
            await asyncio.wait(transport._network._opening)
        await transport.aclose()
    assert "asked" not in came


async def test_a_server_that_nobody_vouches_for_is_not_spoken_to(pair: Path) -> None:
    came: list[str] = []
    with serving(pair, came) as url:
        async with aclosing(Connections(url, LIMITS, ssl.create_default_context())) as transport:
            transport.connect(1)
            for _ in range(2):
                with pytest.raises(Unreachable, match="ConnectError: SSLCertVerificationError"):
                    await transport.send(request())
    assert "asked" not in came


async def test_why_there_is_no_connection_is_told() -> None:
    async with aclosing(Connections("http://127.0.0.1:9", LIMITS, None)) as transport:
        with pytest.raises(Unreachable) as caught:
            await transport.send(request())
    assert caught.value.kind == "ConnectError: ConnectionRefusedError"


def trusting(pair: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=pair)


async def test_without_tls_nothing_is_opened_ahead() -> None:
    async with (
        scripted() as server,
        aclosing(Connections(f"http://{server.address}", LIMITS, None)) as transport,
    ):
        transport.connect(3)
        assert transport._network._opening == []
        await transport.send(request())
        assert server.connections == 1


async def test_an_address_without_a_port_has_that_of_tls() -> None:
    """What is opened ahead is for the address that the pool asks for."""
    async with aclosing(Connections("https://service.test", LIMITS, client_context())) as transport:
        transport.connect(0)
        assert transport._network._address == ("service.test", 443)


async def test_no_authorities_are_read_for_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pool's own context would read the machine's, and would not be used."""
    context = client_context()
    read: list[object] = []
    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", lambda *args: read.append(args))
    async with (
        scripted(tls=server_context()) as server,
        aclosing(Connections(f"https://{server.address}", LIMITS, context)) as transport,
    ):
        await transport.send(request())
    assert read == []
