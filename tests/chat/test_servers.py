"""Without servers a turn has its own functions, and nothing more to do."""

import pytest

from c1fn.chat.converse import Chat
from c1fn.chat.servers import NoServers
from c1fn.chat.tools import Tools
from c1fn.errors import ModelBusy
from c1fn.stores.memory import MemoryStore
from c1fn.turn import Ask, Message
from tests.chat.scene import ask, heard
from tests.scripted import LIMITS, ScriptedModel, Step, says


async def test_without_servers_there_is_nothing_to_open_or_to_close() -> None:
    none = NoServers()
    none.connect()
    assert await none.tools() == {}
    none.end(Ask("o", "t", "r", Message("user", "hi")))
    await none.settle()
    await none.aclose()


async def test_tools_without_servers_are_the_functions() -> None:
    assert await Tools().specs() == ()


class Listening(NoServers):
    """Servers without tools that are told of each turn's end."""

    def __init__(self) -> None:
        self.ended: list[str] = []

    def end(self, ask: Ask) -> None:
        self.ended.append(ask.response_id)


@pytest.mark.parametrize("script", [says("hello"), [ModelBusy()]], ids=["answered", "failed"])
async def test_servers_are_told_once_that_a_turn_is_over_however_it_ends(script: list[Step]) -> None:
    """What they opened for it is closed then."""
    servers = Listening()
    chat = Chat(MemoryStore(), ScriptedModel(script), Tools(servers=servers), LIMITS, lambda _: None)
    await heard(await chat.begin(ask()))
    assert servers.ended == ["r1"]
    await chat.aclose(grace=0)
