"""The stage of the chat's tests."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from c1fn.chat.converse import Chat
from c1fn.chat.tools import Function, Tools
from c1fn.stores.memory import MemoryStore
from tests.chat.scene import Pulse, Scene, Stage, add
from tests.scripted import LIMITS, ScriptedModel, Step


@pytest.fixture
async def stage() -> AsyncGenerator[Stage, None]:
    chats: list[Chat] = []

    def make(
        *rounds: list[Step],
        store: MemoryStore | None = None,
        followed: float = 60,
        tools: Sequence[Function] = (add,),
        **limits: Any,
    ) -> Scene:
        model, lines, pulse = ScriptedModel(*rounds), [], Pulse()  # type: ignore[var-annotated]  # filled below
        store = store or MemoryStore()
        all_limits = replace(LIMITS, **limits)
        chat = Chat(store, model, Tools(tools), all_limits, lines.append, sleep=pulse, followed=followed)
        chats.append(chat)
        return Scene(model, chat, store, lines, pulse)

    yield make
    for chat in chats:
        await chat.aclose(grace=0)
