"""What an emulated function is made of."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from c1fn.runtime.protocol import MAX_EVENT

BOOTSTRAP = Path(__file__).parents[1] / "bootstrap"

MAX_BUFFERED = 6 * 1024 * 1024
"""Bytes of an event, and of a buffered response: Lambda's quota."""

MAX_STREAMED = 200 * 1024 * 1024
"""Bytes of a streamed response: Lambda's quota."""

assert MAX_BUFFERED < MAX_EVENT

Mode = Literal["stream", "buffer"]


def print_line(line: str) -> None:
    """Write to stderr, so that stdout stays the caller's."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - a development tool talks to a person


@dataclass(kw_only=True)
class Options:
    """A function as one would configure it on Lambda. Times are in seconds, sizes in bytes but ``memory``.

    ``task_root`` is the unpacked package. ``environ`` is the function's environment; nothing else of the
    developer's is passed on. ``python`` runs it, through ``bootstrap`` or, when that is None, as
    ``command``, for instance with Amazon's own runtime client. ``concurrency`` is how many processes may
    live at once; ``managed`` above 1 makes each of them take that many invocations at once (Lambda Managed
    Instances). ``stage`` is that of the two APIs; with a ``custom_domain`` their clients see the
    ``base_path`` instead. ``multi_value_headers`` is the load balancer's. ``freeze`` stops a process between
    invocations. ``snapstart`` starts it through a snapshot.
    """

    task_root: Path
    handler: str = "handler.handler"
    environ: Mapping[str, str] = field(default_factory=dict)
    name: str = "function"
    region: str = "us-east-1"
    memory: int = 512
    timeout: float = 300.0
    concurrency: int = 10
    managed: int = 1
    freeze: bool = False
    snapstart: bool = False
    url_mode: Mode = "stream"
    rest_mode: Mode = "stream"
    rest_idle: float = 300.0
    stage: str = "prod"
    custom_domain: str = ""
    base_path: str = ""
    multi_value_headers: bool = False
    init_timeout: float = 10.0
    burst: int = 6 * 1024 * 1024
    rate: float = 2 * 1024 * 1024
    python: str = sys.executable
    bootstrap: Path | None = BOOTSTRAP
    command: Sequence[str] = ("-m", "awslambdaric")
    prefix: str = ""
    log: Callable[[str], None] = print_line

    @property
    def argv(self) -> list[str]:
        """How Lambda calls the exec wrapper; without one, the runtime itself."""
        if self.bootstrap is not None:
            return [str(self.bootstrap), self.python, "/var/runtime/bootstrap.py"]
        return [self.python, *self.command, self.handler]

    @property
    def arn(self) -> str:
        return f"arn:aws:lambda:{self.region}:123456789012:function:{self.name}"

    def process_environ(self, runtime_api: str) -> dict[str, str]:
        """The variables Lambda sets, and the function's own.

        https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
        """
        kind = "snap-start" if self.snapstart else "on-demand"
        managed = {"AWS_LAMBDA_MAX_CONCURRENCY": str(self.managed)} if self.managed > 1 else {}
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            # Lambda's runtime finds the package by LAMBDA_TASK_ROOT; here c1fn may lie elsewhere.
            "PYTHONPATH": f"{self.task_root}:{BOOTSTRAP.parents[1]}",
            "AWS_LAMBDA_RUNTIME_API": runtime_api,
            "_HANDLER": self.handler,
            "LAMBDA_TASK_ROOT": str(self.task_root),
            "AWS_LAMBDA_FUNCTION_NAME": self.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.memory),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "lambda-managed-instances" if managed else kind,
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{self.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "emulator",
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            **managed,
            **self.environ,
        }
