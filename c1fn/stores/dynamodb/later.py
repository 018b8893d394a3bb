"""Background work after the caller got its result: the release of a lock, the undoing of an open.

Nothing is lost if it fails: the next open of the thread does it.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from c1fn.errors import StoreUnavailable
from c1fn.stores.dynamodb.keys import ThreadKey


class Later:
    """Runs work in the background, and can be asked to wait for it."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[None], tuple[str, str]] = {}

    def do(self, key: ThreadKey, work: Coroutine[Any, Any, None]) -> None:
        """Begin the work. What DynamoDB refuses stays undone: whoever reads the thread next does it."""

        async def quietly() -> None:
            with suppress(StoreUnavailable):
                await work

        task = asyncio.create_task(quietly())
        self._tasks[task] = key.owner, key.thread_id
        task.add_done_callback(self._tasks.pop)

    async def settled(self, owner: str, thread_id: str | None = None) -> None:
        """Wait for what this process left for later on this thread (or on all of the owner's)."""
        mine = {
            task
            for task, (of, at) in self._tasks.items()
            if of == owner and (thread_id is None or at == thread_id)
        }
        if mine:
            await asyncio.wait(mine)

    async def settle(self) -> None:
        """Wait for everything."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))
