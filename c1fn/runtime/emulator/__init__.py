"""Emulates Lambda on this machine, for development and tests.

The function runs as on Lambda: as processes that the exec wrapper starts, each with its own Runtime API. In
front of them are a function URL, a REST API, an HTTP API, a load balancer and the Invoke API. The emulator
listens only on 127.0.0.1 and accepts only its own host names. Web pages cannot use the Invoke API, because
AWS requires a signature there. Not emulated are IAM, account quotas, the file system, and the share of a CPU.

    async with Emulator(task_root=Path.cwd(), environ={"C1FN_MODEL": "offline"}) as emulator:
        print(emulator.url)
"""

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from c1fn.runtime.emulator import doors
from c1fn.runtime.emulator.door import Door, Front
from c1fn.runtime.emulator.function import Function
from c1fn.runtime.emulator.http import Handle, Server, named
from c1fn.runtime.emulator.invoke import InvokeApi
from c1fn.runtime.emulator.options import Options

__all__ = ["Emulator", "Options"]


@dataclass(kw_only=True)
class Emulator(Options):
    """An emulated function, open while the context is. The URLs are known inside it and end without a slash.

    Each door has a port; 0 lets the system choose.
    :raises OSError: on entry, when a port is taken.
    """

    port: int = 0
    rest_port: int = 0
    http_port: int = 0
    alb_port: int = 0
    invoke_port: int = 0
    url: str = field(default="", init=False)
    rest_url: str = field(default="", init=False)
    http_url: str = field(default="", init=False)
    alb_url: str = field(default="", init=False)
    invoke_url: str = field(default="", init=False)
    function: Function = field(init=False, repr=False)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack, init=False, repr=False)

    async def __aenter__(self) -> Self:
        self.function = Function(self)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.function.close)
            below = doors.prefix(self)
            self.url = await self._door(stack, doors.function_url(self), self.port)
            self.rest_url = await self._door(stack, doors.rest_api(self), self.rest_port) + below
            self.http_url = await self._door(stack, doors.http_api(self), self.http_port) + below
            self.alb_url = await self._door(stack, doors.load_balancer(self), self.alb_port)
            self.invoke_url = await _open(stack, InvokeApi(self.function).handle, self.invoke_port)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def __str__(self) -> str:
        """The address of each door, one a line."""
        return (
            f"function URL   {self.url}/\n"
            f"REST API       {self.rest_url}/\n"
            f"HTTP API       {self.http_url}/\n"
            f"load balancer  {self.alb_url}/\n"
            f"Invoke API     {self.invoke_url}"
        )

    async def _door(self, stack: AsyncExitStack, door: Door, port: int) -> str:
        return await _open(stack, Front(self.function, door).handle, port)


async def _open(stack: AsyncExitStack, handle: Handle, port: int) -> str:
    server = await Server.listen(named(handle), port)
    stack.push_async_callback(server.close)
    return f"http://127.0.0.1:{server.port}"
