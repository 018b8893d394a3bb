"""Each framework streams under an emulator that nobody here wrote."""

import logging
import time
from pathlib import Path

import httpx2
import pytest

from tests.cargo_lambda import watching
from tests.frameworks.conftest import APPS, PYTHON
from tests.frameworks.test_frameworks import FRAMEWORKS
from tests.runtime.emulated import Gate, release

log = logging.getLogger(__name__)


@pytest.mark.timeout(120)  # seconds: a cold start of each framework, on a busy machine
@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_the_first_piece_arrives_while_the_app_is_held_before_the_second(
    framework: str, tmp_path: Path
) -> None:
    with watching(tmp_path, f"{framework}_app.app", APPS, PYTHON) as url:
        async with Gate() as gate, httpx2.AsyncClient(base_url=url, timeout=60) as client:
            begun = time.perf_counter()
            async with client.stream("GET", f"/stream?gate_port={gate.port}") as answer:
                pieces = answer.aiter_text()
                assert await anext(pieces) == "one\n"
                arrived = time.perf_counter()
                await release(await gate.held())
                assert "".join([piece async for piece in pieces]) == "two\n"
            ended = time.perf_counter()
    log.info("%s: %s ms", framework, [round(1000 * (at - begun)) for at in (arrived, ended)])
