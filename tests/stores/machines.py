"""A store with a client of its own, and faults under it: at chosen calls, or in the midst of another's."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import cache
from inspect import isawaitable
from typing import Any

from c1fn.net.aws import Unreachable
from c1fn.net.aws.client import Answer, Client, Request, Transport
from c1fn.stores.dynamodb import DynamoStore, connect, service
from c1fn.stores.dynamodb.keys import ThreadKey
from c1fn.stores.dynamodb.rows import ThreadRow
from tests.stores.clockwork import Clockwork
from tests.stores.faults import trouble

Fault = Callable[[Request], Awaitable[Answer | None] | Answer | None]
"""What happens in a call's place; None: the call itself, after it."""


class Sky:
    """Faults at chosen calls: ``sky.at("UpdateItem", fault)`` strikes the next call of that operation.

    It is a transport over the client's own.
    """

    def __init__(self, client: object) -> None:
        assert isinstance(client, Client)
        self.seen: list[str] = []
        self._faults: list[tuple[str, Fault]] = []
        self._below: Transport = client._transport
        client._transport = self

    def at(self, operation: str, *faults: Fault) -> None:
        self._faults += [(operation, fault) for fault in faults]

    def clear(self) -> None:
        """No more faults."""
        self._faults.clear()

    async def pass_on(self, request: Request) -> Answer:
        """To the server, whatever was to happen."""
        return await self._below.send(request)

    async def lost(self, request: Request) -> Answer | None:
        """It is done, and the reply does not come."""
        await self.pass_on(request)
        raise Unreachable("ReadTimeout")

    async def unsent(self, _: Request) -> Answer | None:
        raise Unreachable("RemoteProtocolError")

    def done(self, operation: str) -> asyncio.Event:
        """Set when the next call of that operation was answered."""
        event = asyncio.Event()

        async def watched(request: Request) -> Answer:
            answer = await self.pass_on(request)
            event.set()
            return answer

        self.at(operation, watched)
        return event

    def slow(self, operation: str, undoing: str) -> asyncio.Event:
        """The next call of that operation waits until one of ``undoing`` was answered, for 0.3 s at most: an
        undoing that does not wait for the call is done before it. The event is set when the call waits.
        """
        begun = asyncio.Event()

        async def waits(_: Request) -> None:
            begun.set()
            with suppress(TimeoutError):
                await asyncio.wait_for(undone.wait(), 0.3)

        self.at(operation, waits)
        undone = self.done(undoing)
        return begun

    async def send(self, request: Request) -> Answer:
        self.seen.append(request.operation)
        due = next((fault for fault in self._faults if fault[0] == request.operation), None)
        if due:
            self._faults.remove(due)
            answer = due[1](request)
            if isawaitable(answer):
                answer = await answer
            if answer is not None:
                return answer
        return await self.pass_on(request)

    def connect(self, count: int) -> None:
        self._below.connect(count)

    async def aclose(self) -> None:
        await self._below.aclose()


def says(status: int, code: str) -> Fault:
    return lambda _: trouble(status, code)


async def at_once(_: float) -> None:
    """A sleep that is over."""


@cache
def looking(url: str) -> Any:
    """A client of botocore's, beside all stores: to make one takes 60 ms."""
    return connect(url)


class Machine:
    """A store with a client of its own, and the sky over it.

    ``client``: another one, of botocore's, with which a test looks at the table.
    """

    def __init__(self, endpoint: tuple[str, str], time: Clockwork, **options: Any) -> None:
        self.client = looking(endpoint[0])
        self.service = service(endpoint[0])
        self.sky = Sky(self.service)
        self.store = DynamoStore(
            self.service, endpoint[1], clock=time.clock, sleep=at_once, jitter=lambda: 0.5, **options
        )

    async def close(self) -> None:
        await self.store.aclose()


def one_pk(machine: Machine, thread: str = "t") -> str:
    """Where the turns of a thread of ann's are."""
    key = ThreadKey("ann", thread)
    item = machine.client.get_item(TableName=machine.store._calls.table, Key=key.row, ConsistentRead=True)[
        "Item"
    ]
    return key.of(ThreadRow.read(item)).pk


def meanwhile(do: Callable[[], Awaitable[Any]]) -> Fault:
    """At this call, before it is sent: something else happens, whole."""

    async def fault(_: Request) -> None:
        await do()

    return fault


def passed(_: Request) -> None:
    """Nothing happens at this call: it is the lock of a thread, and the count comes after it."""


def everything(client: Any, table: str) -> list[dict[str, Any]]:
    """All rows of a table."""
    pages = client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    return [item for page in pages for item in page["Items"]]
