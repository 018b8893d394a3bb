"""Whatever stands in any field of any endpoint, it is no 5xx: each of those rings an operator's alarm.

The fields are those of the OpenAPI document, so a new one is tried without a line here.
"""

import base64
import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c1fn.api.app import build_app
from c1fn.chat.converse import Chat
from c1fn.chat.tools import Tools
from c1fn.models.offline import OfflineModel
from c1fn.settings import Settings
from c1fn.stores import Store
from c1fn.stores.dynamodb import DynamoStore, connect, service, table
from c1fn.stores.memory import MemoryStore
from tests.asgi import Client, Exchange, client_of
from tests.scripted import LIMITS

MAX_BODY = Settings.read({}).max_body
TABLE = "fields"


@dataclass(frozen=True)
class Place:
    """One field of one endpoint: in its path, its query or its body."""

    method: str
    path: str
    where: str
    name: str

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.where} {self.name}"


def chat(store: Store) -> Chat:
    return Chat(store, OfflineModel(pace=0), Tools(), LIMITS, lambda _: None)


def fields(schema: dict[str, Any], schemas: dict[str, Any], before: str = "") -> Iterator[str]:
    """Every property that a body of this schema may have, as a path."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    for name, told in schema.get("properties", {}).items():
        yield f"{before}{name}"
        yield from fields(told, schemas, f"{before}{name}.")


APP = build_app(lambda: chat(MemoryStore()), max_body=MAX_BODY)


def places() -> Iterator[Place]:
    told = APP.openapi()
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            for parameter in operation.get("parameters", ()):
                yield Place(method.upper(), path, parameter["in"], parameter["name"])
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            for name in fields(body.get("schema", {}), told["components"]["schemas"]):
                yield Place(method.upper(), path, "body", name)


PLACES = sorted(places(), key=str)

GOOD: dict[str, Any] = {
    "prompt": {"role": "user", "content": "hi", "id": "p"},
    "threadId": "t",
    "responseId": "r",
    "title": "mine",
    "content": "an answer",
    "approved": ["c1"],
}

NINES = "9" * 5000
CURSORS = [
    base64.urlsafe_b64encode(text.encode()).decode()
    for text in (
        '[1e999,"t"]',
        "[1,2]",
        f'[{NINES},"t"]',
        f'[{"9" * 40},"t"]',
        '[-1,"t"]',
        '[1,""]',
        '[1,"\\ud800"]',
        f'[1,"{"é" * 600}"]',
    )
]
TEXTS = [
    "",
    " ",
    "\x00",
    "\ud800",
    "\u2028",
    "😀" * 128,
    "x" * 129,
    NINES,
    f"&#{NINES}",
    f"<content>&#{NINES}</content>",
    f"<content>&#x{'f' * 5000}</content><context>[{NINES}]</context>",
    "<content" * 2000,
    '<context>["User clicked on Button: c1fn:approve:r"]</context>',
    '<context>["User clicked on Button: c1fn:refuse:\\ud800"]</context>',
    f"<context>c1fn:{'[' * 3000}</context>",
    "%00%2F%2e%2e",
    "../../etc/passwd",
    "T#a#b",
    "inf",
    "-1",
    "1e999",
    "٣",
    "None",
    "$(id)",
    "[" * 3000,
    *CURSORS,
]
TOKENS = [
    "null",
    "true",
    "1",
    "-0.0",
    "1e999",
    NINES,
    "[]",
    "{}",
    "[[" * 50 + "]]" * 50,
    '{"": {}}',
    '"\\ud800"',
]
"""What may stand in JSON where a text is expected."""

hostile = st.sampled_from(TEXTS) | st.text(st.characters(), max_size=200)


def body_with(name: str, token: str) -> bytes:
    """The usual body, in which this field holds this piece of JSON."""
    *above, last = name.split(".")
    made = json.loads(json.dumps(GOOD))
    inner = made
    for step in above:
        inner = inner[step]
    inner[last] = "\x00here"
    return json.dumps(made).replace(json.dumps("\x00here"), token).encode()


def sent(client: Client, place: Place, text: str, token: str | None) -> Exchange:
    """A request with this text, or this piece of JSON, in that place."""
    values = {"threadId": "t", "responseId": "r", "token": "x"}
    escaped = quote(text, safe="", errors="surrogatepass")
    if place.where == "path":
        values[place.name] = escaped
    path = place.path.format(**values)
    query = f"?{place.name}={escaped}" if place.where == "query" else ""
    name = place.name if place.where == "body" else "threadId"
    said = '"t"' if place.where != "body" else token if token is not None else json.dumps(text)
    return client.request(place.method, path + query, body_with(name, said))


def stands(answer: Exchange) -> None:
    """It is no fault of ours: neither by its status, nor by a card in an answer that had begun."""
    assert answer.status < 500, answer.body
    assert answer.headers.get("c1fn-error") != "internal"
    assert b"internal" not in answer.body.lower()


@asynccontextmanager
async def serving() -> AsyncGenerator[Client, None]:
    async with client_of(APP) as client:
        await client.post("/api/threads", {"threadId": "t"})
        yield client


@pytest.mark.parametrize("place", PLACES, ids=str)
@settings(deadline=None, max_examples=25)
@given(text=hostile, token=st.none() | st.sampled_from(TOKENS))
async def test_no_text_and_no_number_in_any_field_is_a_fault_of_ours(
    place: Place, text: str, token: str | None
) -> None:
    async with serving() as client:
        stands(await sent(client, place, text, token).whole())


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
async def test_each_text_that_broke_something_is_tried_in_every_field(text: str) -> None:
    async with serving() as client:
        for place in PLACES:
            stands(await sent(client, place, text, None).whole())


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("place", PLACES, ids=str)
async def test_nor_is_it_with_a_database_behind(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database has limits of its own on keys and numbers."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    client = connect(None)
    table.create(client, TABLE)
    app = build_app(lambda: chat(DynamoStore(service(None), TABLE)), max_body=MAX_BODY)
    async with client_of(app) as http:
        await http.post("/api/threads", {"threadId": "t"})
        for text in TEXTS:
            stands(await sent(http, place, text, None).whole())


def test_every_field_of_every_endpoint_is_tried() -> None:
    assert len(PLACES) >= 20
    assert {place.where for place in PLACES} == {"path", "query", "body"}
