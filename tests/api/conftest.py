"""The stage of the API's tests: `tests.api.scene` on a running application."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack

import pytest

from c1fn.api.app import build_app
from c1fn.api.browsers import PlainText
from c1fn.chat.converse import Chat
from c1fn.chat.tools import Tools
from c1fn.identity.callers import Identify, anybody
from c1fn.stores.memory import MemoryStore
from tests.api.scene import Scene, Stage
from tests.asgi import client_of
from tests.scripted import LIMITS, ScriptedModel, Step


@pytest.fixture
async def stage() -> AsyncGenerator[Stage, None]:
    async with AsyncExitStack() as stack:

        async def make(
            *rounds: list[Step],
            max_body: int = 10_000,
            plain_text: PlainText = "auto",
            identify: Identify = anybody,
        ) -> Scene:
            scene = Scene(ScriptedModel(*rounds), MemoryStore())
            chat = Chat(scene.store, scene.model, Tools(), LIMITS, scene.lines.append)
            app = build_app(lambda: chat, max_body=max_body, plain_text=plain_text, identify=identify)
            scene.client = await stack.enter_async_context(client_of(app))
            return scene

        yield make
