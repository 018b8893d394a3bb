"""Log records as JSON lines on stdout, each with the id of the request it belongs to.

With an exec wrapper Lambda's own framing of log records is not available: each line is a record.
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html
"""

import contextvars
import json
import logging
import os
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

from c1fn.runtime.context import Context
from c1fn.runtime.fault import MAX_FRAMES

current: contextvars.ContextVar[Context | None] = contextvars.ContextVar("invocation", default=None)
"""The invocation that this task works for."""


class JsonLines(logging.Formatter):
    """A record as one line. An exception is told by its type and places; its text may quote a request."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        context = current.get()
        if context is not None:
            line["requestId"] = context.aws_request_id
            if context.tenant_id is not None:
                line["tenantId"] = context.tenant_id
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            frames = traceback.extract_tb(error.__traceback__)[-MAX_FRAMES:]
            line["errorType"] = type(error).__name__
            line["stackTrace"] = [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
        return json.dumps(line, ensure_ascii=False)


def install() -> None:
    """Send the root logger's records to stdout. The level is AWS_LAMBDA_LOG_LEVEL, else INFO."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "INFO").upper()
    known = logging.getLevelNamesMapping()
    logging.basicConfig(handlers=[handler], level=known.get(level, logging.INFO), force=True)
