"""The app's startup and shutdown."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from c1fn.runtime.asgi import Receive, Scope, Send
from c1fn.runtime.lifespan import Lifespan, StartupFailed


class Recorded:
    """An app that notes what it is asked, and answers as told."""

    def __init__(
        self, startup: str = "lifespan.startup.complete", shutdown: str = "lifespan.shutdown.complete"
    ) -> None:
        self.seen: list[Any] = []
        self._startup = startup
        self._shutdown = shutdown

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.seen.append(scope["state"])
            return
        for answer in (self._startup, self._shutdown):
            self.seen.append((await receive())["type"])
            scope["state"]["times"] = len(self.seen)
            await send({"type": answer, "message": "no table"})
            if "failed" in answer:
                raise RuntimeError


async def silence() -> Any:
    raise AssertionError("nobody should listen")


async def drop(_: Any) -> None:
    raise AssertionError("nobody should speak")


async def test_an_app_is_started_shut_down_and_started_again() -> None:
    app = Recorded()
    lifespan = Lifespan(app)
    for _ in range(2):
        await lifespan.startup()
        await lifespan.shutdown()
    assert app.seen == ["lifespan.startup", "lifespan.shutdown"] * 2


async def test_an_app_whose_lifespan_was_cancelled_is_shut_down_all_the_same() -> None:
    """So it is at the end of an event loop, which cancels everything that runs in it."""
    lifespan = Lifespan(Recorded())
    await lifespan.startup()
    (running,) = (task for task in asyncio.all_tasks() if task.get_name() == "lifespan")
    running.cancel()
    await lifespan.shutdown()
    assert running.cancelled()


async def test_each_request_gets_a_copy_of_the_state() -> None:
    app = Recorded()
    lifespan = Lifespan(app)
    await lifespan.startup()
    await lifespan({"type": "http"}, silence, drop)
    app.seen[-1]["own"] = True
    await lifespan({"type": "http"}, silence, drop)
    assert app.seen[-1] == {"times": 1}
    await lifespan.shutdown()


async def test_the_state_of_another_server_passes_through() -> None:
    app = Recorded()
    await Lifespan(app)({"type": "http", "state": {"theirs": 1}}, silence, drop)
    assert app.seen == [{"theirs": 1}]


async def test_an_app_that_cannot_start_says_why() -> None:
    lifespan = Lifespan(Recorded(startup="lifespan.startup.failed"))
    with pytest.raises(StartupFailed, match="no table"):
        await lifespan.startup()
    await lifespan.shutdown()


async def test_a_shutdown_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    lifespan = Lifespan(Recorded(shutdown="lifespan.shutdown.failed"))
    await lifespan.startup()
    await lifespan.shutdown()
    assert "the app's shutdown failed" in caplog.text


async def raises(scope: Scope, *_: Any) -> None:
    assert scope["type"] == "http"


async def returns(*_: Any) -> None:
    return


@pytest.mark.parametrize("app", [raises, returns])
async def test_an_app_without_the_protocol_is_served_without_it(app: Callable[..., Any]) -> None:
    lifespan = Lifespan(app)
    await lifespan.startup()
    await lifespan.shutdown()


async def test_a_shutdown_without_a_startup_is_nothing() -> None:
    app = Recorded()
    await Lifespan(app).shutdown()
    assert app.seen == []
