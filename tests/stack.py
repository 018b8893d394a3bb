"""The stack's own helper, run as CloudFormation runs it: its code is the text in template.yaml."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from tests import cloudformation

TEMPLATE = cloudformation.read(Path(__file__).parent.parent / "template.yaml")
PARAMETERS: dict[str, Any] = TEMPLATE["Parameters"]
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
DEFAULTS = {name: str(parameter.get("Default")) for name, parameter in PARAMETERS.items()}


def named(value: Any) -> set[str]:
    """The parameters that a part of the template refers to, by itself or through a condition."""
    return {name for name in cloudformation.references(value, TEMPLATE["Conditions"]) if name in PARAMETERS}


class Asked(HTTPServer):
    """What CloudFormation waits at for a custom resource's answer."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.answers: list[dict[str, Any]] = []


class Answering(BaseHTTPRequestHandler):
    server: Asked

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.answers.append(json.loads(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing: a test's output is for what failed."""


class Helper:
    """The code in the template, called as Lambda calls it."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._code: dict[str, Any] = {}
        exec(RESOURCES["DeployFunction"]["Properties"]["Code"]["ZipFile"], self._code)  # noqa: S102 - our own

    def __call__(self, kind: str, properties: dict[str, Any], request: str = "Update") -> dict[str, Any]:
        event = {
            "RequestType": request,
            "ResponseURL": f"http://127.0.0.1:{self._asked.server_port}/",
            "StackId": "stack",
            "RequestId": "request",
            "LogicalResourceId": kind,
            "ResourceType": f"Custom::{kind}",
            "ResourceProperties": {"ServiceToken": "arn", "ServiceTimeout": "120", **properties},
        }
        self._code["handler"](event, None)
        return self._asked.answers[-1]


@contextmanager
def helping() -> Iterator[Helper]:
    with Asked() as asked:
        serving = Thread(target=asked.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield Helper(asked)
        finally:
            asked.shutdown()
            serving.join()
