"""The port to AWS's services that speak JSON over POST: DynamoDB, Secrets Manager and SSM.

It has two implementations: `client` sends the requests itself, over connections of the event loop; `boto`
lets botocore do it, in threads. `choice` says which is used when.

https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol

_THROTTLED = {
    "BandwidthLimitExceeded",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}

_PASSING = {
    "InternalServerError",
    "PriorRequestNotComplete",
    "ReplicatedWriteConflictException",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "TransactionConflictException",
    "TransactionInProgressException",
}
"""Codes of refusals with a status below 500: with those above, all after which AWS's own clients try again.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
"""


class Service(Protocol):
    """One service. It is used from one event loop."""

    async def __call__(self, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """One request, tried once.

        :param operation: as boto3 names its method: `put_item`.
        :raises AwsError: there is no good answer. It is unknown whether a write took effect.
        """

    def connect(self, count: int) -> None:
        """Begin to open connections for the first calls, where TLS makes that slow. Nothing is sent."""

    async def aclose(self) -> None:
        """Close all connections."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds for connecting (and as many for TLS), and between two parts of an answer; connections at once.
    A call that finds all of them taken waits.
    """

    connect: float
    read: float
    connections: int


class AwsError(Exception):
    """A call has no good answer. Nothing in it is secret: no header, no key, no argument of the call.

    ``passes``: trying again may help. ``is_throttled``: the service was asked too often.
    """

    passes = is_throttled = False


class Refused(AwsError):
    """The service has refused the call; ``code`` is its reason.

    :param item: the row that failed a condition.
    :param message: the service's own words. Those of a refused signature repeat the session's token: only
        the words about a malformed call are kept.
    """

    def __init__(self, code: str, status: int, item: dict[str, Any] | None = None, message: str = "") -> None:
        self.is_malformed = code in ("ValidationException", "SerializationException")
        super().__init__(f"{code}: {message}" if self.is_malformed else code)
        self.code, self.item = code, item
        self.is_throttled = code in _THROTTLED or status == HTTPStatus.TOO_MANY_REQUESTS
        self.passes = (
            self.is_throttled
            or status >= HTTPStatus.INTERNAL_SERVER_ERROR
            or status == HTTPStatus.REQUEST_TIMEOUT
            or code in _PASSING
            or _is_of_another_time(code, message)
        )


def _is_of_another_time(code: str, message: str) -> bool:
    """The process was frozen between signing and sending, or its clock was wrong just after a freeze. The
    next try is signed anew.
    """
    return code == "InvalidSignatureException" and message.startswith(
        ("Signature expired", "Signature not yet current")
    )


class Unreachable(AwsError):
    """No answer came, or none that can be read.

    :param kind: what happened, in a word.
    """

    def __init__(self, kind: str, *, passes: bool = True) -> None:
        super().__init__(kind)
        self.kind, self.passes = kind, passes


class WronglySetUp(AwsError):
    """The region, the credentials or a file of AWS's settings is wrong; the message says what to do."""
