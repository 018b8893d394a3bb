"""The plain app as AWS's own runtime would serve it: whole today, streamed where it can."""

import asyncio
import sys
from typing import Any

from c1fn.runtime import native
from c1fn.runtime.load_handler import Plain
from tests.runtime.functions.plain import app

_plain = Plain(app)


def whole(event: Any, context: Any) -> Any:
    return asyncio.run(_plain.buffered(event, context))


_runtime = sys.modules.get("awslambdaric")
handler = native.streamed(_runtime, _plain) if native.can_stream(_runtime) else whole
