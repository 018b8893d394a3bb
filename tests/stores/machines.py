"""A store with a client of its own, and faults under it: at chosen calls, or in the midst of another's."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from botocore.httpsession import URLLib3Session

from c1fn.stores.dynamodb import DynamoStore, connect
from c1fn.stores.dynamodb.keys import ThreadKey
from c1fn.stores.dynamodb.rows import ThreadRow
from tests.stores.clockwork import Clockwork
from tests.stores.faults import reply, trouble

Fault = Callable[[AWSPreparedRequest], AWSResponse | None]


class Sky:
    """Faults at chosen calls: ``sky.at("UpdateItem", fault)`` strikes the next call of that operation."""

    def __init__(self, client: Any) -> None:
        self.seen: list[str] = []
        self._session = URLLib3Session()
        self._lock = threading.Lock()
        self._faults: list[tuple[str, Fault]] = []
        client.meta.events.register("before-send.dynamodb", self._send)

    def at(self, operation: str, *faults: Fault) -> None:
        self._faults += [(operation, fault) for fault in faults]

    def clear(self) -> None:
        """No more faults."""
        with self._lock:
            self._faults.clear()

    def lost(self, request: AWSPreparedRequest) -> AWSResponse | None:
        """It is done, and the reply does not come."""
        self._session.send(request)
        raise ReadTimeoutError(endpoint_url=request.url)

    def unsent(self, request: AWSPreparedRequest) -> AWSResponse | None:
        raise ConnectionClosedError(endpoint_url=request.url)

    def done(self, operation: str) -> asyncio.Event:
        """Set when the next call of that operation was answered."""
        event, loop = asyncio.Event(), asyncio.get_running_loop()

        def watched(request: AWSPreparedRequest) -> AWSResponse:
            answer = self._session.send(request)
            loop.call_soon_threadsafe(event.set)
            return reply(request, answer.status_code, answer.content)

        self.at(operation, watched)
        return event

    def close(self) -> None:
        self._session.close()

    def _send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        operation = request.headers["X-Amz-Target"].rpartition(b".")[2].decode()
        self.seen.append(operation)
        with self._lock:
            due = next((fault for fault in self._faults if fault[0] == operation), None)
            if due:
                self._faults.remove(due)
        return due[1](request) if due else None


def says(status: int, code: str) -> Fault:
    return lambda request: trouble(request, status, code)


async def at_once(_: float) -> None:
    """A sleep that is over."""


class Machine:
    """A store with a client of its own, and the sky over it."""

    def __init__(self, endpoint: tuple[str, str], time: Clockwork, **options: Any) -> None:
        self.client = connect(endpoint[0])
        self.sky = Sky(self.client)
        self.store = DynamoStore(
            self.client, endpoint[1], clock=time.clock, sleep=at_once, jitter=lambda: 0.5, **options
        )

    async def close(self) -> None:
        await self.store.aclose()
        self.sky.close()


def one_pk(machine: Machine, thread: str = "t") -> str:
    """Where the turns of a thread of ann's are."""
    key = ThreadKey("ann", thread)
    item = machine.client.get_item(TableName=machine.store._calls.table, Key=key.row, ConsistentRead=True)[
        "Item"
    ]
    return key.of(ThreadRow.read(item)).pk


def meanwhile(do: Callable[[], Any]) -> Fault:
    """At this call, before it is sent: something else happens, whole."""

    def fault(_: AWSPreparedRequest) -> None:
        asyncio.run(do())

    return fault


def passed(_: AWSPreparedRequest) -> None:
    """Nothing happens at this call: it is the lock of a thread, and the count comes after it."""


def everything(client: Any, table: str) -> list[dict[str, Any]]:
    """All rows of a table."""
    pages = client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    return [item for page in pages for item in page["Items"]]
