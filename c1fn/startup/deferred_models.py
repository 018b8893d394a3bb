"""Makes imports cheaper: pydantic's models are built at their first use.

FastAPI describes all of OpenAPI in pydantic models, and building them is the largest single part of its
import, though only requests of ``/openapi.json`` need them. pydantic can defer this (``defer_build``); inside
the block that is the default of every model. FastAPI also checks for models of pydantic 1, and imports that
whole library to do so: inside the block that import fails, which FastAPI handles. Later code is not affected.

Without it a start with FastAPI takes 11 % more CPU (least of 10 interleaved starts on a busy machine: 489 →
545 ms): one whose first request is no prompt (`api/app.py`), or that waits for its first request.
Where pydantic's models have no configuration to inherit (``TOUCHED``), or with C1FN_PLAIN_START=1, they
are built as usual.

https://pydantic.dev/docs/validation/latest/api/pydantic/config/#pydantic.config.ConfigDict.defer_build
"""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

from pydantic import BaseModel, ConfigDict

from c1fn.startup import is_plain

OLD = "pydantic.v1"

TOUCHED = "model_config"
"""Of ``BaseModel``: what every model inherits."""

USABLE = hasattr(BaseModel, TOUCHED)


@contextmanager
def deferred() -> Generator[None]:
    """Import and build routes of a web application in the block. A model that another thread makes meanwhile
    is built at its first use as well.
    """
    if is_plain() or not USABLE:
        yield
        return
    modules = cast("dict[str, Any]", sys.modules)
    usual, absent = BaseModel.model_config, OLD not in modules
    BaseModel.model_config = ConfigDict(**{**usual, "defer_build": True})
    if absent:
        modules[OLD] = None  # how Python is told that an import fails
    try:
        yield
    finally:
        BaseModel.model_config = usual
        if absent:
            del modules[OLD]
