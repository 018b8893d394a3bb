"""A connection that is opened before there is a request for it."""

import asyncio
import select
import ssl
from collections.abc import Iterable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from httpcore2 import SOCKET_OPTION, AsyncNetworkBackend, AsyncNetworkStream, ConnectError

from c1fn.errors import AnswerGarbled
from c1fn.local.package import authorities
from c1fn.models.c1 import C1Model
from c1fn.models.net.transport import Transport
from c1fn.net import ahead as ahead_module
from c1fn.net import dial
from c1fn.net.ahead import Ahead
from c1fn.startup import KEPT_OPEN
from c1fn.turn import Message
from tests.secure import serving
from tests.tls import client_context, server_context
from tests.upstream import Upstream, say

CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Stream(AsyncNetworkStream):
    """:param log: is told what happens to it."""

    def __init__(self, log: list[str]) -> None:
        self._log = log

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the stream's shape
    ) -> AsyncNetworkStream:
        assert (ssl_context, timeout) == (CONTEXT, 5)
        self._log.append(f"handshake {server_hostname}")
        return self

    async def aclose(self) -> None:
        self._log.append("closed")


class Backend(AsyncNetworkBackend):
    def __init__(self, *, fails: bool = False) -> None:
        self.log: list[str] = []
        self.waits: list[float | None] = []
        self.fails = fails

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the backend's shape
        local_address: str | None = None,  # noqa: ARG002 - as above
        socket_options: Iterable[SOCKET_OPTION] | None = None,  # noqa: ARG002 - as above
    ) -> AsyncNetworkStream:
        self.log.append(f"connect {host}:{port}")
        self.waits.append(timeout)
        if self.fails:
            raise ConnectError
        return Stream(self.log)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def begun(backend: Backend, clock: Clock | None = None) -> Ahead:
    ahead = Ahead(backend, clock or Clock())
    ahead.open("model", 443, CONTEXT, 5)
    for _ in range(3):
        await asyncio.sleep(0)
    return ahead


OPENED = ["connect model:443", "handshake model"]


async def test_the_first_to_ask_gets_the_open_connection_and_the_next_another() -> None:
    backend = Backend()
    ahead = await begun(backend)
    assert backend.log == OPENED
    stream = await ahead.connect_tcp("model", 443)
    await stream.start_tls(CONTEXT, "model", 5)
    assert backend.log == OPENED
    await ahead.connect_tcp("model", 443, 7)
    assert backend.log == [*OPENED, "connect model:443"]
    assert backend.waits == [5, 7]


async def test_one_that_its_taker_closes_before_its_handshake_is_closed() -> None:
    backend = Backend()
    ahead = await begun(backend)
    await (await ahead.connect_tcp("model", 443)).aclose()
    assert backend.log == [*OPENED, "closed"]


async def test_each_of_several_is_taken_once() -> None:
    backend = Backend()
    ahead = Ahead(backend, Clock())
    ahead.open("model", 443, CONTEXT, 5, count=2)
    taken = {await ahead._take(), await ahead._take(), await ahead._take()}
    assert len(taken) == 3
    assert None in taken
    assert sorted(backend.log) == ["connect model:443"] * 2 + ["handshake model"] * 2


async def test_one_that_could_not_be_opened_leaves_the_others() -> None:
    backend = Backend(fails=True)
    ahead = Ahead(backend, Clock())
    ahead.open("model", 443, CONTEXT, 5)
    await asyncio.sleep(0)
    backend.fails = False
    ahead.open("model", 443, CONTEXT, 5)
    assert await ahead._take() is None
    assert await ahead._take() is not None


async def test_all_that_nobody_took_are_closed_in_the_end() -> None:
    backend = Backend()
    ahead = Ahead(backend, Clock())
    ahead.open("model", 443, CONTEXT, 5, count=3)
    for _ in range(3):
        await asyncio.sleep(0)
    await ahead.aclose()
    assert backend.log.count("closed") == 3


async def test_a_connection_that_is_still_being_opened_is_waited_for() -> None:
    backend = Backend()
    ahead = Ahead(backend)
    ahead.open("model", 443, CONTEXT, 5)
    await ahead.connect_tcp("model", 443)
    assert backend.log == OPENED


@pytest.mark.parametrize("address", [("other", 443), ("model", 80)])
async def test_another_address_gets_its_own(address: tuple[str, int]) -> None:
    backend = Backend()
    ahead = await begun(backend)
    await ahead.connect_tcp(*address)
    assert backend.log == [*OPENED, "connect {}:{}".format(*address)]
    await ahead.aclose()


async def test_where_none_could_be_opened_it_is_tried_anew() -> None:
    backend = Backend(fails=True)
    ahead = await begun(backend)
    backend.fails = False
    await ahead.connect_tcp("model", 443)
    assert backend.log == ["connect model:443"] * 2


async def test_one_that_waited_too_long_is_closed_and_not_used() -> None:
    backend, clock = Backend(), Clock()
    ahead = await begun(backend, clock)
    clock.now += KEPT_OPEN
    await ahead.connect_tcp("model", 443)
    assert backend.log == [*OPENED, "closed", "connect model:443"]


