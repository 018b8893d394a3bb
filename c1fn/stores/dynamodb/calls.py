"""Calls to DynamoDB: in threads, with a limited number of retries, and with translated errors.

A botocore client blocks and can be shared by threads, so calls run in a small thread pool. c1fn retries, not
botocore: with jitter, limited in number and in time, always with the same request. A failed condition is a
normal answer, not an error of the service, and it contains the row that failed the condition.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
"""

import asyncio
import itertools
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

from botocore.config import Config
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
from c1fn.startup import aws

WORKERS = 16
"""Threads, and sockets: an open takes three at once, a turn of 5 MB about as many as there are."""

ATTEMPTS = 6
BUDGET = 8.0
"""Tries of one call, and seconds after which no further try begins: much shorter than a lease, so that a turn
survives short outages, and shorter than a user waits."""

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
"""Seconds of a pause between two tries at most, at first and after doubling."""

CONFIG = Config(
    connect_timeout=1,  # the endpoint is in the same region: a handshake takes milliseconds
    read_timeout=3,  # a hundred times the slowest usual answer
    retries={"total_max_attempts": 1, "mode": "standard"},
    max_pool_connections=WORKERS,
    tcp_keepalive=True,
)

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


def connect(endpoint: str | None = None) -> Any:
    """A DynamoDB client with the configuration for this store.

    :param endpoint: another endpoint's URL, such as an emulator's.
    :raises StoreUnavailable: AWS's settings are wrong; the sentence says which, and what to do.
    """
    with told_plainly():
        return aws.client("dynamodb", CONFIG, endpoint_url=endpoint)


@contextmanager
def told_plainly() -> Generator[None, None, None]:
    """Translate the errors of direct calls, such as the table's administration.

    :raises StoreUnavailable: DynamoDB cannot be used, or rejects the call.
    """
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise _translate(error) from None


class Calls:
    """What the store calls: ``await calls("put_item", Item=…)``."""

    def __init__(
        self,
        client: Any,
        table: str,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._client = client
        self._table = table
        self._sleep = sleep
        self._jitter = jitter
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="dynamodb")
        self._connecting: set[asyncio.Future[Callable[[], None]]] = set()

    def connect(self, count: int) -> None:
        """Begin to open connections for the first calls; nothing is sent on them."""
        loop = asyncio.get_running_loop()
        self._connecting = {loop.run_in_executor(self._pool, aws.connect, self._client) for _ in range(count)}

    async def _connected(self) -> None:
        """Wait for them: a call that did not would open another."""
        await asyncio.wait(self._connecting)
        while self._connecting:
            self._connecting.pop().result()()

    async def __call__(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """:raises ConditionFailed: the row was not as demanded.
        :raises StoreUnavailable: DynamoDB cannot be used; it is unknown whether a write took effect.
        """
        if "RequestItems" not in arguments:
            arguments["TableName"] = self._table
        if self._connecting:
            await self._connected()
        loop = asyncio.get_running_loop()
        call = partial(getattr(self._client, operation), **arguments)
        end = loop.time() + BUDGET
        for attempt in itertools.count():
            try:
                answer: dict[str, Any] = await loop.run_in_executor(self._pool, call)
            except (ClientError, BotoCoreError) as error:
                if attempt + 1 == ATTEMPTS or loop.time() >= end or not _passes(error):
                    raise _translate(error) from None
            else:
                return answer
            await self.pause(attempt)
        raise AssertionError  # the loop above ends by itself

    async def pause(self, attempt: int = 0) -> None:
        """Wait a random time before the next try."""
        await self._sleep(self._jitter() * min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt))

    async def pages(
        self, query: dict[str, Any], limit: int | None = None
    ) -> AsyncGenerator[list[dict[str, Any]], None]:
        """The items of a query, page by page; ``limit`` is how many one page may read."""
        more = dict(query) if limit is None else query | {"Limit": max(1, limit)}
        while True:
            answer = await self("query", **more)
            yield answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            more["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    @property
    def table(self) -> str:
        return self._table

    async def aclose(self) -> None:
        if self._connecting:
            await self._connected()
        await asyncio.to_thread(self._pool.shutdown)
        self._client.close()


def _passes(error: ClientError | BotoCoreError) -> bool:
    """Whether trying again may help."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500 or error.response["Error"]["Code"] in _PASSING  # noqa: PLR2004 - HTTP's class
    return isinstance(error, NoConnectionError | HTTPClientError | IncompleteReadError)


def _translate(error: ClientError | BotoCoreError) -> Exception:
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
