"""From a new process to one that serves: import, startup, snapshot and restore, then the loop.

What fails here is told to the platform as an init error or a restore error, with its message: no request
has been seen yet, so it can quote none.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-initerror
https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks.html
"""

import gc
import logging
import random
from collections.abc import Callable, Mapping

from c1fn.runtime.fault import Fault
from c1fn.runtime.handler import Handler, load
from c1fn.runtime.lifespan import Lifespan
from c1fn.runtime.link import Fatal, Platform
from c1fn.runtime.loop import serve
from c1fn.runtime.protocol import Address, Connection, Restored

log = logging.getLogger(__name__)

MAX_CONCURRENCY = 1600
"""Invocations at once that are accepted from the environment: Lambda's own limit for one instance."""


async def run(environ: Mapping[str, str]) -> int:
    """Serve ``_HANDLER`` to AWS_LAMBDA_RUNTIME_API until terminated; returns the exit code."""
    address = Address.parse(environ["AWS_LAMBDA_RUNTIME_API"])
    platform = Platform(address)
    try:
        handler = load(environ.get("_HANDLER", ""))
        concurrency = _concurrency(environ)
        lifespan = await _start(handler)
        snapshot = environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start"
        if snapshot:
            await lifespan.shutdown()  # gives every socket back: a copy of it would be dead
            await _hook(handler, "before_snapshot")
    except (Exception, SystemExit) as error:
        log.exception("the function cannot start")
        await _tell(platform, Connection.init_error, error)
        return 1
    if snapshot:
        try:
            lifespan = await _restore(platform, handler)
        except Fatal:
            raise
        except Exception as error:
            log.exception("the function cannot be restored")
            await _tell(platform, Connection.restore_error, error)
            return 1
    gc.freeze()  # what was imported stays: the collector need not walk it
    gc.enable()
    try:
        await serve(address, handler, lifespan, concurrency=concurrency)
    except Fatal as error:
        log.error("%s", error)  # noqa: TRY400 - the platform's doing, no trace of ours to show
        return 1
    finally:
        await lifespan.shutdown()
    return 0


async def _start(handler: Handler) -> Lifespan:
    """Start the app. A handler whose app is a ``Lifespan`` already shares it with us."""
    app = handler.app
    lifespan = app if isinstance(app, Lifespan) else Lifespan(app)
    await lifespan.startup()
    return lifespan


async def _restore(platform: Platform, handler: Handler) -> Lifespan:
    """Wait as the snapshot is taken; go on in the restored copy, with everything made anew."""
    restored = await platform.get(Connection.restore_next)
    if not isinstance(restored, Restored):
        raise Fatal(f"restore/next was answered with {restored}")
    random.seed()  # every copy woke up with the same generator
    await _hook(handler, "after_restore")
    lifespan = await _start(handler)
    platform.close()
    return lifespan


async def _hook(handler: Handler, name: str) -> None:
    hook = getattr(handler, name, None)
    if hook is not None:
        await hook()


async def _tell(
    platform: Platform, report: Callable[[Connection, Fault], bytes], error: BaseException
) -> None:
    fault = Fault.of(error, reveal=True)
    await platform.tell(lambda connection: report(connection, fault))
    platform.close()


def _concurrency(environ: Mapping[str, str]) -> int:
    text = environ.get("AWS_LAMBDA_MAX_CONCURRENCY", "1")
    if not text.isdecimal() or not 1 <= int(text) <= MAX_CONCURRENCY:
        raise ValueError(f"AWS_LAMBDA_MAX_CONCURRENCY is {text!r}; it must be 1 to {MAX_CONCURRENCY}")
    return int(text)
