"""Imports that cost less: pydantic's models are built when they are first used.

FastAPI describes all of OpenAPI in pydantic models, and building them is the largest single part of a cold
start, though only a reader of ``/openapi.json`` needs them. pydantic can put that off (``defer_build``);
inside the block it is what every model does that does not say otherwise. FastAPI also looks whether anything
is a model of pydantic 1, and imports that whole library to know: inside the block it is not there, which
FastAPI understands. Nothing that runs later is changed.

https://pydantic.dev/docs/validation/latest/api/pydantic/config/#pydantic.config.ConfigDict.defer_build
"""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

from pydantic import BaseModel, ConfigDict

OLD = "pydantic.v1"


@contextmanager
def deferred() -> Generator[None]:
    """Import and build a web application in the block, while nothing else is imported."""
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
