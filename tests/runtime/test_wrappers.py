"""Another tool's exec wrapper before ours: one variable names both, since the first runs what it is given."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from c1fn.runtime.emulator import Emulator
from c1fn.runtime.emulator.http import Exchange, Server
from c1fn.runtime.emulator.options import BOOTSTRAP
from tests.otel_layer import layer
from tests.processes import chat_body

ROOT = Path(__file__).parents[2]
SLOW = 30.0
"""Seconds that a start may take: OpenTelemetry imports what it might instrument."""


class Collector:
    """Where spans are sent to."""

    def __init__(self) -> None:
        self.spans: asyncio.Queue[bytes] = asyncio.Queue()

    async def handle(self, exchange: Exchange) -> None:
        body = await exchange.body(1024 * 1024)
        await exchange.respond(200)
        self.spans.put_nowait(body)

    async def told(self, name: bytes) -> bytes:
        """The first batch of spans that tells of ``name``."""
        async with asyncio.timeout(SLOW):
            while name not in (batch := await self.spans.get()):
                pass
        return batch


@pytest.fixture
def wrapper(tmp_path: Path) -> Path:
    """What AWS_LAMBDA_EXEC_WRAPPER names: OpenTelemetry's wrapper, and ours as its command."""
    opt = layer()
    script = tmp_path / "wrapper"
    chained = f"/opt/otel-instrument {BOOTSTRAP}"
    mount = f'mount --bind {opt} /opt && exec "$@"'
    script.write_text(f"#!/bin/sh\nexec unshare -m sh -c '{mount}' - {chained} \"$@\"\n")
    script.chmod(0o755)
    if subprocess.run(["unshare", "-m", "mount", "--bind", opt, "/opt"], check=False).returncode:
        pytest.skip("no folder can be laid over /opt here")
    return script


@asynccontextmanager
async def traced(wrapper: Path, handler: str) -> AsyncGenerator[tuple[httpx2.AsyncClient, Collector], None]:
    collector = Collector()
    server = await Server.listen(collector.handle)
    environ = {
        "C1FN_MODEL": "offline",
        "C1FN_AUTH": "none",
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{server.port}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
    }
    async with (
        Emulator(
            task_root=ROOT,
            handler=handler,
            environ=environ,
            bootstrap=wrapper,
            init_timeout=SLOW,
            log=lambda _: None,
        ) as emulator,
        httpx2.AsyncClient(base_url=emulator.url, timeout=SLOW) as client,
    ):
        yield client, collector
    await server.close()


async def test_a_turn_streams_under_opentelemetrys_wrapper_and_is_told_to_it(wrapper: Path) -> None:
    async with traced(wrapper, "handler.handler") as (client, collector):
        async with client.stream("POST", "/api/chat", json=chat_body("hi")) as got:
            pieces = [piece async for piece in got.aiter_raw()]
        assert (got.status_code, len(pieces) > 10) == (200, True)
        assert b"".join(pieces).endswith(b"</content>")
        assert b"store.commit" in await collector.told(b"store.open")


async def test_a_plain_function_is_served_through_opentelemetrys_own_handler(wrapper: Path) -> None:
    """Its instrumentation of Lambda calls the function, and tells of each invocation."""
    async with traced(wrapper, "tests.runtime.functions.events.handler") as (client, collector):
        got = await client.get("/x")
        assert (got.status_code, got.content) == (201, b"\xff whole")
        assert b"faas.invocation_id" in await collector.told(b"opentelemetry.instrumentation.aws_lambda")
