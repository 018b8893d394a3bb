"""The start of a process: import, startup, snapshot and restore, then the runtime loop.

A failure here is reported to Lambda as an init error or a restore error, with its message: there was no
request yet, so the message cannot contain one.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-initerror
"""

import logging
from collections.abc import Mapping

from c1fn.runtime import snapstart
from c1fn.runtime.fault import Fault
from c1fn.runtime.lifespan import Lifespan, started
from c1fn.runtime.link import Fatal, Platform
from c1fn.runtime.load_handler import Handler, load
from c1fn.runtime.loop import serve
from c1fn.runtime.protocol import Address, Connection
from c1fn.startup import garbage

log = logging.getLogger(__name__)

MAX_CONCURRENCY = 1600
"""Invocations at once that are accepted from the environment: Lambda's own limit for one instance."""


async def run(environ: Mapping[str, str]) -> int:
    """Serve ``_HANDLER`` to AWS_LAMBDA_RUNTIME_API until terminated; returns the exit code.

    :raises ValueError: there is no Runtime API to tell anything to.
    """
    address = Address.parse(environ.get("AWS_LAMBDA_RUNTIME_API", ""))
    platform = Platform(address)
    report = Connection.init_error
    try:
        concurrency = _concurrency(environ)
        handler = load(environ.get("_HANDLER", ""), concurrency)
        lifespan = await started(handler.app)
        if environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
            await snapstart.before_snapshot(handler, lifespan)
            await snapstart.wait(platform)
            report = Connection.restore_error
            lifespan = await snapstart.after_restore(handler)
    except Fatal as error:
        return _give_up(error)
    except (Exception, SystemExit) as error:
        fault = Fault.of(error, reveal=True)
        log.exception("the function cannot start: %s", fault.message)
        await platform.tell(lambda connection: report(connection, fault))
        return 1
    finally:
        platform.close()
    return await _serve(address, handler, lifespan, concurrency)


async def _serve(address: Address, handler: Handler, lifespan: Lifespan, concurrency: int) -> int:
    garbage.resume()
    try:
        await serve(address, handler, lifespan, concurrency=concurrency)
    except Fatal as error:
        return _give_up(error)
    finally:
        await lifespan.shutdown()
    return 0


def _give_up(error: Fatal) -> int:
    log.error("%s", error)
    return 1


def _concurrency(environ: Mapping[str, str]) -> int:
    text = environ.get("AWS_LAMBDA_MAX_CONCURRENCY", "1")
    if not text.isdecimal() or not 1 <= int(text) <= MAX_CONCURRENCY:
        raise ValueError(f"AWS_LAMBDA_MAX_CONCURRENCY is {text!r}; it must be 1 to {MAX_CONCURRENCY}")
    return int(text)
