"""The answers' schemas, beside answers that the app gives."""

import json
import re
from typing import Any

from pydantic import TypeAdapter

from c1fn import compose
from c1fn.api.schemas import SHAPES, Health, Message, Problem, Thread, Threads
from c1fn.settings import Settings
from tests.asgi import client_of
from tests.processes import chat_body

APP = compose.web_app(Settings.read({"C1FN_MODEL": "offline", "C1FN_AUTH": "none"}))


def test_the_document_names_every_schema() -> None:
    """One that nothing refers to describes nothing."""
    named = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(APP.openapi())))
    assert {shape.__name__ for shape in SHAPES} <= named


async def test_answers_are_as_their_schemas_say() -> None:
    async with client_of(APP) as client:
        created = await client.post("/api/threads", {"threadId": "t"})
        await client.post("/api/chat", chat_body("hi"))
        for path, shape in (
            ("/healthz", Health),
            ("/api/threads", Threads),
            ("/api/threads/t/messages", list[Message]),
            ("/api/threads/none/messages", Problem),
        ):
            TypeAdapter[Any](shape).validate_json((await client.get(path)).body)
        Thread.model_validate_json(created.body)
