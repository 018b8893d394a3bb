"""Reads the secret of a deployment from Secrets Manager or SSM: when the function starts, and again when a
key is rejected, so that a rotated key works without a deployment.

The secret holds the model's key and, with mode `key`, the callers' keys: a JSON object of settings, or only
the model's key as plain text. Without a secret this module is not imported.

https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from c1fn.startup import aws

CONFIG = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 3, "mode": "standard"})
"""A start may take ten seconds in all; the services answer in a tenth of one."""


AGAIN = 60.0
"""Seconds between two readings, at least: anyone can send a wrong key, and each reading is billed."""

_log = logging.getLogger(__name__)


class SecretError(Exception):
    """The secret cannot be had; the message names it and the reason, and nothing that is in it."""


def read(arn: str, plain: str, connect: Any = aws.client) -> Mapping[str, str]:
    """The secret's fields.

    :param arn: of a Secrets Manager secret or an SSM parameter.
    :param plain: the name under which a plain text is returned.
    :raises SecretError: it is not there, not ours to read, or of another form.
    """
    try:
        text = _from_parameters(arn, connect) if ":ssm:" in arn else _from_secrets(arn, connect)
    except (ClientError, BotoCoreError) as error:
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
        raise SecretError(f"The secret {arn} cannot be read: {code}.") from None
    except KeyError:
        raise SecretError(f"The secret {arn} is no text.") from None
    if not text.lstrip().startswith("{"):
        return {plain: text.strip()}
    try:
        return {str(k): v if isinstance(v, str) else json.dumps(v) for k, v in json.loads(text).items()}
    except ValueError:
        raise SecretError(f"The secret {arn} begins like a JSON object and is none.") from None


class Secret:
    """A secret that was read at the start and can be read again.

    :param held: what it held then.
    :param clock: seconds since the epoch: a monotonic clock may stand still while a function is frozen.
    """

    def __init__(
        self,
        held: Mapping[str, str],
        read: Callable[[], Mapping[str, str]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._held = held
        self._read = read
        self._clock = clock
        self._next = 0.0
        self._reading = asyncio.Lock()

    async def again(self) -> Mapping[str, str]:
        """What it holds now, as of at most ``AGAIN`` seconds ago. When it cannot be read: what it held."""
        async with self._reading:
            if self._clock() >= self._next:
                self._next = self._clock() + AGAIN
                try:
                    self._held = await asyncio.to_thread(self._read)  # boto3 waits; other turns go on
                except SecretError as error:
                    _log.warning("%s", error)
        return self._held


def _from_secrets(arn: str, connect: Any) -> str:
    text: str = _client("secretsmanager", arn, connect).get_secret_value(SecretId=arn)["SecretString"]
    return text


def _from_parameters(arn: str, connect: Any) -> str:
    client = _client("ssm", arn, connect)
    text: str = client.get_parameter(Name=arn, WithDecryption=True)["Parameter"]["Value"]
    return text


def _client(service: str, arn: str, connect: Any) -> Any:
    region = arn.split(":")[3] if arn.startswith("arn:") else None
    return connect(service, CONFIG, region_name=region)
