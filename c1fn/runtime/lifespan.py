"""The app's startup and shutdown, and the state that it passes to each request.

https://asgi.readthedocs.io/en/latest/specs/lifespan.html
"""

import asyncio
import logging
from typing import Any

from c1fn.runtime.asgi import App, Message, Receive, Scope, Send

log = logging.getLogger(__name__)


class StartupFailed(Exception):
    """The app said that it cannot start."""


class Lifespan:
    """An ASGI app around ``app`` that can be started and shut down, more than once. Another server may
    serve it too: then that server's own lifespan passes through.

    An app that does not know the protocol is served without it, as the specification asks.
    """

    def __init__(self, app: App) -> None:
        self.app = app
        self._state: dict[str, Any] = {}
        self._task: asyncio.Task[None] | None = None
        self._asked: asyncio.Queue[Message] = asyncio.Queue(2)  # startup and shutdown: there is no third
        self._said: asyncio.Queue[Message] = asyncio.Queue(2)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and "state" not in scope:
            scope = {**scope, "state": dict(self._state)}
        await self.app(scope, receive, send)

    async def startup(self) -> None:
        """:raises StartupFailed: with the app's own words."""
        self._state, self._asked, self._said = {}, asyncio.Queue(2), asyncio.Queue(2)
        self._task = asyncio.create_task(self._run(), name="lifespan")
        said = await self._ask("lifespan.startup")
        if said == {"type": "unsupported"}:
            await self._end()
        elif said["type"] != "lifespan.startup.complete":
            await self._end()
            raise StartupFailed(said.get("message") or "the app's startup failed")

    async def shutdown(self) -> None:
        """Let the app give back what it holds. A failure is logged: there is nobody left to refuse."""
        if self._task is None:
            return
        said = await self._ask("lifespan.shutdown")
        if said["type"] != "lifespan.shutdown.complete":
            log.error("the app's shutdown failed")
        await self._end()

    async def _ask(self, what: str) -> Message:
        self._asked.put_nowait({"type": what})
        return await self._said.get()

    async def _end(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            await asyncio.wait({task})

    async def _run(self) -> None:
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self._state,
        }
        try:
            await self.app(scope, self._asked.get, self._said.put)
        except Exception as error:  # noqa: BLE001 - any error before an answer means: not supported
            log.debug("the app left its lifespan with %s", type(error).__name__)
        finally:  # cancelled, too: an event loop that is ended cancels every task
            if not self._said.full():  # nobody waits, or somebody waits in vain
                self._said.put_nowait({"type": "unsupported"})


async def started(app: App) -> Lifespan:
    """Start the app. One that is a ``Lifespan`` already shares it with us."""
    lifespan = app if isinstance(app, Lifespan) else Lifespan(app)
    await lifespan.startup()
    return lifespan
