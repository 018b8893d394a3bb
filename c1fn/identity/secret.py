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
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import Any

from c1fn.net.aws import AwsError, Limits, Refused, Service, Unreachable, choice

LIMITS = Limits(connect=2, read=5, connections=1)
"""A start may take ten seconds in all; the services answer in a tenth of one."""

ATTEMPTS = 3
PAUSE = 0.5
"""Tries, and seconds before the second; before the third twice as many."""

AGAIN = 60.0
"""Seconds between two readings, at least: anyone can send a wrong key, and each reading is billed."""

_log = logging.getLogger(__name__)


class SecretError(Exception):
    """The secret cannot be had; the message names it and the reason, and nothing that is in it."""


def read(arn: str, plain: str, connect: Callable[..., Service] = choice.service) -> Mapping[str, str]:
    """The secret's fields. It waits, in a thread with an event loop of its own: this one's may be running.

    :param arn: of a Secrets Manager secret or an SSM parameter.
    :param plain: the name under which a plain text is returned.
    :raises SecretError: it is not there, not ours to read, or of another form.
    """
    try:
        name = "ssm" if ":ssm:" in arn else "secretsmanager"
        service = connect(name, LIMITS, region=_region(arn))
        asking = _from_parameters(service, arn) if name == "ssm" else _from_secrets(service, arn)
        with ThreadPoolExecutor(1, thread_name_prefix="secret") as thread:
            text = thread.submit(asyncio.run, _closing(service, asking)).result()
    except AwsError as error:
        raise SecretError(f"The secret {arn} cannot be read: {_reason(error)}.") from None
    except KeyError:
        raise SecretError(f"The secret {arn} is no text.") from None
    if not text.lstrip().startswith("{"):
        return {plain: text.strip()}
    try:
        return {str(k): v if isinstance(v, str) else json.dumps(v) for k, v in json.loads(text).items()}
    except ValueError:
        raise SecretError(f"The secret {arn} begins like a JSON object and is none.") from None


def _region(arn: str) -> str | None:
    """None: the text is a name, or cut off. The service says what is wrong with that."""
    match arn.split(":"):
        case "arn", _, _, region, *_:
            return region
    return None


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
                    self._held = await asyncio.to_thread(self._read)  # it waits; other turns go on
                except SecretError as error:
                    _log.warning("%s", error)
        return self._held


async def _closing(service: Service, asking: Coroutine[None, None, str]) -> str:
    async with aclosing(service):
        return await asking


async def _from_secrets(service: Service, arn: str) -> str:
    return str((await tried(service, "get_secret_value", {"SecretId": arn}))["SecretString"])


async def _from_parameters(service: Service, arn: str) -> str:
    asked = {"Name": arn, "WithDecryption": True}
    return str((await tried(service, "get_parameter", asked))["Parameter"]["Value"])


async def tried(
    service: Service,
    operation: str,
    arguments: Mapping[str, Any],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> dict[str, Any]:
    """The answer, after up to ``ATTEMPTS`` tries.

    :raises AwsError: there is none.
    """
    for attempt in range(1, ATTEMPTS):
        try:
            return await service(operation, arguments)
        except AwsError as error:
            if not error.passes:
                raise
        await sleep(PAUSE * attempt)
    return await service(operation, arguments)


def _reason(error: AwsError) -> str:
    """The service's code, or a word; what is wrong with the settings is a sentence already."""
    match error:
        case Refused():
            return error.code
        case Unreachable():
            return error.kind
    return str(error).rstrip(".")
