"""Proxies of the environment: each kind the library knows, and one sentence for the rest."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from c1fn.models import Unusable
from c1fn.models.c1 import C1Model
from c1fn.models.net.proxies import Proxy, proxy_for
from tests.models.contract import heard, user
from tests.net.test_stream import serving
from tests.tls import HOST, certificate, server_context
from tests.upstream import Upstream, say

PASSWORD = "planted-password"


async def relay(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int, first: bytes = b""
) -> None:
    """Both ways, until one side ends."""

    async def forward(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            sink.write(data)
        sink.close()

    there, back = await asyncio.open_connection(host, port)
    try:
        back.write(first)
        await asyncio.gather(forward(reader, back), forward(there, writer))
    finally:
        back.close()


async def http_proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """https://www.rfc-editor.org/rfc/rfc9110#CONNECT, and requests with a whole URL."""
    head = await reader.readuntil(b"\r\n\r\n")
    seen.append(head.decode())
    method, target, _ = head.split(b" ", 2)
    host, _, port = target.removeprefix(b"http://").partition(b"/")[0].decode().partition(":")
    if method == b"CONNECT":
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        head = b""
    await relay(reader, writer, host, int(port), head.replace(f"http://{host}:{port}".encode(), b"", 1))


async def socks_proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """https://www.rfc-editor.org/rfc/rfc1928 with a password (1929), where one is offered."""
    _, count = await reader.readexactly(2)
    asks = b"\x02" in await reader.readexactly(count)
    writer.write(b"\x05\x02" if asks else b"\x05\x00")
    if asks:
        for _ in range(2):
            (size,) = (await reader.readexactly(1 if _ else 2))[-1:]
            seen.append((await reader.readexactly(size)).decode())
        writer.write(b"\x01\x00")
    _, _, _, kind = await reader.readexactly(4)
    if kind == 1:
        host = ".".join(map(str, await reader.readexactly(4)))
    else:
        host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
    port = int.from_bytes(await reader.readexactly(2))
    seen.append(f"{host}:{port}")
    writer.write(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
    await relay(reader, writer, host, port)


seen: list[str] = []
"""What the proxies of a test were told."""


@pytest.fixture(autouse=True)
def _without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    seen.clear()
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@asynccontextmanager
async def model_at(url: str) -> AsyncGenerator[C1Model, None]:
    model = C1Model(api_key="k", base_url=url, model="c1", max_retries=0)
    yield model
    await model.aclose()


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def _trusting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(certificate()[0])
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))


@pytest.mark.usefixtures("_trusting")
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize(
    ("scheme", "proxy"),
    [
        ("http://", http_proxy),
        ("", http_proxy),
        ("https://", http_proxy),
        ("socks5://", socks_proxy),
        ("socks5h://", socks_proxy),
    ],
)
async def test_a_model_is_asked_through_a_proxy_of_any_kind_that_the_library_knows(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch, variable: str, scheme: str, proxy: Serve
) -> None:
    async with serving(proxy, server_context() if scheme == "https://" else None) as port:
        monkeypatch.setenv(variable, f"{scheme}{HOST}:{port}")
        upstream.queue(say("Hel", "lo"))
        async with model_at(upstream.url) as model:
            assert (await heard(model, user("hi")))[0] == "Hello"
    assert seen


@pytest.mark.parametrize(("scheme", "proxy"), [("http", http_proxy), ("socks5", socks_proxy)])
async def test_a_proxys_password_reaches_the_proxy(
    upstream: Upstream,
    monkeypatch: pytest.MonkeyPatch,
    scheme: str,
    proxy: Serve,
) -> None:
    async with serving(proxy) as port:
        monkeypatch.setenv("HTTP_PROXY", f"{scheme}://ann:{PASSWORD}@{HOST}:{port}")
        async with model_at(upstream.url) as model:
            await heard(model, user("hi"))
    told = "\n".join(seen)
    assert PASSWORD in told or "proxy-authorization: basic" in told.lower()
    assert "proxy-authorization" not in upstream.requests[0].headers or scheme == "http"


