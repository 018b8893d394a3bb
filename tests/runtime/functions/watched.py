"""The project's own handler with one path more: `/watch` tells what lives in this process."""

import asyncio
import gc
import json
import threading
from typing import TYPE_CHECKING

from handler import handler

if TYPE_CHECKING:
    from c1fn.runtime.asgi import Receive, Scope, Send

_app = handler.app.app


async def _watched(scope: "Scope", receive: "Receive", send: "Send") -> None:
    if scope.get("path") != "/watch":
        await _app(scope, receive, send)
        return
    gc.collect()
    alive = {
        "tasks": len(asyncio.all_tasks()),
        "threads": threading.active_count(),
        "objects": len(gc.get_objects()),
    }
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(alive).encode()})


handler.app.app = _watched
