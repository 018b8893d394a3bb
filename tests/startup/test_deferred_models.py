"""Imports that cost less."""

import sys
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from c1fn.startup.deferred_models import OLD, deferred
from tests.startup.test_lazy_imports import fresh


def test_a_model_of_the_block_is_built_when_it_is_first_used() -> None:
    with deferred():

        class Lazy(BaseModel):
            n: int

    assert not Lazy.__pydantic_complete__
    assert Lazy(n="1").n == 1  # type: ignore[arg-type]  # pydantic reads it
    with pytest.raises(ValidationError):
        Lazy(n="x")  # type: ignore[arg-type]  # as above


def test_a_models_own_word_counts() -> None:
    with deferred():

        class Eager(BaseModel):
            model_config = ConfigDict(defer_build=False)
            n: int

    assert Eager.__pydantic_complete__


def test_only_the_block_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, OLD, raising=False)
    before = dict(BaseModel.model_config)
    with pytest.raises(ImportError), deferred():
        __import__(OLD)
    assert BaseModel.model_config == before
    assert OLD not in sys.modules


def test_a_start_leaves_the_description_of_openapi_to_those_who_ask_for_it() -> None:
    """And they get it whole."""
    program = (
        "import sys, handler\n"
        "from fastapi.openapi.models import OpenAPI\n"
        "print('pydantic.v1' in sys.modules, OpenAPI.__pydantic_complete__)\n"
        "print('/api/chat' in handler.app.app.openapi()['paths'])\n"
    )
    assert Path("handler.py").exists()
    assert fresh(program).split() == ["False", "False", "True"]


def test_a_first_request_needs_nothing_of_pydantic_1() -> None:
    """FastAPI asks for it when it builds a route, so routes are built in the block."""
    program = (
        "import asyncio, sys, handler\n"
        "from tests.asgi import client_of\n"
        "async def main():\n"
        "    async with client_of(handler.app) as client:\n"
        "        print((await client.get('/healthz')).status)\n"
        "asyncio.run(main())\n"
        "print('pydantic.v1' in sys.modules)\n"
    )
    assert fresh(program).split() == ["200", "False"]
