"""Calls to DynamoDB: with a limited number of retries, and with translated errors (failures.py).

How a call gets there is `net/aws`'s. c1fn retries itself: with jitter, limited in number and in time, always
with the same arguments.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
"""

import asyncio
import itertools
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import Any, TypeVar

from c1fn.net.aws import AwsError, Limits, Service, choice
from c1fn.stores.dynamodb.failures import told_plainly, translate

_T = TypeVar("_T")

LIMITS = Limits(
    connect=1,  # the endpoint is in the same region: a handshake takes milliseconds
    read=3,  # a hundred times the slowest usual answer
    connections=16,  # an open takes three at once, a turn of 5 MB about as many as there are
)

ATTEMPTS = 6
BUDGET = 8.0
"""Tries of one call, and seconds after which no further try begins: much shorter than a lease, so that a turn
survives short outages, and shorter than a user waits."""

FIRST_PAUSE, THROTTLED_PAUSE, LONGEST_PAUSE = 0.05, 0.5, 1.0
"""Seconds of a pause between two tries at most: at first, at first where the table is asked too often (its
capacity is counted by the second), and after doubling."""


def connect(endpoint: str | None = None) -> Any:
    """A client of botocore's with this store's limits, for the table's administration.

    :param endpoint: another endpoint's URL, such as an emulator's.
    :raises StoreUnavailable: AWS's settings are wrong; the sentence says which, and what to do.
    """
    with told_plainly():
        from c1fn.net.aws import boto

        return boto.client("dynamodb", LIMITS, endpoint=endpoint)


def service(endpoint: str | None = None) -> Service:
    """What a store calls; see ``connect``."""
    try:
        return choice.service("dynamodb", LIMITS, endpoint=endpoint)
    except AwsError as error:
        raise translate(error) from None


async def all_over(works: Iterable[Awaitable[_T]]) -> list[_T]:
    """What each of them gives. When this returns or fails, none of them runs any more: what is undone after a
    failure is not written by another of them later.

    :raises Exception: the first failure.
    """
    given = await asyncio.gather(*works, return_exceptions=True)
    for one in given:
        if isinstance(one, BaseException):
            raise one
    return [one for one in given if not isinstance(one, BaseException)]


async def result_of(task: asyncio.Task[_T]) -> _T:
    """What a task gives. It goes on when who waits for it here is cancelled, and its error is then in no log:
    since Python 3.14 that of `asyncio.shield` is.
    """
    await asyncio.wait({task})
    return task.result()


class Calls:
    """What the store calls: ``await calls("put_item", Item=…)``."""

    def __init__(
        self,
        service: Service,
        table: str,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._service = service
        self._table = table
        self._sleep = sleep
        self._jitter = jitter

    def connect(self, count: int) -> None:
        """Begin to open connections for the first calls; nothing is sent on them."""
        self._service.connect(count)

    async def __call__(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """:raises ConditionFailed: the row was not as demanded.
        :raises StoreUnavailable: DynamoDB cannot be used; it is unknown whether a write took effect.
        """
        if "RequestItems" not in arguments:
            arguments["TableName"] = self._table
        loop = asyncio.get_running_loop()
        end = loop.time() + BUDGET
        for attempt in itertools.count():
            try:
                return await self._service(operation, arguments)
            except AwsError as error:
                if attempt + 1 == ATTEMPTS or loop.time() >= end or not error.passes:
                    raise translate(error) from None
                first = THROTTLED_PAUSE if error.is_throttled else FIRST_PAUSE
            await self.pause(attempt, first)
        raise AssertionError  # the loop above ends by itself

    async def pause(self, attempt: int = 0, first: float = FIRST_PAUSE) -> None:
        """Wait a random time before the next try."""
        await self._sleep(self._jitter() * min(LONGEST_PAUSE, first * 2**attempt))

    async def scan(self, scan: dict[str, Any]) -> AsyncGenerator[tuple[list[dict[str, Any]], int], None]:
        """The items of a scan of the whole table, page by page, and how many rows each page read."""
        more = dict(scan)
        while True:
            answer = await self("scan", **more)
            yield answer["Items"], answer["ScannedCount"]
            if "LastEvaluatedKey" not in answer:
                return
            more["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

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
        """The table's name."""
        return self._table

    async def aclose(self) -> None:
        await self._service.aclose()
