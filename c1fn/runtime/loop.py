"""The runtime loop: each worker requests an event, lets the app answer it, and requests the next.

There is one asyncio event loop per process. A worker has one socket and one invocation at a time; there are
as many workers as Lambda allows concurrent invocations. A fault before the response has begun is reported as
an error, a later one in the response's trailers; the process continues.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html
https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-runtimes.html
"""

import asyncio
import json
import logging
import os
import signal
from typing import Any, assert_never

from c1fn.runtime import records
from c1fn.runtime.asgi import App, Cycle
from c1fn.runtime.buffered import NoJson
from c1fn.runtime.context import Context
from c1fn.runtime.doors import BadEvent, ForeignEvent
from c1fn.runtime.fault import Fault
from c1fn.runtime.function import FunctionFailed
from c1fn.runtime.invocation_response import InvocationResponse
from c1fn.runtime.link import PAUSE, TRIES, Fatal, Platform
from c1fn.runtime.load_handler import Handler
from c1fn.runtime.messages import Invocation
from c1fn.runtime.protocol import Address, Connection

log = logging.getLogger(__name__)

GRACE = 1.5
"""Seconds that running invocations get after a SIGTERM: Lambda kills 2 s after it."""

LONGEST = 900.0
"""Seconds that running invocations get when the platform is gone: Lambda's longest timeout. They finish
for the store's sake, though nobody listens."""


class Worker:
    """One invocation at a time, over one socket."""

    def __init__(self, address: Address, handler: Handler, app: App, *, alone: bool) -> None:
        """:param alone: no other worker runs in this process, so its environment is this one's."""
        self._platform = Platform(address)
        self._handler = handler
        self._app = app
        self._alone = alone
        self.busy = False
        self.leaving = False

    async def run(self) -> None:
        """Serve until told to leave.

        :raises Fatal: the platform is gone, or refuses to give another invocation.
        """
        try:
            while not self.leaving:
                invocation = await self._next()
                self.busy = True
                await self._serve(invocation)
                self.busy = False
        finally:
            self._platform.close()

    async def _next(self) -> Invocation:
        """A refusal ends the process, as AWS asks. Where others run in it the request is repeated first,
        as by AWS's own runtime: the refusal may be meant for this one alone.

        https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-next
        """
        pauses = [] if self._alone else [PAUSE * 2**tried for tried in range(TRIES - 1)]
        while not isinstance(incoming := await self._platform.get(Connection.next), Invocation):
            if not pauses:
                raise Fatal(f"invocation/next was answered with {incoming}")
            log.warning("invocation/next was answered with %s", incoming)
            await asyncio.sleep(pauses.pop(0))
        return incoming

    async def _serve(self, invocation: Invocation) -> None:
        try:
            response = InvocationResponse(await self._platform.link(), invocation)
        except OSError as error:
            raise Fatal(f"the Runtime API is gone: {error}") from error
        try:
            await self._answer(invocation, response)
        except BadEvent as error:
            log.warning("the event was refused: %s", error)
            await response.refuse(error)
        except ForeignEvent as error:
            log.error("%s", error)  # noqa: TRY400 - where it was found tells nothing
            await response.fail(Fault.of(error, reveal=True))
        except SystemExit as error:
            log.exception("the function ended its process")
            if self._alone:
                raise  # as with AWS's runtime: its platform tells the exit status, and not who caused it
            await response.fail(_fault(error))  # the process is others', too
        except (Exception, asyncio.CancelledError) as error:
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task and task.cancelling():
                raise  # it is we who are told to end; else the app has cancelled itself
            log.exception("the invocation failed")
            await response.fail(_fault(error))
        await response.settled()
        records.current.set(None)

    async def _answer(self, invocation: Invocation, response: InvocationResponse) -> None:
        context = self._enter(invocation)
        event = _parse(invocation.event)
        response.event, response.mode = event, self._handler.mode(event)
        match response.mode:
            case "buffer":
                await response.whole(await self._handler.buffered(event, context))
            case "stream" | "raw":
                scope, body = self._handler.request(event, context)
                await Cycle(scope, body, response).run(self._app)
            case mode:
                assert_never(mode)

    def _enter(self, invocation: Invocation) -> Context:
        try:
            context = Context.of(invocation)
        except ValueError:
            raise BadEvent("the client context or the Cognito identity is not a JSON object") from None
        records.current.set(context)
        # X-Ray's SDK reads it. With several invocations at once it would name another's: then it is unset.
        if self._alone and invocation.trace_id is not None:
            os.environ["_X_AMZN_TRACE_ID"] = invocation.trace_id
        else:
            os.environ.pop("_X_AMZN_TRACE_ID", None)
        return context


async def serve(address: Address, handler: Handler, app: App, *, concurrency: int) -> None:
    """Answer invocations until SIGTERM; then let the running ones end.

    :raises Fatal: the platform is gone, or refuses to go on.
    """
    workers = [Worker(address, handler, app, alone=concurrency == 1) for _ in range(concurrency)]
    tasks = {asyncio.create_task(worker.run()): worker for worker in workers}
    terminated = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminated.set)
    waiting = asyncio.create_task(terminated.wait())
    done, _ = await asyncio.wait({waiting, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    await leave(tasks, GRACE if terminated.is_set() else LONGEST)
    for task in done - {waiting}:
        task.result()  # raises what ended the worker


async def leave(tasks: dict["asyncio.Task[None]", Worker], grace: float) -> None:
    """Let the busy workers finish within ``grace`` seconds; end the idle ones at once."""
    for task, worker in tasks.items():
        worker.leaving = True
        if not worker.busy:
            task.cancel()
    _, late = await asyncio.wait(tasks, timeout=grace)
    for task in late:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _fault(error: BaseException) -> Fault:
    if isinstance(error, NoJson):
        return Fault("Runtime.MarshalError", str(error))  # AWS's own word for it
    return error.fault if isinstance(error, FunctionFailed) else Fault.of(error, reveal=False)


def _parse(event: bytes) -> Any:
    try:
        return json.loads(event)
    except (ValueError, RecursionError):
        raise ForeignEvent("the event is not JSON") from None
