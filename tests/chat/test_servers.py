"""Without servers a turn has its own functions, and nothing more to do."""

from c1fn.chat.servers import NoServers
from c1fn.chat.tools import Tools
from c1fn.turn import Ask, Message


async def test_without_servers_there_is_nothing_to_open_or_to_close() -> None:
    none = NoServers()
    none.connect()
    assert await none.tools() == {}
    none.end(Ask("o", "t", "r", Message("user", "hi")))
    await none.settle()
    await none.aclose()


async def test_tools_without_servers_are_the_functions() -> None:
    assert await Tools().specs() == ()
