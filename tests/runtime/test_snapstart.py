"""A snapshot is taken of a started process, and copies of it are restored."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from c1fn.runtime.emulator.http import Exchange, Server
from c1fn.startup import is_plain
from tests.processes import ROOT, environment
from tests.runtime.bench import answer, get, runtime_api, submit
from tests.runtime.started import DOORS, running, terminate, told


async def test_after_a_restore_everything_is_made_anew(marks: Path) -> None:
    async with running(DOORS, AWS_LAMBDA_INITIALIZATION_TYPE="snap-start") as (api, task):
        await api.snapshot_ready.wait()
        assert told(marks) == ["startup", "shutdown", "before"]
        api.restored.set()
        assert (await answer(submit(api, get("/echo")))).fault is None
        terminate()
        assert await task == 0
    assert told(marks) == ["startup", "shutdown", "before", "after", "startup", "shutdown"]


@pytest.mark.parametrize(
    ("variable", "phase", "message"),
    [("FAIL_SNAPSHOT", "init", "no snapshot"), ("FAIL_RESTORE", "restore", "no restore")],
)
async def test_a_hook_that_fails_is_reported(
    variable: str, phase: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "1")
    async with running(DOORS, AWS_LAMBDA_INITIALIZATION_TYPE="snap-start") as (api, task):
        api.restored.set()
        assert await task == 1
        assert api.init_fault
        assert (api.failed, api.init_fault.message) == (phase, message)


AWS = {
    "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start",
    "AWS_DEFAULT_REGION": "us-east-1",
    "_HANDLER": "handler.handler",
    "C1FN_STORE": "dynamodb",
    "C1FN_AUTH": "none",
    "THESYS_API_KEY": "k",
}


KEYS = {
    "AccessKeyId": "a",
    "SecretAccessKey": "b",
    "Token": "c",
    "Expiration": "2099-01-01T00:00:00Z",
}


class Listener:
    """Notes who connects, and keeps the connection."""

    def __init__(self) -> None:
        self.came: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/"

    def _take(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.came.put_nowait(writer)

    async def __aexit__(self, *_: object) -> None:
        while not self.came.empty():
            self.came.get_nowait().close()
        self._server.close()


@pytest.mark.skipif(sys.platform != "linux", reason="which sockets a process has is read from /proc")
@pytest.mark.skipif(is_plain(), reason="then nothing is opened ahead")
async def test_c1fn_has_no_connection_in_its_snapshot_and_opens_them_when_it_is_restored() -> None:
    """To the store and to the model, before it is asked for anything: somebody waits.

    With SnapStart no credentials are in the environment: each copy asks for its own.
    """
    store, model, asked = Listener(), Listener(), 0

    async def credentials(exchange: Exchange) -> None:
        nonlocal asked
        asked += 1
        await exchange.body(0)
        await exchange.respond(200, [("content-type", "application/json")], json.dumps(KEYS).encode())

    lender = await Server.listen(credentials)
    async with runtime_api() as (api, address, notes), store as store_url, model as model_url:
        environ = AWS | {
            "AWS_LAMBDA_RUNTIME_API": f"{address.host}:{address.port}",
            "C1FN_DYNAMODB_ENDPOINT": store_url.replace("http:", "https:"),  # without TLS it is cheap to wait
            "C1FN_BASE_URL": model_url,
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{lender.port}/",
        }
        command = (sys.executable, "-m", "c1fn.runtime")
        # What other tests have set for theirs is not this function's: keys, above all.
        own = {k: v for k, v in environment(environ).items() if k in environ or not k.startswith("AWS_")}
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=own)
        await api.snapshot_ready.wait()
        assert store.came.empty()
        assert model.came.empty()
        before = asked
        assert len(connections(process.pid)) == 1  # to the Runtime API
        api.restored.set()
        for listener in (store, model):
            (await listener.came.get()).close()
        assert asked > before
        assert not notes.begun
        process.terminate()
        await process.wait()
    await lender.close()


def connections(pid: int) -> list[str]:
    """The TCP sockets of a process."""
    of_all = {line.split()[9]: line for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]}
    links = [str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()]
    inodes = [link.removeprefix("socket:[").removesuffix("]") for link in links if "socket:" in link]
    return [of_all[inode] for inode in inodes if inode in of_all]
