"""The function: its processes, warm and cold, up to a limit."""

import asyncio

from c1fn.runtime.emulator.call import Call
from c1fn.runtime.emulator.options import Options
from c1fn.runtime.emulator.sandbox import Sandbox


class Throttled(Exception):
    """As many invocations run as the function's concurrency allows."""


class Function:
    """The processes that run the handler, and the calls that wait for them."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._sandboxes: list[Sandbox] = []
        self._tasks: set[asyncio.Task[object]] = set()

    @property
    def processes(self) -> list[int]:
        """The ids of the processes that live."""
        return [box.pid for box in self._sandboxes if box.alive and box.pid is not None]

    def call(self, call: Call) -> None:
        """Give a call to a warm process, or to a new one. :raises Throttled: neither can be."""
        sandbox = next((box for box in self._sandboxes if box.free), None) or self._cold()
        sandbox.submit(call)

    def abandon(self, call: Call) -> None:
        """Nobody waits for it any more; if it still runs, it runs to its end."""
        if not call.ended:
            self._keep(asyncio.create_task(call.drain()))

    async def close(self) -> None:
        await asyncio.gather(*(box.stop() for box in self._sandboxes))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _cold(self) -> Sandbox:
        if sum(box.alive for box in self._sandboxes) >= self.options.concurrency:
            raise Throttled
        sandbox = Sandbox(self.options)
        self._sandboxes.append(sandbox)
        self._keep(asyncio.create_task(sandbox.start()))
        return sandbox

    def _keep(self, task: "asyncio.Task[object] | asyncio.Task[None]") -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