@pytest.mark.parametrize("fails", [False, True])
async def test_one_that_nobody_took_is_closed_in_the_end(*, fails: bool) -> None:
    backend = Backend(fails=fails)
    ahead = await begun(backend)
    await ahead.aclose()
    assert ("closed" in backend.log) is not fails


async def test_one_that_nobody_ever_asks_for_is_closed_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead_module, "KEPT_OPEN", 0)
    backend = Backend()
    ahead = Ahead(backend)
    ahead.open("model", 443, CONTEXT, 5)
    for _ in range(5):  # it is opened, its time is over, it is closed
        await asyncio.sleep(0)
    assert backend.log == [*OPENED, "closed"]


class Held(dial.Backend):
    """Connects when its gate is open: on loopback a connection may else be there at once."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()

    async def connect_tcp(self, *args: Any, **options: Any) -> AsyncNetworkStream:
        await self.gate.wait()
        return await super().connect_tcp(*args, **options)


async def test_one_that_is_still_being_opened_in_the_end_is_not_waited_for() -> None:
    ahead = Ahead(Held())
    ahead.open("127.0.0.1", 9, None, 5)
    closing = asyncio.create_task(ahead.aclose())
    for _ in range(5):  # the opening is told, ends, and is heard
        await asyncio.sleep(0)
    assert closing.done()


async def test_one_whose_taker_leaves_at_the_moment_it_is_open_is_closed() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        backend = Held()
        ahead = Ahead(backend)
        ahead.open("127.0.0.1", port, None, 5)
        [opening] = ahead._opening
        taking = asyncio.create_task(ahead.connect_tcp("127.0.0.1", port))
        opening.add_done_callback(lambda _: taking.cancel())  # before the one who waits is told
        backend.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await taking
        closed = opening.result().get_extra_info("is_readable")
        await opening.result().aclose()
        assert closed


async def test_a_host_outside_ascii_is_called_by_the_name_that_is_asked_for() -> None:
    model = model_at("http://b\u00fccher.test:9/v1")
    model.connect()
    transport = model._transport
    assert isinstance(transport, Transport)
    assert transport._network._address == ("xn--bcher-kva.test", 9)
    await model.aclose()


def model_at(url: str) -> C1Model:
    return C1Model(api_key="key", base_url=url, model="m", max_retries=0)


async def said(model: C1Model) -> list[Any]:
    async with aclosing(model.stream([Message("user", "hi")])) as events:
        return [event async for event in events]


async def test_the_models_first_request_takes_it_and_nothing_was_sent_before(upstream: Upstream) -> None:
    upstream.queue(say("yes"), say("yes"))
    model = model_at(upstream.url)
    model.connect()
    [opening] = (task for task in asyncio.all_tasks() if task.get_name() == "connect ahead")
    await opening
    assert upstream.calls == 0
    for _ in range(2):
        assert await said(model)
    assert (upstream.calls, upstream.connections) == (2, 1)
    await model.aclose()


async def test_one_that_the_server_has_closed_is_not_used() -> None:
    came: list[str] = []
    closed = asyncio.Event()

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append("connected")
        writer.close()
        await writer.wait_closed()
        closed.set()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        ahead = Ahead(dial.Backend())
        ahead.open("127.0.0.1", port, None, 5)
        await closed.wait()
        closed.clear()
        raw = (await ahead._opening[0]).get_extra_info("socket")
        await asyncio.to_thread(select.select, [raw], [], [], 5)  # the server's end has arrived
        taken = await ahead.connect_tcp("127.0.0.1", port)
        assert raw.fileno() == -1
        async with asyncio.timeout(5):
            await closed.wait()
        await taken.aclose()
    assert came == ["connected"] * 2


async def test_over_tls_the_handshake_is_done_once(trusted: Path, pair: Path) -> None:
    authorities.add(await asyncio.to_thread(pair.read_text), trusted)
    seen: list[str] = []
    with serving(pair, seen) as url:
        model = model_at(url)
        model.connect()
        with pytest.raises(AnswerGarbled):  # the server is no model
            await said(model)
        assert seen == ["connected", "asked"]
        await model.aclose()


async def test_through_a_proxy_none_is_opened(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    model = model_at(upstream.url.replace("127.0.0.1", "localhost"))
    model.connect()
    await asyncio.sleep(0)
    assert upstream.connections == 0
    await model.aclose()


async def test_over_tls_the_protocol_is_agreed_on_as_the_transport_does() -> None:
    """A server that speaks others, too, might else choose one that the transport does not speak."""
    agreed: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        agreed.set_result(writer.get_extra_info("ssl_object").selected_alpn_protocol())
        writer.close()

    tls = server_context()
    tls.set_alpn_protocols(["h2", "http/1.1"])
    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls) as server:
        ahead = Ahead(dial.Backend())
        ahead.open("127.0.0.1", server.sockets[0].getsockname()[1], client_context(), 5)
        found = await agreed
        await ahead.aclose()
    assert found == "http/1.1"
