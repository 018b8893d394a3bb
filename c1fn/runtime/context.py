"""Lambda's context of an invocation, with the attributes of AWS's own Python runtime.

https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
"""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from c1fn.runtime.messages import Invocation

A_DATE = 10**12
"""Milliseconds since the epoch from which on a number is a date, of September 2001. No timeout is as long."""

LONGEST = 900_000
"""Milliseconds of Lambda's longest timeout."""

_CLIENT = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")


@dataclass(slots=True)
class Context:
    """One invocation. ``deadline_ms`` is in epoch milliseconds; the ``memory_limit_in_mb`` is a string,
    as in Lambda's own runtime.
    """

    aws_request_id: str
    deadline_ms: int
    invoked_function_arn: str
    trace_id: str | None
    tenant_id: str | None
    identity: SimpleNamespace
    client_context: SimpleNamespace | None
    now: Callable[[], float] = time.time

    @classmethod
    def of(cls, invocation: Invocation) -> "Context":
        """:raises ValueError: the client context or the identity is not a JSON object."""
        return cls(
            aws_request_id=invocation.request_id,
            deadline_ms=_deadline(invocation.deadline_ms),
            invoked_function_arn=invocation.function_arn,
            trace_id=invocation.trace_id,
            tenant_id=invocation.tenant_id,
            identity=_identity(invocation.cognito_identity),
            client_context=_client_context(invocation.client_context),
        )

    # The environment is read only when somebody asks: it costs as much as all the rest here.

    @property
    def function_name(self) -> str:
        """AWS_LAMBDA_FUNCTION_NAME; empty outside of Lambda."""
        return os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "")

    @property
    def function_version(self) -> str:
        """AWS_LAMBDA_FUNCTION_VERSION."""
        return os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")

    @property
    def memory_limit_in_mb(self) -> str:
        """AWS_LAMBDA_FUNCTION_MEMORY_SIZE, a text, as in AWS's own context."""
        return os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")

    @property
    def log_group_name(self) -> str:
        """AWS_LAMBDA_LOG_GROUP_NAME."""
        return os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME", "")

    @property
    def log_stream_name(self) -> str:
        """AWS_LAMBDA_LOG_STREAM_NAME."""
        return os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME", "")

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the platform kills this process; never negative."""
        return max(0, self.deadline_ms - int(self.now() * 1000))


def _deadline(told: int) -> int:
    """Some platforms tell a time from now, and some tell none: then it is Lambda's longest."""
    return told if told >= A_DATE else int(time.time() * 1000) + (told or LONGEST)


def _identity(text: str | None) -> SimpleNamespace:
    told = _object(text, "Cognito identity")
    return SimpleNamespace(
        cognito_identity_id=told.get("cognitoIdentityId"),
        cognito_identity_pool_id=told.get("cognitoIdentityPoolId"),
    )


def _client_context(text: str | None) -> SimpleNamespace | None:
    if not text:
        return None
    told = _object(text, "client context")
    client = told.get("client")
    return SimpleNamespace(
        custom=told.get("custom"),
        env=told.get("env"),
        client=SimpleNamespace(**{name: client.get(name) for name in _CLIENT})
        if isinstance(client, dict)
        else None,
    )


def _object(text: str | None, what: str) -> dict[str, Any]:
    told = json.loads(text) if text else {}
    if not isinstance(told, dict):
        raise ValueError(f"the {what} is not a JSON object")  # noqa: TRY004 - as for text that is no JSON
    return told
