"""The stage of the API's tests: `tests.api.scene` on a running application."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest
from moto import mock_aws

from c1fn.api.app import CLIENT_TOOLS, build_app
from c1fn.api.browsers import PlainText
from c1fn.chat.converse import Chat
from c1fn.chat.tools import Function, Tools
from c1fn.identity.callers import Identify, anybody, by_key
from c1fn.stores import Store
from c1fn.stores.dynamodb import DynamoStore, connect, table
from c1fn.stores.memory import MemoryStore
from c1fn.telemetry.log import Line
from tests.api.owners import ANN, BOB, Meet, Owners
from tests.api.scene import Scene, Stage
from tests.asgi import client_of
from tests.scripted import LIMITS, ScriptedModel, Step
from tests.stores.servers import OneAtATime, Shared


@pytest.fixture
async def stage() -> AsyncGenerator[Stage, None]:
    async with AsyncExitStack() as stack:

        async def make(
            *rounds: list[Step],
            max_body: int = 10_000,
            max_answer: int = 0,
            client_tools: int = CLIENT_TOOLS,
            plain_text: PlainText = "auto",
            identify: Identify = anybody,
            tools: Sequence[Function] = (),
            **options: Any,
        ) -> Scene:
            """:param options: those of the Chat."""
            scene = Scene(ScriptedModel(*rounds), MemoryStore())
            chat = Chat(scene.store, scene.model, Tools(tools), LIMITS, scene.lines.append, **options)
            app = build_app(
                lambda: chat,
                max_body=max_body,
                max_answer=max_answer,
                client_tools=client_tools,
                plain_text=plain_text,
                identify=identify,
            )
            scene.client = await stack.enter_async_context(client_of(app))
            return scene

        yield make


@pytest.fixture(scope="module")
def in_moto() -> Iterator[Any]:
    """A client of DynamoDB in this process."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
            patch.setenv(f"AWS_{name}", "testing")
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        yield OneAtATime(connect())


@pytest.fixture(params=["memory", "dynamodb"])
def each_store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """Each kind of store, one after the other."""
    if request.param == "memory":
        yield MemoryStore()
        return
    client: Any = request.getfixturevalue("in_moto")
    table.create(client, "owners")
    yield DynamoStore(Shared(client), "owners")
    table.delete(client, "owners")


@pytest.fixture
async def meet(each_store: Store) -> AsyncGenerator[Meet, None]:
    async with AsyncExitStack() as stack:

        async def make(
            *rounds: list[Step], identify: Identify | None = None, tools: Sequence[Function] = ()
        ) -> Owners:
            model, lines = ScriptedModel(*rounds), list[Line]()
            chat = Chat(each_store, model, Tools(tools), LIMITS, lines.append)
            keys = by_key({"ann": ANN["x-api-key"], "bob": BOB["x-api-key"]})
            app = build_app(lambda: chat, max_body=10_000, identify=identify or keys)
            return Owners(await stack.enter_async_context(client_of(app)), model, lines)

        yield make
