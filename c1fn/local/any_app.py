"""`c1fn lambda --app main:app`: runs any ASGI app in the Lambda emulator.

The app is imported as uvicorn does, from the working directory. Each process takes one request at a time, as
on Lambda, so what an app keeps in memory is not shared.
"""

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path

from c1fn.runtime.emulator import Emulator

NAMED = re.compile(r"\w+(\.\w+)*:\w+")
"""module:attribute"""

NOT_PASSED = ("AWS_LAMBDA_", "LAMBDA_", "_HANDLER")
"""Beginnings of variables that are the platform's to set."""


class NoApp(Exception):
    """It does not name an app; the message says how one is named."""


def handler_of(app: str) -> str:
    """What ``_HANDLER`` is for an app. :raises NoApp: it names none."""
    if not NAMED.fullmatch(app):
        raise NoApp(f"--app is {app!r}; name a module and what is in it, as in main:app")
    return app.replace(":", ".")


async def serve(app: str, port: int, environ: Mapping[str, str]) -> None:
    """Until it is cancelled. :raises NoApp: :raises OSError: the port is taken."""
    handler = handler_of(app)
    own = {name: value for name, value in environ.items() if not name.startswith(NOT_PASSED)}
    async with Emulator(task_root=Path.cwd(), handler=handler, environ=own, port=port) as emulator:
        print(f"{app}\n{emulator}", flush=True)  # noqa: T201 - a command line prints
        await asyncio.Event().wait()
