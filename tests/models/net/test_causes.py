"""Why a server could not be reached: what an operator can mend is told."""

import asyncio
import ssl
from pathlib import Path

import httpx2
import pytest

from c1fn.errors import ModelUnavailable
from c1fn.models.c1 import C1Model
from c1fn.models.net.causes import DEPTH, cause
from tests.models.contract import heard, user
from tests.net.test_stream import hangs, serving
from tests.tls import HOST, certificate, server_context
from tests.upstream import Upstream

PLANTED = "planted"


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_dir"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(certificate()[0])
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))


async def told(url: str) -> str:
    model = C1Model(api_key="k", base_url=url, model="m", max_retries=0)
    with pytest.raises(ModelUnavailable) as caught:
        await heard(model, user(PLANTED))
    await model.aclose()
    return str(caught.value)


async def test_a_certificate_for_another_name() -> None:
    async with serving(hangs, server_context()) as port:
        said = await told(f"https://127.1:{port}/v1")
    assert said == (
        "The certificate of the model's server is for another name. The operator should check C1FN_BASE_URL."
    )


async def test_a_certificate_of_nobody_who_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    async with serving(hangs, server_context()) as port:
        assert "is signed by nobody who is trusted here" in await told(f"https://{HOST}:{port}/v1")


async def test_a_server_without_tls(upstream: Upstream) -> None:
    assert "does not speak TLS" in await told(upstream.url.replace("http://", "https://"))


async def test_a_name_that_nobody_has() -> None:
    assert "name of the model's server is not known" in await told("http://no-such-host.invalid/v1")


async def test_a_proxy_that_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuses(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")

    async with serving(refuses) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        assert "proxy on the way to the model refused" in await told(f"https://{HOST}:1/v1")


async def test_what_is_over_by_itself_needs_no_operator() -> None:
    async with serving(hangs) as port:
        pass
    assert await told(f"http://127.0.0.1:{port}/v1") == ModelUnavailable.detail


def test_a_circle_of_errors_ends() -> None:
    first, second = httpx2.ConnectError(PLANTED), ssl.SSLError(PLANTED)
    first.__cause__, second.__cause__ = RuntimeError(PLANTED), first
    first.__cause__.__cause__ = first
    assert cause(first) is None
    assert cause(second)
    assert DEPTH > 4