@pytest.mark.parametrize(
    "address",
    ["socks://127.0.0.1:7890/", "socks4://127.0.0.1:1", "ftp://h", "http://", "http://h:port", "http://[::1"],
)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY"])
def test_a_proxy_that_cannot_be_used_is_one_sentence_without_its_password(
    monkeypatch: pytest.MonkeyPatch, variable: str, address: str
) -> None:
    """GNOME and proxy clients on the desktop set ALL_PROXY=socks://…, which no library knows."""
    monkeypatch.setenv(variable, address.replace("://", f"://ann:{PASSWORD}@"))
    with pytest.raises(Unusable, match=f"^{variable}: a proxy's address begins with") as caught:
        C1Model(api_key="k", base_url="https://model.test/v1", model="c1")
    assert PASSWORD not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_socks_proxy_without_its_package_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "socksio", None)
    with pytest.raises(Unusable, match=r"^ALL_PROXY: .*pip install socksio"):
        C1Model(api_key="k", base_url="https://model.test/v1", model="c1")


async def test_a_proxy_that_is_not_used_may_be_what_it_likes(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks://127.0.0.1:7890/")
    async with serving(http_proxy) as port:
        monkeypatch.setenv("HTTP_PROXY", f"http://{HOST}:{port}")
        async with model_at(upstream.url) as model:
            await heard(model, user("hi"))
        assert len(seen) == 1
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        async with model_at(upstream.url) as model:
            await heard(model, user("hi"))
        assert len(seen) == 1


@pytest.mark.parametrize(
    ("url", "exceptions"),
    [
        ("https://model.example/v1", "*"),
        ("https://model.example/v1", "localhost, model.example"),
        ("https://model.example/v1", "MODEL.example"),
        ("https://api.model.example/v1", "model.example"),
        ("https://api.model.example/v1", ".model.example"),
        ("https://api.model.example/v1", "*.model.example"),
        ("https://model.example/v1", "model.example:443"),
        ("https://model.example:8443/v1", "model.example:8443"),
        ("https://model.example/v1", "https://model.example"),
        ("https://model.example/v1", "all://model.example"),
        ("http://127.0.0.1:8080/v1", "127.0.0.1"),
        ("http://127.0.0.1:8080/v1", "127.0.0.0/8"),
        ("http://[::1]:8080/v1", "::1"),
        ("http://[::1]:8080/v1", "[::1]"),
        ("http://[fd00::5]/v1", "fd00::/8"),
    ],
)
def test_who_is_excepted_is_asked_itself(url: str, exceptions: str) -> None:
    named = {"http": "http://proxy.test", "https": "http://proxy.test", "no": exceptions}
    assert proxy_for(url, named) is None
    assert proxy_for(url, {"all": "http://proxy.test", "no": exceptions}) is None


@pytest.mark.parametrize(
    "exceptions",
    [
        "",
        ",",
        "el.example",
        "api.model.example",
        "model.example:80",
        "http://model.example",
        "127.0.0.1",
        "::1",
        "[",
        "x:y",
    ],
)
def test_who_is_not_excepted_is_asked_through_the_proxy(exceptions: str) -> None:
    named = {"https": "proxy.test:3128", "all": "http://other.test", "no": exceptions}
    assert proxy_for("https://model.example/v1", named) == Proxy("HTTPS_PROXY", "http://proxy.test:3128")


def test_the_schemes_own_proxy_comes_before_the_one_for_all() -> None:
    named = {"http": "http://a.test", "all": "http://b.test"}
    assert proxy_for("http://model.example", named) == Proxy("HTTP_PROXY", "http://a.test")
    assert proxy_for("https://model.example", named) == Proxy("ALL_PROXY", "http://b.test")
