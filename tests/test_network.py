"""A function speaks to its model, its store and its secret, and to nobody else.

It runs as a process of its own in which every name that is looked up and every address that is called is
written down, by Python's audit events: https://docs.python.org/3/library/audit_events.html
"""

import asyncio
import json
import os
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from c1fn.stores.dynamodb import connect, table
from tests.processes import ROOT, environment
from tests.stores.servers import SERVER
from tests.upstream import Upstream

CHILD = """
import sys
called = set()
def note(event, args):
    if event == "socket.connect" and isinstance(args[1], tuple):
        called.add(f"{args[1][0]}:{args[1][1]}")
    elif event == "socket.getaddrinfo":
        called.add(f"{args[0]}:{args[1]}")
    elif event in ("socket.sendto", "socket.sendmsg"):
        called.add(str(args[1]))
sys.addaudithook(note)
import json, handler
event = json.load(open("events/function-url.json"))
answer = handler.handler(event, None)
again = handler.handler(event, None)
handler.handler.close()
print(json.dumps({"status": answer["statusCode"], "body": answer["body"], "again": again["body"],
                  "called": sorted(called), "botocore": "botocore" in sys.modules}))
"""
SECRET_ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:c1fn-a1b2c3"
AWS = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "k", "AWS_DEFAULT_REGION": "eu-west-1"}


class Secrets(BaseHTTPRequestHandler):
    """Secrets Manager, as far as it is asked here."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        told = json.dumps(
            {"ARN": SECRET_ARN, "SecretString": json.dumps({"THESYS_API_KEY": "planted"})}
        ).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def secrets() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Secrets) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("own", [True, False])
async def test_a_turn_calls_the_model_the_store_and_the_secret_and_nobody_else(
    tmp_path: Path, secrets: str, monkeypatch: pytest.MonkeyPatch, *, own: bool
) -> None:
    """By c1fn's own calls, and, where a variable is set that botocore alone knows, through that."""
    held = {"C1FN_SECRET": SECRET_ARN, "AWS_ENDPOINT_URL_SECRETS_MANAGER": secrets}
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in AWS.items():
        monkeypatch.setenv(name, value)
    with SERVER(tmp_path) as database:
        async with Upstream() as upstream:
            settings = {
                "C1FN_AUTH": "none",
                "C1FN_STORE": "dynamodb",
                "C1FN_TABLE": "threads",
                "C1FN_DYNAMODB_ENDPOINT": database.url,
                "C1FN_BASE_URL": upstream.url,
                **({"THESYS_API_KEY": "planted"} if own else held),
                **AWS,
                "AWS_LAMBDA_FUNCTION_NAME": "c1fn",
            }
            table.create(connect(database.url), "threads")
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", CHILD),
                cwd=ROOT,
                env=environment(settings),
                stdout=asyncio.subprocess.PIPE,
            )
            printed, _ = await process.communicate()
            told = json.loads(printed.splitlines()[-1])
            assert told["status"] == 200
            assert told["body"] == told["again"]
            assert upstream.calls == 1
            asked = (database.url, upstream.url, *([] if own else [secrets]))
            places = [url.split("//")[1].split("/")[0] for url in asked]
            assert told["botocore"] is not own
            assert sorted(set(told["called"])) == sorted(places)
