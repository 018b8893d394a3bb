"""A service of AWS's through botocore, in threads: for all that `client` does not know.

A botocore client blocks and can be shared by threads. It does not retry: whoever calls does.
https://botocore.amazonaws.com/v1/documentation/api/latest/reference/config.html
"""

import asyncio
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
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

from c1fn.net.aws import AwsError, Limits, Refused, Unreachable, WronglySetUp
from c1fn.net.aws.client import json_object
from c1fn.startup import aws

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

_LINE = (
    "A part of the AWS keys has the end of a line in it, as a file may leave one. "
    "Set AWS_ACCESS_KEY_ID and AWS_SESSION_TOKEN again."
)


def config(limits: Limits) -> Config:
    """botocore's, for a client of these limits."""
    return Config(
        connect_timeout=limits.connect,
        read_timeout=limits.read,
        retries={"total_max_attempts": 1, "mode": "standard"},
        max_pool_connections=limits.connections,
        tcp_keepalive=True,
    )


def client(name: str, limits: Limits, *, region: str | None = None, endpoint: str | None = None) -> Any:
    """A botocore client.

    :raises WronglySetUp: AWS's settings are wrong.
    """
    with translated():
        made = aws.client(name, config(limits), region_name=region, endpoint_url=endpoint)
    made.meta.events.register("before-parse", _check)
    return made


def _check(operation_model: Any, response_dict: Mapping[str, Any], **_: object) -> None:
    """Botocore takes a proxy's page for an empty answer, and fails in many ways on other bodies.

    :raises AwsError: the body is no JSON object.
    """
    status, body = response_dict["status_code"], response_dict["body"]
    may_be_empty = status == HTTPStatus.OK and operation_model.output_shape is None
    if json_object(body) is not None or (may_be_empty and not body):
        return
    raise Unreachable("AnswerUnreadable") if status == HTTPStatus.OK else Refused(str(status), status)


class Threads:
    """A ``Service``.

    :param client: of botocore's; it is closed with this.
    :param workers: threads, and sockets.
    """

    def __init__(self, client: Any, workers: int) -> None:
        self._client = client
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="aws")
        self._connecting: set[asyncio.Future[Callable[[], None]]] = set()

    async def __call__(self, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        if self._connecting:
            await self._connected()
        call = partial(getattr(self._client, operation), **arguments)
        with translated():
            answer: dict[str, Any] = await asyncio.get_running_loop().run_in_executor(self._pool, call)
        return answer

    def connect(self, count: int) -> None:
        loop = asyncio.get_running_loop()
        self._connecting = {loop.run_in_executor(self._pool, aws.connect, self._client) for _ in range(count)}

    async def _connected(self) -> None:
        """Wait for them: a call that did not would open another."""
        await asyncio.wait(self._connecting)
        while self._connecting:
            self._connecting.pop().result()()

    async def aclose(self) -> None:
        if self._connecting:
            await self._connected()
        await asyncio.to_thread(self._pool.shutdown)
        self._client.close()


@contextmanager
def translated() -> Generator[None, None, None]:
    """Botocore's errors are ours. A call that botocore itself finds wrong is a bug, and stays as it is.

    :raises AwsError: botocore has raised an error.
    """
    try:
        yield
    except ParamValidationError:
        raise
    except ClientError as error:
        told, about = error.response["Error"], error.response.get("ResponseMetadata", {})
        status, item = about.get("HTTPStatusCode", 0), error.response.get("Item")
        raise Refused(told["Code"], status, item, told.get("Message", "")) from None
    except BotoCoreError as error:
        raise _told(error) from None


def _told(error: BotoCoreError) -> AwsError:
    for kinds, sentence in _SETUPS:
        if isinstance(error, kinds):
            return WronglySetUp(sentence)
    if type(error) is HTTPClientError and type(error.kwargs.get("error")) is ValueError:
        return WronglySetUp(_LINE)  # it is of a header, which it repeats
    passes = isinstance(error, NoConnectionError | HTTPClientError | IncompleteReadError)
    return Unreachable(type(error).__name__, passes=passes)
