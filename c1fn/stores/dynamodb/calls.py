"""Calls to DynamoDB: in threads, with a limited number of retries, and with translated errors (failures.py).

A botocore client blocks and can be shared by threads, so calls run in a small thread pool. c1fn retries, not
botocore: with jitter, limited in number and in time, always with the same request.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
"""

import asyncio
import itertools
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from c1fn.startup import aws
from c1fn.stores.dynamodb.failures import passes, told_plainly, translate

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


def connect(endpoint: str | None = None) -> Any:
    """A DynamoDB client with the configuration for this store.

    :param endpoint: another endpoint's URL, such as an emulator's.
    :raises StoreUnavailable: AWS's settings are wrong; the sentence says which, and what to do.
    """
    with told_plainly():
        return aws.client("dynamodb", CONFIG, endpoint_url=endpoint)


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
                if attempt + 1 == ATTEMPTS or loop.time() >= end or not passes(error):
                    raise translate(error) from None
            else:
                return answer
            await self.pause(attempt)
        raise AssertionError  # the loop above ends by itself

    async def pause(self, attempt: int = 0) -> None:
        """Wait a random time before the next try."""
        await self._sleep(self._jitter() * min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt))

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
        if self._connecting:
            await self._connected()
        await asyncio.to_thread(self._pool.shutdown)
        self._client.close()
