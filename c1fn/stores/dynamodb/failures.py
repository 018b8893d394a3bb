"""What an error of DynamoDB's means: whether trying again may help, and what the caller is told.

A failed condition is a normal answer, not an error of the service, and it contains the row that failed the
condition.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
"""

from collections.abc import Generator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigNotFound,
    ConfigParseError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    InvalidRegionError,
    LoginError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import (
    ConnectionError as NoConnectionError,
)

from c1fn.errors import StoreUnavailable

_PASSING = {
    "InternalServerError",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TransactionConflictException",
}

_CREDENTIALS = "AWS refused this service's credentials. Check its role, or its keys and their expiry."

_REASONS = {
    "ResourceInUseException": "The DynamoDB table exists already, or is being made or deleted.",
    "ResourceNotFoundException": (
        "The DynamoDB table does not exist, or is still being created. Create it with: c1fn table create"
    ),
    "UnrecognizedClientException": _CREDENTIALS,
    "InvalidSignatureException": _CREDENTIALS,
    "InvalidClientTokenId": _CREDENTIALS,
    "ExpiredTokenException": _CREDENTIALS,
    "ExpiredToken": _CREDENTIALS,
    "MissingAuthenticationTokenException": _CREDENTIALS,
    "AccessDeniedException": "AWS denies this service its DynamoDB table. Check its role's policy.",
}

_SETUPS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    (NoRegionError, "No AWS region is set. Set AWS_DEFAULT_REGION."),
    (InvalidRegionError, "AWS_DEFAULT_REGION is not the name of a region, such as eu-central-1."),
    (ProfileNotFound, "AWS_PROFILE names a profile that AWS's configuration files do not have."),
    (
        (ConfigParseError, ConfigNotFound),
        "AWS's configuration file (~/.aws/config, or AWS_CONFIG_FILE) cannot be read. Mend it.",
    ),
    (
        PartialCredentialsError,
        "Half a pair of AWS keys is set. Set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
    ),
    (
        (SSOError, LoginError, TokenRetrievalError),
        "The login to AWS has expired, or never was. Run: aws sso login, or aws login.",
    ),
    (NoCredentialsError, "This service has no AWS credentials. Give it a role, or keys."),
    (
        CredentialRetrievalError,
        "AWS credentials could not be fetched. Check the role, or the command that provides them.",
    ),
)
"""What each error of botocore's says of the settings; the first that fits."""


class ConditionFailed(Exception):
    """The row did not match the write's condition; ``item`` is the current row, None if there is none."""

    def __init__(self, item: dict[str, Any] | None) -> None:
        super().__init__()
        self.item = item


@contextmanager
def told_plainly() -> Generator[None, None, None]:
    """Translate the errors of direct calls, such as the table's administration.

    :raises StoreUnavailable: DynamoDB cannot be used, or rejects the call.
    """
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise translate(error) from None


def passes(error: ClientError | BotoCoreError) -> bool:
    """Whether trying again may help."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= HTTPStatus.INTERNAL_SERVER_ERROR or error.response["Error"]["Code"] in _PASSING
    return isinstance(error, NoConnectionError | HTTPClientError | IncompleteReadError)


def translate(error: ClientError | BotoCoreError) -> Exception:
    """What the caller is told. A call that is wrong in itself is a bug, and stays as it is."""
    bug: Exception = error
    if isinstance(error, ParamValidationError):
        return bug
    if isinstance(error, ClientError):
        code = error.response["Error"]["Code"]
        if code == "ConditionalCheckFailedException":
            return ConditionFailed(error.response.get("Item"))
        if code == "ValidationException":
            return bug
        return StoreUnavailable(_REASONS.get(code, f"DynamoDB could not do its work: {code}."))
    return StoreUnavailable(_sentence(error))


def _sentence(error: BotoCoreError) -> str:
    """What is wrong with how AWS's client was set up, or with the way to it, and what to do."""
    told = (sentence for kinds, sentence in _SETUPS if isinstance(error, kinds))
    return next(told, f"DynamoDB cannot be reached ({type(error).__name__}).")
