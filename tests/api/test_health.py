"""The health checks tell whether requests are served, and whether turns can begin."""

from c1fn import __version__
from c1fn.api.app import build_app
from c1fn.chat.converse import Chat
from c1fn.chat.tools import Tools
from c1fn.errors import StoreUnavailable
from c1fn.identity.callers import by_key
from c1fn.stores.memory import MemoryStore
from tests.asgi import client_of
from tests.scripted import LIMITS, ScriptedModel, says

OK = {"status": "ok", "version": __version__}
ANN = {"x-api-key": "k"}


class Down(MemoryStore):
    """A store that cannot be used."""

    async def ready(self) -> None:
        raise StoreUnavailable("The table is missing.")


async def test_they_answer_while_the_store_does() -> None:
    chat = Chat(MemoryStore(), ScriptedModel(says("a")), Tools(), LIMITS, lambda _: None)
    async with client_of(build_app(lambda: chat, max_body=1024)) as client:
        assert (await client.get("/healthz")).json == OK
        assert (await client.get("/readyz")).json == OK


async def test_a_store_that_is_down_is_no_reason_to_end_the_process() -> None:
    """Only `/readyz` calls it, and only for who is known."""
    chat = Chat(Down(), ScriptedModel(says("a")), Tools(), LIMITS, lambda _: None)
    app = build_app(lambda: chat, max_body=1024, identify=by_key({"ann": "k"}))
    async with client_of(app) as client:
        assert (await client.get("/healthz")).json == OK
        assert (await client.get("/readyz")).status == 401
        down = await client.get("/readyz", headers=ANN)
        assert (down.status, down.json["detail"]) == (503, "The table is missing.")
