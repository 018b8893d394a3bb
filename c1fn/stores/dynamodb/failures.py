"""What an error of DynamoDB's means: what the caller is told.

A failed condition is a normal answer, not an error of the service, and it contains the row that failed the
condition.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from c1fn.errors import StoreUnavailable
from c1fn.net.aws import AwsError, Refused, Unreachable

_CREDENTIALS = "AWS refused this service's credentials. Check its role, or its keys and their expiry."

_REASONS = {
    "ResourceInUseException": "The DynamoDB table exists already, or is being made or deleted.",
    "ResourceNotFoundException": (
        "The DynamoDB table does not exist, or is still being created. Create it with: c1fn table create"
    ),
    "UnrecognizedClientException": _CREDENTIALS,
    "InvalidSignatureException": (
        "AWS refused this service's signature. Check its keys, and the clock of its machine."
    ),
    "InvalidClientTokenId": _CREDENTIALS,
    "ExpiredTokenException": _CREDENTIALS,
    "ExpiredToken": _CREDENTIALS,
    "MissingAuthenticationTokenException": _CREDENTIALS,
    "AccessDeniedException": "AWS denies this service its DynamoDB table. Check its role's policy.",
}


class ConditionFailed(Exception):
    """The row did not match the write's condition; ``item`` is the current row, None if there is none."""

    def __init__(self, item: dict[str, Any] | None) -> None:
        super().__init__()
        self.item = item


@contextmanager
def told_plainly() -> Generator[None, None, None]:
    """Translate the errors of direct calls through botocore, such as the table's administration.

    :raises StoreUnavailable: DynamoDB cannot be used, or rejects the call.
    """
    from c1fn.net.aws.boto import translated  # imports botocore

    try:
        with translated():
            yield
    except AwsError as error:
        raise translate(error) from None


def translate(error: AwsError) -> Exception:
    """What the caller is told. A call that is wrong in itself is a bug, and stays as it is."""
    if isinstance(error, Unreachable):
        return StoreUnavailable(f"DynamoDB cannot be reached ({error.kind}).")
    if not isinstance(error, Refused):
        return StoreUnavailable(str(error))
    if error.code == "ConditionalCheckFailedException":
        return ConditionFailed(error.item)
    if error.is_malformed:
        return error
    return StoreUnavailable(_REASONS.get(error.code, f"DynamoDB could not do its work: {error.code}."))
