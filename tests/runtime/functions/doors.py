"""A handler with doors and with the hooks of a snapshot, around the plain app."""

import os
from typing import Any

from c1fn.runtime import asgi, request
from c1fn.runtime.doors import Mode, door_of
from tests.runtime.functions import plain


class Doors:
    app = staticmethod(plain.app)

    def mode(self, event: Any) -> Mode:
        return "stream" if door_of(event) else "raw" if "raw" in event else "buffer"

    def request(self, event: Any, context: Any) -> tuple[asgi.Scope, bytes]:
        return request.read(event.get("raw", event), context)

    async def buffered(self, event: Any, context: Any) -> Any:
        return {"event": event, "id": context.aws_request_id}

    async def before_snapshot(self) -> None:
        plain.mark("before")
        if os.environ.get("FAIL_SNAPSHOT"):
            raise RuntimeError("no snapshot")

    async def after_restore(self) -> None:
        plain.mark("after")
        if os.environ.get("FAIL_RESTORE"):
            raise RuntimeError("no restore")


handler = Doors()
