"""The answers' schemas, beside answers that the app gives."""

import itertools
import json
import re
from typing import Any

from jsonschema.validators import Draft202012Validator
from pydantic import TypeAdapter

from c1fn.api.app import build_app
from c1fn.api.schemas import SHAPES, Health, Message, Problem, Thread, Threads
from c1fn.chat.converse import Chat
from c1fn.chat.tools import Tools
from c1fn.models.offline import OfflineModel
from c1fn.settings import Settings
from c1fn.stores.memory import MemoryStore
from tests.asgi import client_of
from tests.processes import chat_body
from tests.scripted import LIMITS

APP = build_app(
    lambda: Chat(MemoryStore(), OfflineModel(pace=0), Tools(), LIMITS, lambda _: None),
    max_body=Settings.read({}).max_body,
)


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


async def test_bodies_are_refused_as_their_schemas_say() -> None:
    """Fields that depend on each other: each of them missing, null, blank or given."""
    document = APP.openapi()
    async with client_of(APP) as client:
        await client.post("/api/chat", chat_body("hi"))
        for method, path, named, fields in (
            ("POST", "/api/threads/t/fork", "ForkBody", {"through": (None, "r1"), "before": (None, "r1")}),
            (
                *("PUT", "/api/threads/t/messages/r1/feedback", "FeedbackBody"),
                {"value": (None, "up"), "comment": (None, "", " \u3000\x1f\n", "good", " good\n")},
            ),
        ):
            schema = {**document["components"]["schemas"][named], "components": document["components"]}
            for given in itertools.product(*((..., *values) for values in fields.values())):
                body = {name: value for name, value in zip(fields, given, strict=True) if value is not ...}
                answer = await client.request(method, path, body).whole()
                assert Draft202012Validator(schema).is_valid(body) == (answer.status < 300), (
                    body,
                    answer.body,
                )
