"""The runtime serves any ASGI app: six frameworks, each door, streams held at a gate."""

import base64
import json
import logging
import subprocess
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.frameworks.conftest import APPS, PYTHON
from tests.runtime.bench import sample
from tests.runtime.emulated import Gate, Lab, emulated, release

pytestmark = pytest.mark.timeout(120)  # seconds: a cold start of each framework, on a busy machine

log = logging.getLogger(__name__)

FRAMEWORKS = ["fastapi", "starlette", "litestar", "quart", "django", "bare"]
WITH_LIFESPAN = [name for name in FRAMEWORKS if name != "django"]  # which knows no lifespan
DOWNLOAD = bytes(range(256)) * 1200
"""Larger than one piece of any framework's."""

each = pytest.mark.parametrize("framework", FRAMEWORKS)


@pytest.fixture(autouse=True, scope="module")
def download() -> Any:
    path = APPS / "download.bin"
    path.write_bytes(DOWNLOAD)
    yield
    path.unlink()


@asynccontextmanager
async def serving(framework: str, marks: Path) -> AsyncGenerator[Lab, None]:
    async with emulated(
        f"{framework}_app.app",
        root=APPS,
        python=PYTHON,
        environ={"MARKS": str(marks)},
        init_timeout=60,
    ) as lab:
        yield lab


@each
@pytest.mark.parametrize("door", ["url", "rest_url"])
@pytest.mark.parametrize(
    ("path", "one", "two"), [("stream", "one", "two"), ("events", "data: one", "data: two")]
)
async def test_the_first_piece_arrives_while_the_app_is_held_before_the_second(  # noqa: PLR0917 - rows
    framework: str,
    door: str,
    path: str,
    one: str,
    two: str,
    tmp_path: Path,
) -> None:
    async with serving(framework, tmp_path / "marks") as lab, Gate() as gate:
        url = f"{getattr(lab.emulator, door)}/{path}?gate_port={gate.port}"
        begun = time.perf_counter()
        async with lab.client.stream("GET", url) as answer:
            pieces = answer.aiter_text()
            first = ""
            while one not in first:
                first += await anext(pieces)
            arrived = time.perf_counter()
            assert two not in first
            await release(await gate.held())
            rest = "".join([piece async for piece in pieces])
            ended = time.perf_counter()
        assert answer.status_code == 200
        assert two in rest
        log.info(
            "%s %s %s: %s ms", framework, door, path, [round(1000 * (at - begun)) for at in (arrived, ended)]
        )


@each
@pytest.mark.parametrize("name", ["http-api", "alb", "function-url", "rest-api"])
async def test_every_door_gives_the_app_the_same_request(framework: str, name: str, tmp_path: Path) -> None:
    event = with_request(sample(name))
    async with serving(framework, tmp_path / "marks") as lab:
        answered = await lab.client.post(f"{lab.emulator.invoke_url}{INVOKE}", json=event)
    assert answered.status_code == 200, lab.lines
    assert said(answered.content) == {"name": "a b", "word": "w", "body": "hello ✓"}


INVOKE = "/2015-03-31/functions/function/invocations"


def with_request(event: dict[str, Any]) -> dict[str, Any]:
    """POST /echo/a%20b?word=w with a body, as this event's door writes it."""
    body = {"body": base64.b64encode("hello ✓".encode()).decode(), "isBase64Encoded": True}
    context = event["requestContext"]
    if "http" in context:
        path = "/echo/a%20b" if "lambda-url" in str(context.get("domainName")) else "/echo/a b"
        http = {**context["http"], "method": "POST", "path": path}
        return {
            **event,
            **body,
            "requestContext": {**context, "http": http},
            "rawPath": path,
            "rawQueryString": "word=w",
        }
    path = "/echo/a%20b" if "elb" in context else "/echo/a b"
    parameters = {"queryStringParameters": {"word": "w"}}
    several = {"multiValueQueryStringParameters": {"word": ["w"]}} if "elb" not in context else {}
    return {**event, **body, "httpMethod": "POST", "path": path, **parameters, **several}


def said(payload: bytes) -> Any:
    """The JSON that an app said, streamed behind a prelude or whole."""
    head, nuls, body = payload.partition(b"\0" * 8)
    if nuls:
        assert json.loads(head)["statusCode"] in (200, 201)
        return json.loads(body)
    answer = json.loads(payload)
    assert answer["statusCode"] in (200, 201), answer
    coded = answer.get("isBase64Encoded")
    return json.loads(base64.b64decode(answer["body"]) if coded else answer["body"])


@pytest.mark.parametrize("framework", WITH_LIFESPAN)
async def test_startup_comes_first_and_its_state_to_every_request(framework: str, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    async with serving(framework, marks) as lab:
        assert (await lab.get("/state")).json() == {"database": "open"}
        assert (await lab.get("/state")).json() == {"database": "open"}
        assert marks.read_text().split() == ["startup"]
    assert marks.read_text().split() == ["startup", "shutdown"]


@pytest.mark.parametrize("framework", WITH_LIFESPAN)
async def test_work_after_the_answer_is_done_before_the_next_request(framework: str, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    async with serving(framework, marks) as lab:
        assert (await lab.get("/background")).json() == {"queued": True}
        await lab.get("/state")
        assert "background" in marks.read_text().split()


@each
async def test_a_file_is_downloaded_whole(framework: str, tmp_path: Path) -> None:
    async with serving(framework, tmp_path / "marks") as lab:
        answer = await lab.get("/file")
    assert answer.status_code == 200
    assert answer.content == DOWNLOAD


@each
async def test_a_websocket_is_refused_in_words(framework: str, tmp_path: Path) -> None:
    upgrade = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
    event = sample("function-url")
    event["headers"] = {**event["headers"], **upgrade}
    async with serving(framework, tmp_path / "marks") as lab:
        answered = await lab.client.post(f"{lab.emulator.invoke_url}{INVOKE}", json=event)
    _, _, body = answered.content.partition(b"\0" * 8)
    assert json.loads(body)["code"] == "no_websockets"


def test_nothing_of_the_chat_is_imported_and_nothing_is_needed_but_mangum() -> None:
    """The environment has none of c1fn's own dependencies but those a framework brings."""
    code = (
        "import sys; import c1fn.runtime.__main__, c1fn.runtime.start\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules} - set(sys.stdlib_module_names)))\n"
        "print(*sorted({'.'.join(n.split('.')[:2]) for n in sys.modules if n.startswith('c1fn.')}))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([PYTHON, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    packages, rooms = done.stdout.splitlines()
    assert set(packages.split()) - {"__main__"} == {"c1fn"}
    assert rooms == "c1fn.runtime c1fn.startup"
